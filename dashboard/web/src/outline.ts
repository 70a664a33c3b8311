/** What of a tree a diagram shows: the upper levels, some children of each parent, and of the rest how many there are. */
import { concern, groupOf, type Group } from "./states";
import type { Counts } from "./tree";
import type { Row } from "./types";

export interface Knot {
  /** Of the task, or of the parent whose other children this stands for. */
  id: number;
  key: string;
  row: Row;
  parent: Knot | null;
  children: Knot[];
  depth: number;
  /** Of a knot that stands for tasks which are not shown. */
  rest: Rest | null;
}

export interface Rest {
  tasks: number;
  counts: Counts;
  worst: Group;
  /** Nothing of this parent is shown. */
  all: boolean;
}

export interface Limits {
  /** So many children of a parent are shown at most. */
  fan: number;
  /** So many tasks in all, without those that the reader asked for. */
  tasks: number;
}

type Children = Map<number | null, Row[]>;

/** No reader opens more than this. */
const MOST = 400;

/**
 * Choose what to show, level by level. `asked` says of some parents how many children the reader wants to see;
 * tasks in `kept` are shown if their parent is.
 */
export function outline(children: Children, limits: Limits, asked: ReadonlyMap<number, number>, kept: readonly Row[]): Knot[] {
  const roots = (children.get(null) ?? []).map((row) => knot(row, null));
  const queue = [...roots];
  let made = queue.length;
  let free = limits.tasks - made;
  for (let next = 0; next < queue.length; next++) {
    const parent = queue[next]!;
    const below = children.get(parent.id) ?? [];
    const wanted = asked.get(parent.id);
    const count = Math.min(below.length, wanted ?? fitting(below.length, limits.fan, free), MOST - made);
    const shown = below.slice(0, Math.max(0, count));
    for (const row of wanted === 0 ? [] : alsoShown(parent.row, kept)) if (!shown.includes(row)) shown.push(row);
    for (const row of shown) queue.push(knot(row, parent));
    made += shown.length;
    if (wanted === undefined) free -= shown.length;
    if (shown.length < below.length) parent.children.push(more(parent, below, shown, children));
  }
  return roots;
}

/** All of them, or some and "so many more"; never "one more" in the place of the one. */
function fitting(count: number, fan: number, free: number): number {
  const most = Math.min(fan, free);
  return count <= most ? count : Math.max(0, most - 1);
}

function alsoShown(parent: Row, kept: readonly Row[]): Row[] {
  return kept.filter((row) => row.parentId === parent.id);
}

function knot(row: Row, parent: Knot | null): Knot {
  const made = { id: row.id, key: String(row.id), row, parent, children: [], depth: parent ? parent.depth + 1 : 0, rest: null };
  parent?.children.push(made);
  return made;
}

function more(parent: Knot, below: Row[], shown: Row[], children: Children): Knot {
  const rest = { tasks: 0, counts: { running: 0, waiting: 0, stopping: 0, failed: 0, retrying: 0, stopped: 0 }, worst: "stopped" as Group, all: !shown.length };
  const seen = new Set(shown);
  const left = below.filter((row) => !seen.has(row));
  for (let row = left.pop(); row; row = left.pop()) {
    rest.tasks++;
    rest.counts[groupOf(row)]++;
    for (const one of children.get(row.id) ?? []) left.push(one);
  }
  const groups = (Object.keys(rest.counts) as Group[]).filter((group) => rest.counts[group]);
  rest.worst = groups.reduce((worst, group) => (concern(group) > concern(worst) ? group : worst), groups[0] ?? "running");
  return { id: parent.id, key: `more-${parent.id}`, row: parent.row, parent, children: [], depth: parent.depth + 1, rest };
}

/** All of them, parents before their children. */
export function flat(roots: Knot[]): Knot[] {
  const found: Knot[] = [];
  const left = [...roots].reverse();
  for (let one = left.pop(); one; one = left.pop()) {
    found.push(one);
    for (let index = one.children.length - 1; index >= 0; index--) left.push(one.children[index]!);
  }
  return found;
}

/** The tasks that were shown and are over stay for a while, in their places, so that a class sees how they ended. */
export class Leaving {
  private last = new Map<number, Row>();
  private gone = new Map<number, number>();

  constructor(private readonly stay: number) {}

  /** The rows to draw now: `rows` with those that have just gone, as `over` tells of them. */
  look(rows: Map<number, Row>, over: (id: number) => Row | undefined, now: number): Map<number, Row> {
    for (const [id, row] of this.last) {
      if (rows.has(id)) this.gone.delete(id);
      else if (!this.gone.has(id)) this.gone.set(id, now);
      if (!rows.has(id)) this.last.set(id, over(id) ?? { ...row, state: 6, stateName: "DISPOSED" });
    }
    for (const [id, since] of this.gone) {
      if (now - since <= this.stay) continue;
      this.gone.delete(id);
      this.last.delete(id);
    }
    if (!this.gone.size) return rows;
    const all = new Map(rows);
    for (const id of [...this.gone.keys()].sort((a, b) => a - b)) {
      const row = this.last.get(id)!;
      if (row.parentId === null || all.has(row.parentId)) all.set(id, row);
    }
    return all;
  }

  /** What is drawn; of nothing else it matters that it goes. */
  shown(knots: Knot[]): void {
    const last = new Map<number, Row>();
    for (const { id, row, rest } of knots) if (!rest) last.set(id, row);
    for (const id of this.gone.keys()) if (!last.has(id)) this.gone.delete(id);
    this.last = last;
  }

  get size(): number {
    return this.gone.size;
  }
}
