/** The lines of the tree: what is filtered, and what is folded. */
import { useCallback, useMemo, useState } from "preact/hooks";
import { groupOf, type Group } from "../states";
import { count, lines as linesOf } from "../tree";
import { useStore, useView } from "./context";

/** What the reader wants to see. */
export function useFilter() {
  const [text, setText] = useState("");
  const [group, setGroup] = useState<Group | null>(null);
  const clear = () => {
    setText("");
    setGroup(null);
  };
  return { text, group, filtering: text !== "" || group !== null, setText, setGroup, clear };
}

export type Filter = ReturnType<typeof useFilter>;

export function useCounts() {
  const { store } = useView();
  useStore(store);
  return useMemo(() => {
    const counted = count(store.rows);
    for (const [id, row] of store.stopped) if (!store.rows.has(id)) counted[groupOf(row)]++;
    return counted;
  }, [store.version, store.paused]);
}

/** `ended`: those that have stopped are shown, too, each where it was. */
export function useForest({ text, group }: Filter, ended = false) {
  const { store } = useView();
  const [closed, setClosed] = useState<ReadonlySet<number>>(new Set());
  useStore(store);
  const withStopped = ended || group === "stopped" || group === "failed";
  const rows = useMemo(() => {
    if (!withStopped) return store.rows;
    const all = [...store.rows, ...store.stopped];
    return new Map(ended ? all.sort(([one], [other]) => one - other) : all);
  }, [store.version, withStopped, ended, store.paused]);
  const lines = useMemo(() => linesOf(rows, closed, { text, group }), [rows, store.version, closed, text, group]);
  const onToggle = useCallback((id: number, open?: boolean) => {
    setClosed((before) => {
      const next = new Set(before);
      if (open ?? next.has(id)) next.delete(id);
      else next.add(id);
      return next;
    });
  }, []);
  return { rows, lines, closed, setClosed, onToggle };
}
