/** What of a tree a diagram shows: level by level as many as there is room for, and of the rest how many there are. */
import { concern, disposed, groupOf, type Group } from "./states";
import { indexChildren, type Counts } from "./tree";
import type { Row } from "./types";

export interface Knot {
  /** Of the task, or of the parent whose other children this stands for. */
  id: number;
  key: string;
  row: Row;
  parent: Knot | null;
  children: Knot[];
  depth: number;
  /** This is no task, but stands for those children of its parent that are not shown. */
  more: boolean;
  /** Of a task with children none of which is shown, and of a knot that stands for others: what is not shown. */
  rest: Rest | null;
}

export interface Rest {
  tasks: number;
  counts: Counts;
  worst: Group;
}

type Children = ReturnType<typeof indexChildren>;

/** So many children of each parent in a level, at most; in steps, so that one task more does not move all the others. */
const FANS = [150, 100, 64, 48, 36, 24, 16, 12, 9, 7, 5, 4, 3];
/** No reader opens more than this. */
const MOST = 400;

/**
 * Choose what to show: no more than `room` tasks, without those that the reader asked for. `asked` says of some parents
 * how many children are to be seen; tasks in `kept` are shown if their parent is, and it was not folded. Those that
 * are `leaving` keep their places, and take none from the living. Not `counted`: what is left out is only said to be.
 */
export function outline(
  children: Children,
  room: number,
  asked: ReadonlyMap<number, number>,
  kept: readonly Row[],
  leaving: ReadonlySet<number> = new Set(),
  counted = true,
): Knot[] {
  const roots = (children.get(null) ?? []).slice(0, MOST).map((row) => knot(row, null));
  // What the reader opened is folded below, and takes no room from the others: those stay as they are.
  const opened = new Set<Knot>();
  let free = room - roots.length;
  let made = roots.length;
  for (let level = roots; level.length; ) {
    const below = level.map((parent) => living(children.get(parent.id) ?? [], leaving));
    const own = below.filter((_, index) => !opened.has(level[index]!)).map((list) => list.length);
    const fan = fanOf(own, free, level === roots);
    free -= own.reduce((sum, count) => sum + Math.min(count, fan), 0);
    const next: Knot[] = [];
    level.forEach((parent, index) => {
      const list = below[index]!;
      const wanted = asked.get(parent.id);
      const usual = opened.has(parent) ? 0 : list.length <= fan ? list.length : Math.max(0, fan - 1);
      const shown = list.slice(0, Math.max(0, Math.min(wanted ?? usual, MOST - made)));
      if (wanted !== 0) shown.push(...kept.filter((row) => row.parentId === parent.id && list.includes(row) && !shown.includes(row)));
      const left = shown.length < list.length ? new Set(shown) : null;
      if (leaving.size) shown.push(...(children.get(parent.id) ?? []).filter((row) => leaving.has(row.id)));
      shown.sort((a, b) => a.id - b.id);
      made += shown.length;
      for (const row of shown) next.push(knot(row, parent));
      if (wanted !== undefined || opened.has(parent)) for (const one of parent.children) opened.add(one);
      if (left) leaveOut(parent, counted ? restOf(list.filter((row) => !left.has(row)), children) : UNCOUNTED);
    });
    level = next;
  }
  return roots;
}

/** How many children of each parent have room; if not even three, then none. Those of a root are always shown. */
function fanOf(counts: number[], free: number, first: boolean): number {
  const fits = (fan: number) => counts.reduce((sum, count) => sum + Math.min(count, fan), 0) <= free;
  return FANS.find(fits) ?? (first ? FANS[FANS.length - 1]! : 0);
}

function living(list: Row[], leaving: ReadonlySet<number>): Row[] {
  return leaving.size ? list.filter((row) => !leaving.has(row.id)) : list;
}

function knot(row: Row, parent: Knot | null): Knot {
  const made = { id: row.id, key: String(row.id), row, parent, children: [], depth: parent ? parent.depth + 1 : 0, more: false, rest: null };
  parent?.children.push(made);
  return made;
}

/** Tell of those that are not shown: in a node beside the shown ones, or on the parent if there are none. */
function leaveOut(parent: Knot, rest: Rest): void {
  if (!parent.children.length) parent.rest = rest;
  else parent.children.push({ ...parent, key: `more-${parent.id}`, parent, children: [], depth: parent.depth + 1, more: true, rest });
}

const NONE: Counts = { running: 0, waiting: 0, stopping: 0, failed: 0, retrying: 0, stopped: 0 };
const UNCOUNTED: Rest = { tasks: 0, counts: NONE, worst: "running" };

function restOf(rows: Row[], children: Children): Rest {
  const counts = { ...NONE };
  let tasks = 0;
  for (let row = rows.pop(); row; row = rows.pop()) {
    tasks++;
    counts[groupOf(row)]++;
    for (const one of children.get(row.id) ?? []) rows.push(one);
  }
  const groups = (Object.keys(counts) as Group[]).filter((group) => counts[group]);
  return { tasks, counts, worst: groups.reduce((worst, group) => (concern(group) > concern(worst) ? group : worst)) };
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
      if (!rows.has(id)) this.last.set(id, over(id) ?? disposed(row));
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
    for (const { id, row, more } of knots) if (!more) last.set(id, row);
    for (const id of this.gone.keys()) if (!last.has(id)) this.gone.delete(id);
    this.last = last;
  }

  get ids(): ReadonlySet<number> {
    return new Set(this.gone.keys());
  }
}
