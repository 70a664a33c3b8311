import { describe, expect, it } from "vitest";
import { better, choose, CHOICES, neighbour, place, READABLE, scaleOf, startScale, TALL, WIDE, type Drawing } from "../src/diagram";
import { drawn, Lives, moved, spanOf, ticks, zoomed } from "../src/gantt";
import { en } from "../src/layouts.en";
import { zh } from "../src/layouts.zh";
import { flat, Leaving, outline } from "../src/outline";
import { indexChildren } from "../src/tree";
import type { Life as Told, Row } from "../src/types";

const T = Date.parse("2026-01-01T00:00:00Z");
const iso = (seconds: number) => new Date(T + seconds * 1000).toISOString();
const row = (id: number, parentId: number | null, values: Partial<Row> = {}): Row => ({
  id, parentId, key: String(id), ownerType: "Task", type: 1, typeName: "TASK", level: 0, state: 4, stateName: "GOING", startReason: null,
  addedAt: iso(0), startTime: iso(1), askedAt: null, retryAt: null, life: 1, retryCount: 0, maxRetry: 0, stopReason: null, blockedBy: null,
  children: 0, descriptions: {}, step: null, pointer: null, eventLoopRunning: null, failed: null, ...values,
});
const tree = (...list: Row[]) => new Map(list.map((one) => [one.id, one]));
/** A root with Jobs of so many children each. */
function groups(...sizes: number[]): Map<number, Row> {
  const rows = [row(1, null)];
  sizes.forEach((size, group) => {
    rows.push(row(100 * (group + 1), 1));
    for (let index = 1; index <= size; index++) rows.push(row(100 * (group + 1) + index, 100 * (group + 1)));
  });
  return tree(...rows);
}
const shown = (rows: Map<number, Row>, room = 150, asked = new Map<number, number>(), kept: Row[] = []) => flat(outline(indexChildren(rows), room, asked, kept));
const keys = (rows: Map<number, Row>, room?: number, asked?: Map<number, number>, kept?: Row[]) => shown(rows, room, asked, kept).map((one) => one.key);

describe("the outline of a diagram", () => {
  it("is all of a tree that has room", () => {
    expect(keys(groups(2, 1))).toEqual(["1", "100", "101", "102", "200", "201"]);
  });
  it("folds a level that has no room, and says on each parent what is below", () => {
    const found = shown(groups(9, 9, 9), 10);
    expect(found.map((one) => one.key)).toEqual(["1", "100", "200", "300"]);
    expect(found[1]!.rest).toMatchObject({ tasks: 9, worst: "running" });
  });
  it("shows as many children of each parent as have room, and how many more there are", () => {
    const found = shown(groups(9, 2), 10);
    expect(found.map((one) => one.key)).toEqual(["1", "100", "101", "102", "103", "104", "more-100", "200", "201", "202"]);
    expect(found[6]!.rest!.tasks).toBe(5);
  });
  it("shows no node for a single one that is left out", () => {
    for (let size = 1; size < 40; size++) for (const one of shown(groups(size), 12)) if (one.more) expect(one.rest!.tasks).toBeGreaterThan(1);
  });
  it("counts what is left out by groups, with the worst", () => {
    const rows = groups(9, 9, 9);
    rows.set(105, row(105, 100, { state: 7 }));
    rows.set(1050, row(1050, 105, { state: 5 }));
    const rest = shown(rows, 10)[1]!.rest!;
    expect([rest.tasks, rest.worst, rest.counts.retrying, rest.counts.stopping, rest.counts.running]).toEqual([10, "retrying", 1, 1, 8]);
  });
  it("is bounded whatever the tree", () => {
    const rows = groups(...Array.from({ length: 99 }, () => 99));
    expect(shown(rows).filter((one) => !one.more).length).toBeLessThanOrEqual(150);
    const asked = new Map([...rows.keys()].map((id) => [id, 1000]));
    expect(shown(rows, 150, asked).filter((one) => !one.more).length).toBeLessThanOrEqual(400);
  });
  it("shows what the reader asked for, and takes away what was folded", () => {
    expect(keys(groups(9, 9, 9), 10, new Map([[100, 2]]))).toEqual(["1", "100", "101", "102", "more-100", "200", "300"]);
    expect(keys(groups(2, 2), 150, new Map([[100, 0]]))).toEqual(["1", "100", "200", "201", "202"]);
  });
  it("shows what is kept, below parents that are shown and not folded", () => {
    const rows = groups(9, 9, 9);
    expect(keys(rows, 10, new Map(), [rows.get(107)!])).toEqual(["1", "100", "107", "more-100", "200", "300"]);
    expect(keys(rows, 10, new Map([[100, 0]]), [rows.get(107)!])).toEqual(["1", "100", "200", "300"]);
  });
  it("gives no place of the living to those that leave", () => {
    const found = flat(outline(indexChildren(groups(9)), 6, new Map(), [], new Set([101, 103])));
    expect(found.map((one) => one.key)).toEqual(["1", "100", "101", "102", "103", "104", "105", "more-100"]);
    expect(found.at(-1)!.rest!.tasks).toBe(4);
  });
  it("is the same for the others when one task is added", () => {
    const before = keys(groups(30, 30), 40);
    const rows = groups(30, 30);
    rows.set(150, row(150, 100));
    expect(keys(rows, 40)).toEqual(before);
  });
  it("needs no recursion", () => {
    const deep = tree(...Array.from({ length: 20_000 }, (_, id) => row(id + 1, id || null)));
    expect(shown(deep).at(-1)!.rest!.tasks).toBe(20_000 - 150);
  });
});

