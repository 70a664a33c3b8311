/** What the layouts share: their words, the room that they draw in, and what there is beside the picture. */
import type { RefObject } from "preact";
import { useLayoutEffect, useMemo, useState } from "preact/hooks";
import { phrases, type Speech } from "../i18n";
import { en } from "../layouts.en";
import { zh } from "../layouts.zh";
import { FONTS } from "../style";
import { useView } from "./context";
import type { Filter } from "./forest";
import { Blank } from "./states";

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

/** Give the keyboard to the details, once they are there. */
export function focusDetails(from: RefObject<HTMLElement>): void {
  requestAnimationFrame(() => {
    const root = from.current?.getRootNode() as ShadowRoot | undefined;
    root?.querySelector<HTMLElement>(".details .actions button:not(:disabled), .details-body")?.focus({ preventScroll: true });
  });
}

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
  if (widthOf(text, weight, size) <= width) return text;
  let cut = text;
  while (cut.length > 1 && widthOf(`${cut}…`, weight, size) > width) cut = cut.slice(0, -1);
  return `${cut.trimEnd()}…`;
}

export function FitIcon() {
  return (
    <svg class="icon" width="16" height="16" viewBox="0 0 16 16" aria-hidden="true" focusable="false">
      <path d="M2.5 6V2.5H6M10 2.5h3.5V6M13.5 10v3.5H10M6 13.5H2.5V10" fill="none" stroke="currentColor" stroke-width="1.6" />
    </svg>
  );
}

/** Instead of a picture: there is none yet, or the filter leaves nothing of it. */
export function NoPicture({ filter }: { filter: Filter }) {
  const { store, speech } = useView();
  if (!store.ready) return <Blank kind="loading" />;
  return (
    <Blank kind="filtered">
      <button class="button" onClick={filter.clear}>
        {speech.t("tree.clear")}
      </button>
    </Blank>
  );
}
