/** The page's copy of the tree: rows by id, kept by a snapshot and the deltas that fit on it. */
import type { Columns, Delta, Row, Snapshot } from "./types";

export interface Mirror {
  epoch: string;
  seq: number;
  asOf: string;
  /** Parts of the snapshot that are still to come. */
  missing: number;
  rows: Map<number, Row>;
}

/** Hears of each change of a delta: the row before, and the row now. */
export type Seen = (before: Row | null, now: Row | null) => void;

export function emptyMirror(): Mirror {
  return { epoch: "", seq: -1, asOf: "", missing: 0, rows: new Map() };
}

/** Rows out of columns; a field that the page does not know is kept, one that is missing stays undefined. */
export function decode({ fields, columns }: Columns): Row[] {
  const count = columns[0]?.length ?? 0;
  const rows: Row[] = new Array(count);
  for (let index = 0; index < count; index++) {
    const row: Record<string, unknown> = {};
    for (let field = 0; field < fields.length; field++) row[fields[field]!] = columns[field]![index];
    rows[index] = row as unknown as Row;
  }
  return rows;
}

/** Take one part of a snapshot; the first one begins a new tree, also where the one before broke off in the middle. */
export function applySnapshot(mirror: Mirror, part: Snapshot): Mirror {
  const begins = mirror.missing === 0 || part.part === 0;
  const rows = begins ? new Map<number, Row>() : mirror.rows;
  const missing = (begins ? part.parts : mirror.missing) - 1;
  for (const row of decode(part)) rows.set(row.id, row);
  return { epoch: part.epoch, seq: part.seq, asOf: part.asOf, missing, rows };
}

/** Take a delta; null if it does not follow what is here: then the stream is to be opened anew. */
export function applyDelta(mirror: Mirror, delta: Delta, seen?: Seen): Mirror | null {
  if (mirror.missing > 0 || delta.from !== mirror.seq) return null;
  for (const row of decode(delta)) {
    seen?.(mirror.rows.get(row.id) ?? null, row);
    mirror.rows.set(row.id, row);
  }
  for (const id of delta.removed) {
    const row = mirror.rows.get(id);
    if (row) seen?.(row, null);
    mirror.rows.delete(id);
  }
  return { ...mirror, seq: delta.seq, asOf: delta.asOf };
}