describe("tasks that leave", () => {
  it("stay for a while with how they ended, and only if they were shown", () => {
    const leaving = new Leaving(3000);
    const rows = tree(row(1, null), row(2, 1), row(3, 1));
    leaving.shown(shown(leaving.look(rows, () => undefined, T)).filter((one) => one.id !== 3));
    rows.delete(2);
    rows.delete(3);
    const over = row(2, 1, { state: 6, failed: true, stopReason: "OSError: no" });
    const look = (at: number) => {
      const found = leaving.look(rows, (id) => (id === 2 ? over : undefined), T + at);
      leaving.shown(shown(found));
      return [...found.values()].map((one) => [one.id, one.state]);
    };
    expect([look(0), look(2900), look(3100)]).toEqual([[[1, 4], [2, 6]], [[1, 4], [2, 6]], [[1, 4]]]);
  });
  it("do not stay below a parent that is gone", () => {
    const leaving = new Leaving(3000);
    leaving.shown(shown(leaving.look(groups(1), () => undefined, T)));
    const rows = tree(row(1, null));
    expect([...leaving.look(rows, () => undefined, T).keys()]).toEqual([1, 100, 101]);
    leaving.shown(shown(tree(row(101, 100))));
    expect([...leaving.look(tree(row(9, null)), () => undefined, T).keys()]).not.toContain(101);
  });
});

