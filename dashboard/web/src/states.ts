/** What the states mean to a reader: the group of each, and how much that wants to be seen. */
import type { Row } from "./types";

export const INIT = 0;
export const STARTING = 1;
export const STARTED = 2;
export const RUNNING = 3;
export const GOING = 4;
export const DISPOSING = 5;
export const DISPOSED = 6;
export const RETRYING = 7;

export type Group = "running" | "waiting" | "stopping" | "failed" | "retrying" | "stopped";

/** How much a state wants to be seen: a collapsed parent shows the greatest of those below it. */
const CONCERN: Record<Group, number> = { failed: 5, retrying: 4, stopping: 3, waiting: 1, running: 0, stopped: 0 };

export function groupOf(row: Row): Group {
  switch (row.state) {
    case RETRYING:
      return "retrying";
    case DISPOSING:
      return "stopping";
    case DISPOSED:
      return row.failed ? "failed" : "stopped";
    case INIT:
    case STARTING:
      return "waiting";
    default:
      return row.askedAt ? "stopping" : "running";
  }
}

/** A row whose task is gone, as the last of it. */
export const disposed = (row: Row): Row => ({ ...row, state: DISPOSED, stateName: "DISPOSED" });

export function concern(group: Group): number {
  return CONCERN[group];
}
