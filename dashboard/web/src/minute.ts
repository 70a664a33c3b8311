/** What happened in the last minute, as the page saw it: counts for each second, and the states of a few tasks. */
import { nameOf } from "./format";
import { DISPOSED, groupOf, RETRYING, type Group } from "./states";
import type { Row } from "./types";

export const SPAN = 60_000;
const MOST_LANES = 200;

export interface Segment {
  group: Group;
  from: number;
  life: number;
}

export interface Lane {
  id: number;
  name: string;
  segments: Segment[];
  ended: number | null;
  changed: number;
}

export interface Second {
  at: number;
  starts: number;
  ends: number;
  failures: number;
}

const wholeSecond = (at: number) => Math.floor(at / 1000) * 1000;

export class Minute {
  lanes = new Map<number, Lane>();
  seconds: Second[] = [];

  clear(): void {
    this.lanes.clear();
    this.seconds = [];
  }

  /** Note what the first rows tell of the minute before. */
  begin(rows: Iterable<Row>, now: number): void {
    const starts = [...rows].map((row) => Date.parse(row.startTime ?? "")).filter((at) => at > now - SPAN);
    for (const at of starts.sort((a, b) => a - b)) this.second(at).starts++;
  }

  /** Note how a row changed at this moment. */
  see(before: Row | null, now: Row | null, at: number): void {
    const ended = (!now || now.state === DISPOSED) && before !== null && before.state !== DISPOSED;
    if (now && (!before || now.life > before.life)) this.second(at).starts++;
    if (ended) this.second(at).ends++;
    // Not by its state: between two looks it may have failed and begun anew.
    if (now && before && now.retryCount > before.retryCount) this.second(at).failures++;
    const group = now ? groupOf(now) : null;
    if (before && group === groupOf(before) && now!.life === before.life) return;
    this.lane((now ?? before)!, before, group, ended ? at : null, at);
  }

  /** Note that a task which is gone had failed: its row did not say so. */
  failed(id: number): void {
    const ended = this.lanes.get(id)?.ended;
    const start = ended ? wholeSecond(ended) : 0;
    const second = this.seconds.find((one) => one.at === start);
    if (second) second.failures++;
  }

  private lane(row: Row, before: Row | null, group: Group | null, ended: number | null, at: number): void {
    let lane = this.lanes.get(row.id);
    if (!lane) {
      lane = { id: row.id, name: nameOf(row), segments: [], ended: null, changed: at };
      // A task that waits to be retried has ended the life that its start time is of.
      const from = before && before.state !== RETRYING ? Date.parse(before.startTime ?? "") || at : at;
      if (before) lane.segments.push({ group: groupOf(before), from, life: before.life });
      this.lanes.set(row.id, lane);
    }
    lane.changed = at;
    lane.ended = ended ?? lane.ended;
    if (group && ended === null) {
      lane.ended = null;
      lane.segments.push({ group, from: at, life: row.life });
    }
  }

  private second(at: number): Second {
    const start = wholeSecond(at);
    const last = this.seconds[this.seconds.length - 1];
    if (last && last.at === start) return last;
    const made = { at: start, starts: 0, ends: 0, failures: 0 };
    this.seconds.push(made);
    return made;
  }

  /** Forget what is older than a minute, and the lanes that changed longest ago if there are many. */
  prune(at: number): void {
    const edge = at - SPAN;
    while (this.seconds[0] && this.seconds[0].at < edge) this.seconds.shift();
    for (const [id, lane] of this.lanes) {
      while (lane.segments[1] && lane.segments[1].from < edge) lane.segments.shift();
      if (lane.changed < edge) this.lanes.delete(id);
    }
    if (this.lanes.size <= MOST_LANES) return;
    const oldest = [...this.lanes.values()].sort((a, b) => a.changed - b.changed);
    for (const lane of oldest.slice(0, this.lanes.size - MOST_LANES)) this.lanes.delete(lane.id);
  }

  /** The lanes to draw: those that changed most and latest, in the order of their ids. */
  shown(most: number): Lane[] {
    const all = [...this.lanes.values()].sort((a, b) => b.segments.length - a.segments.length || b.changed - a.changed);
    return all.slice(0, most).sort((a, b) => a.id - b.id);
  }

  totals(): Omit<Second, "at"> {
    const totals = { starts: 0, ends: 0, failures: 0 };
    for (const second of this.seconds) {
      totals.starts += second.starts;
      totals.ends += second.ends;
      totals.failures += second.failures;
    }
    return totals;
  }
}