describe("the places of a diagram", () => {
  const rows = groups(3, 0, 2);
  const knots = () => outline(indexChildren(rows), 150, new Map(), []);
  const at = (drawing: Drawing, key: string) => drawing.places.find((one) => one.knot.key === key)!;
  it("do not overlap", () => {
    const sizes = [groups(3, 0, 2), groups(1, 12, 1, 7), groups(0, 0, 9)];
    for (const direction of ["down", "right"] as const) for (const one of sizes) {
      const { places } = place(outline(indexChildren(one), 150, new Map(), []), direction);
      for (const a of places) for (const b of places) {
        expect(a === b || Math.abs(a.x - b.x) >= WIDE || Math.abs(a.y - b.y) >= TALL, `${a.knot.key} ${b.knot.key}`).toBe(true);
      }
    }
  });
  it("put each level at one height, and a parent over the middle of its children", () => {
    const drawing = place(knots(), "down");
    expect([at(drawing, "100").y, at(drawing, "300").y]).toEqual([at(drawing, "200").y, at(drawing, "200").y]);
    expect(at(drawing, "100").x).toBeCloseTo(at(drawing, "102").x);
  });
  it("are the same from left to right, turned", () => {
    const drawing = place(knots(), "right");
    expect(at(drawing, "100").x).toBe(at(drawing, "200").x);
    expect(at(drawing, "100").y).toBeCloseTo(at(drawing, "102").y);
  });
  it("begin at nought, and fill width and height", () => {
    const { places, width, height } = place(knots(), "right");
    expect([Math.min(...places.map((one) => one.x)), Math.min(...places.map((one) => one.y))]).toEqual([0, 0]);
    expect(Math.max(...places.map((one) => one.x + WIDE))).toBe(width);
    expect(Math.max(...places.map((one) => one.y + TALL))).toBe(height);
  });
  it("keep the order of the siblings", () => {
    const { places } = place(knots(), "right");
    expect(places.filter((one) => one.knot.depth === 1).sort((a, b) => a.y - b.y).map((one) => one.knot.key)).toEqual(["100", "200", "300"]);
  });
  it("go the way that shows more, and do not turn for little", () => {
    const both = { down: place(knots(), "down"), right: place(knots(), "right") };
    expect(better(both, { width: 3000, height: 400 }, null).direction).toBe("down");
    expect(better(both, { width: 700, height: 3000 }, null).direction).toBe("right");
    const even = { width: 1000, height: 1000 };
    const same = { down: { ...both.down, width: 900, height: 900 }, right: { ...both.right, width: 950, height: 950 } };
    expect([better(same, even, "right").direction, better(same, even, null).direction]).toEqual(["right", "down"]);
  });
  it("show fewer tasks where more could not be read", () => {
    const many = groups(...Array.from({ length: 12 }, () => 24));
    const draw = (tasks: number) => place(outline(indexChildren(many), tasks, new Map(), []), "right");
    const choice = choose(draw, { width: 1000, height: 560 }, null);
    expect(choice).toBeGreaterThan(0);
    expect(draw(CHOICES[choice]!).places.length).toBeLessThan(40);
    expect(choose(draw, { width: 1000, height: 30_000 }, null)).toBeLessThan(choice);
  });
  it("stay with a choice until another clearly fits", () => {
    const draw = (tasks: number) => ({ direction: "down", places: [], width: tasks * 10, height: 10 }) as Drawing;
    const room = { width: 0.85 * 765 + 48, height: 1000 };
    const free = choose(draw, room, null);
    expect(choose(draw, room, free + 1)).toBe(free + 1);
    expect(choose(draw, room, free - 1)).toBe(free);
  });
  it("are readable at first, and all in sight on demand", () => {
    const large = { width: 5000, height: 400 };
    const room = { width: 1000, height: 500 };
    expect(startScale(large, room)).toBe(READABLE);
    expect(scaleOf(large, room)).toBeCloseTo(952 / 5000);
    expect(startScale({ width: 1250, height: 400 }, room)).toBeCloseTo(952 / 1250);
    expect(startScale({ width: 100, height: 100 }, room)).toBeLessThan(2);
  });
  it("are reached by arrow keys", () => {
    const { places } = place(knots(), "right");
    const go = (from: string, move: Parameters<typeof neighbour>[2]) => neighbour(places, from, move, "right")?.knot.key;
    expect([go("1", "child"), go("100", "child"), go("101", "after"), go("103", "after"), go("301", "parent"), go("100", "before"), go("103", "first")]).toEqual([
      "200", "102", "102", "301", "300", undefined, "1",
    ]);
  });
});

const told = (values: Partial<Told>): Told => ({
  id: 2, parentId: 1, key: "2", ownerType: "Task", typeName: "TASK", level: 1, life: 1, startReason: "main.py:7", startTime: iso(2),
  endTime: iso(10), duration: 8, stopReason: "OSError: no", reasonType: "OSError", failed: true, sessionId: 1, retryCount: 0,
  steps: [{ name: "connect", detail: "", at: 1 }], timings: { queued: 1, start: 1, body: 5, dispose: 2, total: 9 }, ...values,
});
const lane = (lives: Lives, id = 2) => lives.lanes.get(id)!;

