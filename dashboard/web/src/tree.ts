/** The lines of the tree that are shown: what is open, what the filter keeps, and what hides below. */
import { concern, DISPOSED, groupOf, type Group } from "./states";
import type { Row } from "./types";

export interface Line {
  row: Row;
  depth: number;
  /** For each level above: whether a guide runs on past this line. */
  guides: boolean[];
  last: boolean;
  hasChildren: boolean;
  open: boolean;
  /** Shown only because something below it fits the filter. */
  faded: boolean;
  /** Of a closed parent: the worst group below it, if that is worse than running. */
  hidden: Group | null;
  position: number;
  siblings: number;
}

export interface Filter {
  text: string;
  group: Group | null;
}

export type Counts = Record<Group, number>;

const GUIDES = 16;

/** Children of each parent in the order of their ids; rows whose parent is not here are roots. */
export function indexChildren(rows: Map<number, Row>): Map<number | null, Row[]> {
  const children = new Map<number | null, Row[]>();
  for (const row of rows.values()) {
    const parent = row.parentId !== null && rows.has(row.parentId) ? row.parentId : null;
    const list = children.get(parent);
    if (list) list.push(row);
    else children.set(parent, [row]);
  }
  for (const list of children.values()) {
    // Mostly in order already: rows come as they were added.
    for (let index = 1; index < list.length; index++) {
      if (list[index - 1]!.id > list[index]!.id) {
        list.sort((a, b) => a.id - b.id);
        break;
      }
    }
  }
  return children;
}

/** Rows with parents before their children. */
function inOrder(children: Map<number | null, Row[]>): Row[] {
  const order: Row[] = [];
  const left = [...(children.get(null) ?? [])].reverse();
  for (let row = left.pop(); row; row = left.pop()) {
    order.push(row);
    const below = children.get(row.id);
    if (below) for (let index = below.length - 1; index >= 0; index--) left.push(below[index]!);
  }
  return order;
}

export function matches(row: Row, filter: Filter): boolean {
  if (filter.group && groupOf(row) !== filter.group) return false;
  if (!filter.text) return true;
  // As the server has it (filters.py), which is asked to stop all that fit.
  const told = [row.ownerType, row.key, `#${row.id}`, row.typeName, row.stateName, row.startReason, row.step, row.stopReason];
  const text = [...told, ...Object.entries(row.descriptions ?? {}).flat()].join("\n").toLowerCase();
  return filter.text
    .toLowerCase()
    .split(/\s+/)
    .every((word) => text.includes(word));
}

/** The lines to show. A filter keeps the ancestors of what fits, and opens them. */
export function lines(rows: Map<number, Row>, closed: ReadonlySet<number>, filter: Filter): Line[] {
  const children = indexChildren(rows);
  const filtering = filter.text !== "" || filter.group !== null;
  const order = filtering || closed.size ? inOrder(children) : [];
  const keep = filtering ? kept(order, rows, filter) : null;
  const worst = closed.size ? worstBelow(order) : null;
  const out: Line[] = [];
  const visible = (id: number | null): Row[] => {
    const all = children.get(id) ?? [];
    return keep ? all.filter((row) => keep.has(row.id)) : all;
  };
  type Item = { row: Row; depth: number; guides: boolean[]; last: boolean; position: number; siblings: number };
  const left: Item[] = [];
  const push = (list: Row[], depth: number, guides: boolean[]) => {
    for (let index = list.length - 1; index >= 0; index--) {
      const last = index === list.length - 1;
      left.push({ row: list[index]!, depth, guides, last, position: index + 1, siblings: list.length });
    }
  };
  push(visible(null), 0, []);
  for (let item = left.pop(); item; item = left.pop()) {
    const { row } = item;
    const below = visible(row.id);
    const open = below.length > 0 && (filtering || !closed.has(row.id));
    const faded = keep ? keep.get(row.id) === false : false;
    const hidden = worst && below.length && !open ? (worst.get(row.id) ?? null) : null;
    out.push({ ...item, hasChildren: below.length > 0, open, faded, hidden });
    if (open) push(below, item.depth + 1, nextGuides(item.guides, item.depth, !item.last));
  }
  return out;
}

function nextGuides(guides: boolean[], depth: number, on: boolean): boolean[] {
  if (depth === 0 || depth > GUIDES) return guides;
  return [...guides, on];
}

/** What the filter keeps: true for what fits, false for what is only above it. */
function kept(order: Row[], rows: Map<number, Row>, filter: Filter): Map<number, boolean> {
  const keep = new Map<number, boolean>();
  for (const row of order) {
    if (!matches(row, filter)) continue;
    keep.set(row.id, true);
    for (let up = parentOf(row, rows); up && !keep.has(up.id); up = parentOf(up, rows)) keep.set(up.id, false);
  }
  return keep;
}

function parentOf(row: Row, rows: Map<number, Row>): Row | undefined {
  return row.parentId === null ? undefined : rows.get(row.parentId);
}

function worstBelow(order: Row[]): Map<number, Group> {
  const worst = new Map<number, Group>();
  for (let index = order.length - 1; index >= 0; index--) {
    const row = order[index]!;
    if (row.parentId === null) continue;
    const below = worst.get(row.id);
    const own = groupOf(row);
    const group = below && concern(below) > concern(own) ? below : own;
    if (concern(group) < 3) continue;
    const known = worst.get(row.parentId);
    if (!known || concern(group) > concern(known)) worst.set(row.parentId, group);
  }
  return worst;
}

export function count(rows: Map<number, Row>): Counts {
  const counts: Counts = { running: 0, waiting: 0, stopping: 0, failed: 0, retrying: 0, stopped: 0 };
  for (const row of rows.values()) counts[groupOf(row)]++;
  return counts;
}

/** How many tasks go with this one. */
export function descendants(rows: Map<number, Row>, id: number): number {
  const children = indexChildren(rows);
  let found = 0;
  const left = [id];
  for (let one = left.pop(); one !== undefined; one = left.pop()) {
    for (const row of children.get(one) ?? []) {
      if (row.state === DISPOSED) continue;
      found++;
      left.push(row.id);
    }
  }
  return found;
}

/** From the root down to this task. */
export function pathOf(rows: Map<number, Row>, id: number): Row[] {
  const path: Row[] = [];
  for (let row = rows.get(id); row && path.length < 64; row = parentOf(row, rows)) path.unshift(row);
  return path;
}
