/** The indented tree in a cell. */
import { useRef } from "preact/hooks";
import { useView } from "./context";
import { useForest } from "./forest";
import { Grid } from "./grid";
import { Blank } from "./states";
import type { CellProps } from "./views";

export function CellTree({ selected, narrow, ended }: CellProps) {
  const { store } = useView();
  const { lines, clear, onToggle } = useForest(ended);
  const grid = useRef<HTMLDivElement>(null);
  if (!store.ready) return <Blank kind="loading" />;
  return (
    <Grid short={false} lines={lines} selected={selected} narrow={narrow} grid={grid} onToggle={onToggle} onOpen={() => {}} onEscape={clear} />
  );
}