describe("the lives of a timeline", () => {
  it("begin when the task was added, and run when it was started", () => {
    const lives = new Lives();
    lives.look(tree(row(2, null)), () => undefined, T + 5000);
    expect(lane(lives).lives).toMatchObject([{ life: 1, to: null, phases: [{ group: "waiting", from: T }, { group: "running", from: T + 1000 }] }]);
  });
  it("end where the task waits to be retried, and another begins", () => {
    const lives = new Lives();
    const look = (values: Partial<Row>, at: number) => lives.look(tree(row(2, null, values)), () => undefined, T + at);
    look({}, 1000);
    look({ state: 7, retryAt: iso(9), retryCount: 1, stopReason: "OSError: no" }, 4000);
    look({ state: 1, life: 2, startTime: null, retryCount: 1 }, 9000);
    look({ state: 4, life: 2, startTime: iso(9.5), retryCount: 1 }, 9600);
    expect(lane(lives).lives).toMatchObject([
      { life: 1, to: T + 4000, failed: true, reason: "OSError: no" },
      { life: 2, to: null, failed: false, phases: [{ group: "waiting", from: T + 9000 }, { group: "running", from: T + 9500 }] },
    ]);
  });
  it("are stopping from the moment that they are asked to", () => {
    const lives = new Lives();
    lives.look(tree(row(2, null)), () => undefined, T + 1000);
    lives.look(tree(row(2, null, { askedAt: iso(3) })), () => undefined, T + 3200);
    expect(lane(lives).lives[0]!.phases.at(-1)).toEqual({ group: "stopping", from: T + 3000 });
  });
  it("have run before they are stopping, also if they are seen late", () => {
    const lives = new Lives();
    lives.look(tree(row(2, null, { askedAt: iso(3) })), () => undefined, T + 9000);
    expect(lane(lives).lives[0]!.phases.map((one) => [one.group, one.from])).toEqual([["waiting", T], ["running", T + 1000], ["stopping", T + 3000]]);
  });
  it("end with the task, for the reason that is told later", () => {
    const lives = new Lives();
    const rows = tree(row(1, null), row(2, 1));
    lives.look(rows, () => undefined, T + 1000);
    rows.delete(2);
    lives.look(rows, () => undefined, T + 2000);
    expect([lane(lives).lives[0]!.to, lane(lives).row.state, lives.ended]).toEqual([T + 2000, 6, 1]);
    lives.look(rows, () => row(2, 1, { state: 6, failed: true, stopReason: "OSError: no" }), T + 3000);
    expect(lane(lives).lives[0]).toMatchObject({ to: T + 2000, failed: true, reason: "OSError: no" });
  });
  it("note each new step", () => {
    const lives = new Lives();
    for (const [at, step] of [[1, null], [2, "connect"], [3, "connect"], [4, "play"]] as const) lives.look(tree(row(2, null, { step })), () => undefined, T + at * 1000);
    expect(lane(lives).lives[0]!.steps).toEqual([{ at: T + 2000, text: "connect" }, { at: T + 4000, text: "play" }]);
  });
  it("are put right by the history", () => {
    const lives = new Lives();
    const rows = tree(row(2, null, { life: 2, startTime: iso(12) }));
    lives.look(rows, () => undefined, T + 13_000);
    lives.tell([told({}), told({ id: 7, key: "7" })], rows);
    expect(lane(lives).lives.map((one) => [one.life, one.to])).toEqual([[1, T + 10_000], [2, null]]);
    expect(lane(lives).lives[0]).toMatchObject({
      phases: [{ group: "waiting", from: T + 1000 }, { group: "running", from: T + 3000 }, { group: "stopping", from: T + 8000 }],
      steps: [{ at: T + 3000, text: "connect" }],
    });
    expect([lane(lives, 7).row.state, lane(lives, 7).row.parentId]).toEqual([6, 1]);
  });
  it("are told again without being doubled", () => {
    const lives = new Lives();
    for (let times = 0; times < 2; times++) lives.tell([told({ life: 2 }), told({})], new Map());
    expect(lane(lives).lives.map((one) => one.life)).toEqual([1, 2]);
  });
  it("are bounded", () => {
    const lives = new Lives();
    lives.tell(Array.from({ length: 900 }, (_, id) => told({ id, endTime: iso(id) })), new Map());
    expect([lives.lanes.size, lives.lanes.has(0), lives.lanes.has(899)]).toEqual([500, false, true]);
  });
  it("are bounded for one task, too: the history tells of those that came and went between two looks", () => {
    const lives = new Lives();
    for (let from = 1; from < 1000; from += 100) lives.tell(Array.from({ length: 100 }, (_, index) => told({ life: from + index })), new Map());
    expect([lane(lives).lives.length, lane(lives).lives.at(-1)!.life]).toEqual([200, 1000]);
  });
});

