/** The lives of tasks in time: from the rows as they change, and from the history for what was before and for exact times. */
import { DISPOSED, disposed, groupOf, RETRYING, type Group } from "./states";
import type { Life as Told, Row } from "./types";

export interface Phase {
  group: Group;
  from: number;
}

export interface Mark {
  at: number;
  text: string;
}

export interface Life {
  life: number;
  phases: Phase[];
  to: number | null;
  failed: boolean;
  reason: string;
  steps: Mark[];
}

export interface Lane {
  id: number;
  row: Row;
  lives: Life[];
}

const MOST_LIVES = 200;
const MOST_STEPS = 50;
const MOST_OVER = 500;

export class Lives {
  lanes = new Map<number, Lane>();
  /** How many lives have ended; then the history has news. */
  ended = 0;
  /** When the first of them began. */
  began: number | null = null;
  /** Rises when there are other lanes than before. */
  shape = 0;
  private living = 0;

  /** Take in the rows of this moment; those that did not change cost next to nothing. */
  look(rows: Map<number, Row>, over: (id: number) => Row | undefined, now: number): void {
    for (const row of rows.values()) {
      const lane = this.lanes.get(row.id);
      if (lane?.row !== row) this.see(row, lane, now);
    }
    const gone = this.lanes.size - rows.size;
    if (gone <= 0 && this.living === rows.size) return;
    this.living = rows.size;
    for (const lane of this.lanes.values()) {
      if (rows.has(lane.id)) continue;
      const told = over(lane.id);
      if (told && lane.row !== told) this.see(told, lane, now);
      else if (lane.row.state !== DISPOSED) this.see(disposed(lane.row), lane, now);
    }
    this.forget(rows);
  }

  private see(row: Row, known: Lane | undefined, now: number): void {
    const lane = known ?? { id: row.id, row, lives: [] };
    const before = known?.row;
    if (!known) this.enter(lane);
    lane.row = row;
    const last = lane.lives[lane.lives.length - 1];
    if (row.state === RETRYING || row.state === DISPOSED) {
      if (last && last.to === null) this.end(last, row, now);
      else if (last && row.state === DISPOSED && row.stopReason) last.reason = row.stopReason;
      if (last && row.state === DISPOSED) last.failed ||= groupOf(row) === "failed";
      return;
    }
    const life = last && last.to === null && last.life === row.life ? last : this.begin(lane, row, before, now);
    const group = groupOf(row);
    const phase = () => life.phases[life.phases.length - 1]!;
    const enter = (next: Group, at: number | null) => life.phases.push({ group: next, from: Math.max(phase().from, at ?? now) });
    const started = instant(row.startTime);
    if (phase().group === "waiting" && group !== "waiting" && started !== null) enter("running", started);
    if (phase().group !== group) enter(group, group === "stopping" ? instant(row.askedAt) : null);
    if (row.step && row.step !== life.steps[life.steps.length - 1]?.text) life.steps.push({ at: now, text: row.step });
    if (life.steps.length > MOST_STEPS) life.steps.shift();
  }

  private begin(lane: Lane, row: Row, before: Row | undefined, now: number): Life {
    const last = lane.lives[lane.lives.length - 1];
    if (last && last.to === null) this.end(last, row, now);
    const started = instant(row.startTime);
    const from = before ? now : row.life <= 1 ? (instant(row.addedAt) ?? started) : started;
    const life: Life = { life: row.life, phases: [{ group: "waiting", from: from ?? now }], to: null, failed: false, reason: "", steps: [] };
    this.reach(life);
    lane.lives.push(life);
    if (lane.lives.length > MOST_LIVES) lane.lives.shift();
    return life;
  }

  private end(life: Life, row: Row, now: number): void {
    this.ended++;
    life.to = Math.max(now, life.phases[life.phases.length - 1]!.from);
    life.failed = row.state === RETRYING || groupOf(row) === "failed";
    life.reason = row.stopReason ?? "";
  }

  /** Take in what the history tells: it knows lives from before, and the instants of their phases. */
  tell(list: Told[], rows: Map<number, Row>): void {
    for (const told of list) {
      const life = lifeOf(told);
      if (!life) continue;
      let lane = this.lanes.get(told.id);
      if (!lane) this.enter((lane = { id: told.id, row: rows.get(told.id) ?? rowOf(told), lives: [] }));
      this.reach(life);
      const place = lane.lives.findIndex((one) => one.life >= life.life);
      const known = place < 0 ? undefined : lane.lives[place];
      if (place < 0) lane.lives.push(life);
      else lane.lives.splice(place, known!.life === life.life ? 1 : 0, life);
      if (lane.lives.length > MOST_LIVES) lane.lives.shift();
    }
    this.forget(rows);
  }

  private enter(lane: Lane): void {
    this.lanes.set(lane.id, lane);
    this.shape++;
  }

  private reach(life: Life): void {
    this.began = Math.min(this.began ?? Infinity, life.phases[0]!.from);
  }

  /** Of the tasks that are over, those that ended first go when there are too many. */
  private forget(rows: Map<number, Row>): void {
    const over = [...this.lanes.values()].filter((lane) => !rows.has(lane.id));
    if (over.length <= MOST_OVER) return;
    this.shape++;
    const end = (lane: Lane) => lane.lives[lane.lives.length - 1]?.to ?? 0;
    over.sort((a, b) => end(a) - end(b));
    for (const lane of over.slice(0, over.length - MOST_OVER)) this.lanes.delete(lane.id);
  }
}

