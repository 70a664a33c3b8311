/** What every part of the view needs. */
import { createContext } from "preact";
import { useContext, useEffect, useReducer } from "preact/hooks";
import type { Speech } from "../i18n";
import type { Store } from "../store";
import type { Row } from "../types";

export interface View {
  store: Store;
  speech: Speech;
  select(id: number): void;
  /** Ask before a task is stopped. */
  askStop(row: Row): void;
  /** Ask before a task is restarted that has others; one that has none is restarted at once. */
  askRestart(row: Row): void;
  command(kind: "restart" | "start", row: Row): void;
  say(text: string, failed?: boolean): void;
}

export const ViewContext = createContext<View>(null as unknown as View);

export const useView = () => useContext(ViewContext);

/** Draw again when the store changes. */
export function useStore(store: Store): void {
  const [, again] = useReducer((count: number) => count + 1, 0);
  useEffect(() => store.listen(() => again(undefined as never)), [store]);
}

/** Draw again each second, so that durations tick; not while the page is out of sight. */
export function useTick(): void {
  const [, again] = useReducer((count: number) => count + 1, 0);
  useEffect(() => {
    const timer = setInterval(() => document.hidden || again(undefined as never), 1000);
    return () => clearInterval(timer);
  }, []);
}
