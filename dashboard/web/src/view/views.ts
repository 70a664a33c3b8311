/** The views of a widget, by the name in its trait `view`. */
import type { ComponentType } from "preact";
import type { Model } from "../widget";
import { CellTree } from "./cell-tree";
import { Diagram } from "./diagram";
import { Gantt } from "./gantt";
import type { Filter } from "./forest";

/** What a view is given; store, words and commands come from `useView()`. */
export interface CellProps {
  model: Model;
  selected: number | null;
  filter: Filter;
  /** The tree is shut down: what is shown is how it ended. */
  ended: boolean;
  onSelect(id: number | null): void;
}

export const VIEWS: Record<string, ComponentType<CellProps>> = {
  tree: CellTree,
  diagram: Diagram,
  timeline: Gantt,
};
