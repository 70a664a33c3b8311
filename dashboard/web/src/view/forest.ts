/** The lines of the tree: what is filtered, and what is folded. */
import { useCallback, useMemo, useState } from "preact/hooks";
import { groupOf, type Group } from "../states";
import { count, lines as linesOf } from "../tree";
import { useStore, useView } from "./context";

/** `ended`: those that have stopped are shown, too. */
export function useForest(ended = false) {
  const { store } = useView();
  const [text, setText] = useState("");
  const [group, setGroup] = useState<Group | null>(null);
  const [closed, setClosed] = useState<ReadonlySet<number>>(new Set());
  useStore(store);

  const withStopped = ended || group === "stopped" || group === "failed";
  const rows = useMemo(() => {
    if (!withStopped) return store.rows;
    return new Map([...store.rows, ...store.stopped]);
  }, [store.version, withStopped, store.paused]);
  const lines = useMemo(() => linesOf(rows, closed, { text, group }), [rows, store.version, closed, text, group]);
  const counts = useMemo(() => {
    const counted = count(store.rows);
    for (const [id, row] of store.stopped) if (!store.rows.has(id)) counted[groupOf(row)]++;
    return counted;
  }, [store.version, store.paused]);

  const onToggle = useCallback((id: number, open?: boolean) => {
    setClosed((before) => {
      const next = new Set(before);
      if (open ?? next.has(id)) next.delete(id);
      else next.add(id);
      return next;
    });
  }, []);
  const clear = () => {
    setText("");
    setGroup(null);
  };
  return { text, group, closed, rows, lines, counts, filtering: text !== "" || group !== null, setText, setGroup, setClosed, onToggle, clear };
}
