/** What the layouts share: their words, the room that they draw in, texts that are cut to it, the pointer. */
import type { RefObject } from "preact";
import { useLayoutEffect, useMemo, useState } from "preact/hooks";
import { cutName, cutTo } from "../format";
import { phrases, type Speech } from "../i18n";
import { en } from "../layouts.en";
import { zh } from "../layouts.zh";
import { FONTS } from "../style";

export function useWords(speech: Speech) {
  return useMemo(() => phrases(speech.language === "zh" ? zh : en, speech.tag), [speech]);
}

export interface Size {
  width: number;
  height: number;
}

export function useSize(element: RefObject<HTMLElement>): Size {
  const [size, setSize] = useState({ width: 0, height: 0 });
  useLayoutEffect(() => {
    const look = () => {
      const { clientWidth: width, clientHeight: height } = element.current!;
      setSize((before) => (before.width === width && before.height === height ? before : { width, height }));
    };
    const watch = new ResizeObserver(look);
    watch.observe(element.current!);
    look();
    return () => watch.disconnect();
  }, []);
  return size;
}

/** So much of the room is under the details, which lie over the picture so that it stays as it is. */
export function coveredBy(selected: number | null, room: Size): number {
  return selected !== null && room.width > 2 * SIDE ? SIDE : 0;
}

const SIDE = 340;

let pen: CanvasRenderingContext2D | null = null;

/** How wide a text is: SVG neither cuts nor wraps by itself. */
export function widthOf(text: string, weight: number, size: number): number {
  pen ??= document.createElement("canvas").getContext("2d");
  if (!pen) return text.length * size * 0.6;
  pen.font = `${weight} ${size}px ${FONTS}`;
  return pen.measureText(text).width;
}

/** As much of a text as fits. */
export function clip(text: string, width: number, weight: number, size: number): string {
  return cutTo(text, (cut) => widthOf(cut, weight, size) <= width);
}

/** As much of the name of a task as fits. */
export function clipName(name: string, width: number, weight: number, size: number): string {
  return cutName(name, (cut) => widthOf(cut, weight, size) <= width);
}

/** Follow the pointer until its button is released. */
export function follow(move: (event: PointerEvent) => void, end: () => void = () => {}): void {
  const over = new AbortController();
  const { signal } = over;
  addEventListener("pointermove", move, { signal });
  for (const kind of ["pointerup", "pointercancel"]) {
    addEventListener(kind, () => (over.abort(), end()), { signal });
  }
}

export function FitIcon() {
  return (
    <svg class="icon" width="16" height="16" viewBox="0 0 16 16" aria-hidden="true" focusable="false">
      <path d="M2.5 6V2.5H6M10 2.5h3.5V6M13.5 10v3.5H10M6 13.5H2.5V10" fill="none" stroke="currentColor" stroke-width="1.6" />
    </svg>
  );
}