function instant(iso: string | null | undefined): number | null {
  const at = iso ? Date.parse(iso) : NaN;
  return Number.isNaN(at) ? null : at;
}

function lifeOf(told: Told): Life | null {
  const to = instant(told.endTime);
  const timings = told.timings;
  if (to === null) return null;
  const added = to - timings.total * 1000;
  const began = added + timings.queued * 1000;
  const running = began + timings.start * 1000;
  const stopping = running + timings.body * 1000;
  const phases: Phase[] = [{ group: "waiting", from: added }];
  if (timings.body > 0) phases.push({ group: "running", from: running });
  if (timings.dispose > 0) phases.push({ group: "stopping", from: stopping });
  const steps = told.steps.slice(-MOST_STEPS).map((step) => ({ at: began + step.at * 1000, text: step.name }));
  return { life: told.life, phases, to, failed: told.failed, reason: told.stopReason, steps };
}

/** A row for a task that is over and of which only the history knows. */
function rowOf(told: Told): Row {
  const { id, parentId, key, ownerType, level, life, retryCount, stopReason, failed } = told;
  const row = { id, parentId, key, ownerType, level, life, retryCount, maxRetry: 0, state: DISPOSED, stateName: "DISPOSED", children: 0, descriptions: {} };
  const nothing = { startReason: null, addedAt: null, startTime: null, askedAt: null, retryAt: null, blockedBy: null, step: null, pointer: null, eventLoopRunning: null };
  return { ...row, ...nothing, stopReason, failed, type: 0, typeName: "" };
}

export interface Span {
  from: number;
  to: number;
}

export interface Bar {
  kind: Group | "gap";
  x: number;
  width: number;
  life: Life;
}

export interface Drawn {
  bars: Bar[];
  /** Where lives failed. */
  failures: { x: number; life: Life }[];
  steps: { x: number; room: number; text: string; life: Life }[];
}

const APART = 3;

/** What is to be drawn of a lane: only what is in sight, and no two marks on one spot. */
export function drawn(lane: Lane, span: Span, width: number, now: number): Drawn {
  const found: Drawn = { bars: [], failures: [], steps: [] };
  const x = (at: number) => ((at - span.from) / (span.to - span.from)) * width;
  let edge = -1;
  const bar = (kind: Bar["kind"], from: number, to: number, life: Life) => {
    const [left, right] = [Math.max(0, x(from)), Math.min(width, x(to))];
    if (right < 0 || left > width || (right - edge < 1 && edge >= 0)) return;
    found.bars.push({ kind, x: left, width: Math.max(1.5, right - left), life });
    edge = right;
  };
  lane.lives.forEach((life, index) => {
    const end = life.to ?? now;
    const next = lane.lives[index + 1]?.phases[0]?.from ?? (lane.row.state === RETRYING ? now : end);
    if (Math.max(end, next) < span.from || life.phases[0]!.from > span.to) return;
    life.phases.forEach((phase, number) => bar(phase.group, phase.from, life.phases[number + 1]?.from ?? end, life));
    if (next > end) bar("gap", end, next, life);
    life.steps.forEach((step, number) => {
      const at = x(step.at);
      const last = found.steps[found.steps.length - 1];
      if (at < 0 || at > width || (last && at - last.x < APART)) return;
      const until = Math.min(width, x(life.steps[number + 1]?.at ?? end));
      found.steps.push({ x: at, room: until - at, text: step.text, life });
    });
    const at = x(end);
    const last = found.failures[found.failures.length - 1];
    if (life.failed && at >= 0 && at <= width && (!last || at - last.x >= APART)) found.failures.push({ x: at, life });
  });
  return found;
}

const TICKS = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600, 7200, 21600, 86400];

/** Round moments in this span, no nearer to each other than so many pixels. */
export function ticks(span: Span, width: number, apart: number): { step: number; at: number[] } {
  const least = (((span.to - span.from) / 1000) * apart) / Math.max(1, width);
  const step = (TICKS.find((one) => one >= least) ?? 86400) * 1000;
  const at: number[] = [];
  for (let one = Math.ceil(span.from / step) * step; one <= span.to; one += step) at.push(one);
  return { step, at };
}

const SHORTEST = 500;
const LONGEST = 86_400_000;
const FIRST = 15_000;
const MOST_AT_FIRST = 120_000;
const AHEAD = 0.03;

/** The part of time that is shown: it follows the present, or stands where the reader has put it. */
export interface View {
  /** How long; null: since the beginning, but no more than two minutes. */
  long: number | null;
  /** Its end; null: now. */
  end: number | null;
}

export function spanOf(view: View, began: number | null, now: number): Span {
  const long = view.long ?? Math.min(MOST_AT_FIRST, Math.max(FIRST, now - (began ?? now)));
  const to = view.end ?? now + long * AHEAD;
  return { from: to - long, to };
}

/** Longer or shorter, with this place (0 left, 1 right) kept where it is; the present is followed on. */
export function zoomed(view: View, span: Span, by: number, place: number): View {
  const long = Math.min(LONGEST, Math.max(SHORTEST, (span.to - span.from) * by));
  if (view.end === null) return { long, end: null };
  return { long, end: span.from + (span.to - span.from) * place + long * (1 - place) };
}

/** Moved by this part of its length; who moves past the present follows it again. */
export function moved(span: Span, by: number, now: number): View {
  const long = span.to - span.from;
  const end = span.to + long * by;
  return { long, end: end >= now + long * AHEAD ? null : end };
}