describe("what is drawn of a lane", () => {
  const span = { from: T, to: T + 100_000 };
  const made = (list: Told[], values: Partial<Row> = {}) => {
    const lives = new Lives();
    const rows = tree(row(2, null, { state: 7, ...values }));
    lives.tell(list, rows);
    return lane(lives);
  };
  it("are bars of the phases, a gap before the retry, and a mark for each failure and step", () => {
    const found = drawn(made([told({})]), span, 1000, T + 20_000);
    expect(found.bars.map((bar) => [bar.kind, bar.x, bar.width])).toEqual([["waiting", 10, 20], ["running", 30, 50], ["stopping", 80, 20], ["gap", 100, 100]]);
    expect([found.failures.map((one) => one.x), found.steps.map((one) => [one.x, one.text])]).toEqual([[100], [[30, "connect"]]]);
  });
  it("are nothing of a life that is out of sight, and no more than the width allows", () => {
    expect(drawn(made([told({})], { state: 6 }), { from: T + 50_000, to: T + 90_000 }, 1000, T + 60_000).bars).toEqual([]);
    const many = Array.from({ length: 150 }, (_, life) => told({ life, endTime: iso(10 + life * 0.01) }));
    expect(drawn(made(many), span, 1000, T + 20_000).failures.length).toBeLessThan(10);
  });
});

describe("the time that is shown", () => {
  it("grows from fifteen seconds to two minutes, and follows the present", () => {
    const long = (age: number) => {
      const { from, to } = spanOf({ long: null, end: null }, T - age, T);
      return [to - from, to > T];
    };
    expect([long(1000), long(60_000), long(900_000)]).toEqual([[15_000, true], [60_000, true], [120_000, true]]);
  });
  it("stands where it was moved, and follows again when it is moved past the present", () => {
    const span = spanOf({ long: 10_000, end: null }, T, T);
    const back = moved(span, -0.5, T);
    expect(back.end).toBe(span.to - 5000);
    expect(moved(spanOf(back, T, T), 0.6, T).end).toBeNull();
  });
  it("keeps what is under the pointer when it is zoomed", () => {
    const view = { long: 10_000, end: T };
    const span = spanOf(view, T, T);
    const closer = spanOf(zoomed(view, span, 0.5, 0.25), T, T);
    expect([closer.from + 0.25 * 5000, closer.to - closer.from]).toEqual([span.from + 0.25 * 10_000, 5000]);
  });
  it("has ticks at round moments, not too near to each other", () => {
    const { step, at } = ticks({ from: T + 300, to: T + 60_300 }, 600, 90);
    expect([step, at[0], at.length]).toEqual([10_000, T + 10_000, 6]);
  });
});

describe("the words of the layouts", () => {
  it("are the same keys and places in both languages", () => {
    expect(Object.keys(zh).sort()).toEqual(Object.keys(en).sort());
    const places = (text: string) => (text.match(/\{\w+\}/g) ?? []).sort();
    for (const [key, text] of Object.entries(en)) expect(places(zh[key as keyof typeof zh]), key).toEqual(places(text));
  });
});
