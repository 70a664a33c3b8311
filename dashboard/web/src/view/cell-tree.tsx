/** The indented tree in a cell. */
import { useRef } from "preact/hooks";
import { useView } from "./context";
import { useForest } from "./forest";
import { Grid } from "./grid";
import { Blank } from "./states";
import type { CellProps } from "./views";

export function CellTree({ selected, filter, ended }: CellProps) {
  const { store, speech } = useView();
  const { lines, onToggle } = useForest(filter, ended);
  const grid = useRef<HTMLDivElement>(null);
  if (!store.ready) return <Blank kind="loading" />;
  if (!lines.length && filter.filtering) {
    return (
      <Blank kind="filtered">
        <button class="button" onClick={filter.clear}>
          {speech.t("tree.clear")}
        </button>
      </Blank>
    );
  }
  const open = () => (grid.current?.getRootNode() as ShadowRoot).querySelector<HTMLElement>(".details .actions button:not(:disabled), .details-body")?.focus();
  return <Grid short={false} lines={lines} selected={selected} narrow={false} grid={grid} onToggle={onToggle} onOpen={open} onEscape={filter.clear} />;
}
