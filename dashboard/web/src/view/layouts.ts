/** What the layouts share: their words, and how large the room is that they draw in. */
import type { RefObject } from "preact";
import { useLayoutEffect, useMemo, useState } from "preact/hooks";
import { phrases, type Speech } from "../i18n";
import { en } from "../layouts.en";
import { zh } from "../layouts.zh";

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
