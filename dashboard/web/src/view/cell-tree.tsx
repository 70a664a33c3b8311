/** The indented tree in a cell. */
import { useRef } from "preact/hooks";
import { useView } from "./context";
import { focusDetails } from "./details";
import { useForest } from "./forest";
import { Grid } from "./grid";
import { NoTree } from "./states";
import type { CellProps } from "./views";

export function CellTree({ selected, filter, ended }: CellProps) {
  const { store } = useView();
  const { lines, onToggle } = useForest(filter, ended);
  const grid = useRef<HTMLDivElement>(null);
  if (!store.ready || (!lines.length && filter.filtering)) return <NoTree clear={filter.clear} />;
  const open = () => focusDetails(grid);
  return <Grid short={false} lines={lines} selected={selected} narrow={false} grid={grid} onToggle={onToggle} onOpen={open} onEscape={filter.clear} />;
}
