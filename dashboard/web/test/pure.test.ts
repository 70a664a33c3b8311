import { describe, expect, it } from "vitest";
import { bytes, cutName, duration, nameOf, place, retries, shortPlace, since, uptime } from "../src/format";
import { preferredLanguage, speech } from "../src/i18n";
import { Minute } from "../src/minute";
import { applyDelta, applySnapshot, decode, emptyMirror } from "../src/mirror";
import { groupOf } from "../src/states";
import { count, descendants, lines, pathOf } from "../src/tree";
import type { Row } from "../src/types";
import { traitOf } from "../src/widget";
import { en } from "../src/words.en";
import { zh } from "../src/words.zh";

const fields = ["id", "parentId", "ownerType", "key", "state", "stopReason", "descriptions"];
const tree: [number, number | null, string, number][] = [
  [1, null, "Root", 4],
  [2, 1, "Stream", 4],
  [3, 2, "Camera", 7],
  [4, 2, "Viewer", 4],
  [5, 1, "Recorder", 5],
];
const columns = (list: [number, number | null, string, number][]) => [
  list.map((one) => one[0]),
  list.map((one) => one[1]),
  list.map((one) => one[2]),
  list.map((one) => String(one[0])),
  list.map((one) => one[3]),
  list.map(() => null),
  list.map(() => ({})),
];
const part = (list: typeof tree, number: number, parts: number) => ({
  epoch: "a", seq: 7, part: number, parts, asOf: "2026-01-01T00:00:00Z", fields, columns: columns(list),
});
const whole = () => applySnapshot(emptyMirror(), part(tree, 0, 1));
const none = { text: "", group: null };
const shown = (rows: Map<number, Row>, closed: number[] = [], filter = {}) =>
  lines(rows, new Set(closed), { ...none, ...filter });

describe("the mirror", () => {
  it("makes rows out of columns", () => {
    expect(decode({ fields: ["id", "key"], columns: [[1, 2], ["a", "b"]] })).toEqual([{ id: 1, key: "a" }, { id: 2, key: "b" }]);
  });
  it("begins anew after a snapshot that broke off", () => {
    const half = applySnapshot(emptyMirror(), part(tree.slice(0, 4), 0, 2));
    const whole = applySnapshot(half, part(tree.slice(0, 2), 0, 1));
    expect([whole.missing, whole.rows.size]).toEqual([0, 2]);
  });
  it("is complete when all parts are there", () => {
    const first = applySnapshot(emptyMirror(), part(tree.slice(0, 2), 0, 2));
    expect(first.missing).toBe(1);
    const second = applySnapshot(first, part(tree.slice(2), 1, 2));
    expect([second.missing, second.rows.size]).toEqual([0, 5]);
  });
  it("begins a new tree with the next snapshot", () => {
    expect([...applySnapshot(whole(), part(tree.slice(0, 1), 0, 1)).rows.keys()]).toEqual([1]);
  });
  it("applies a delta that follows", () => {
    const next = applyDelta(whole(), { from: 7, seq: 8, asOf: "", fields, columns: columns([[6, 1, "New", 1]]), removed: [4] });
    expect(next?.seq).toBe(8);
    expect([...next!.rows.keys()]).toEqual([1, 2, 3, 5, 6]);
  });
  it("refuses a delta that does not follow", () => {
    expect(applyDelta(whole(), { from: 6, seq: 8, asOf: "", fields, columns: columns([]), removed: [] })).toBeNull();
  });
  it("refuses a delta before all parts are there", () => {
    const half = applySnapshot(emptyMirror(), part(tree.slice(0, 2), 1, 2));
    expect(applyDelta(half, { from: 7, seq: 8, asOf: "", fields, columns: columns([]), removed: [] })).toBeNull();
  });
});

describe("the lines of the tree", () => {
  it("are in the order of the ids, children below their parents", () => {
    expect(shown(whole().rows).map((line) => [line.row.id, line.depth])).toEqual([[1, 0], [2, 1], [3, 2], [4, 2], [5, 1]]);
  });
  it("leave out what is below a closed parent, and show the worst state there", () => {
    const found = shown(whole().rows, [2]);
    expect(found.map((line) => line.row.id)).toEqual([1, 2, 5]);
    expect(found[1]!.hidden).toBe("retrying");
  });
  it("keep the ancestors of what fits the filter, faded", () => {
    const found = shown(whole().rows, [], { text: "viewer" });
    expect(found.map((line) => [line.row.id, line.faded])).toEqual([[1, true], [2, true], [4, false]]);
  });
  it("fit a filter with each of its words, wherever these are said of the task", () => {
    const { rows } = whole();
    rows.set(4, { ...rows.get(4)!, key: "Gate", startReason: "main.py:7", step: "opened", stopReason: "at night", descriptions: { line: "Fibre" } });
    const fit = (text: string) => shown(rows, [], { text }).some((line) => line.row.id === 4 && !line.faded);
    expect(["gate", "main.py gate", "opened", "night  line FIBRE", "#4"].map(fit)).toEqual([true, true, true, true, true]);
    expect(["gate nowhere", "#3"].map(fit)).toEqual([false, false]);
  });
  it("are opened by a filter", () => {
    expect(shown(whole().rows, [1, 2], { text: "#4" }).map((line) => line.row.id)).toEqual([1, 2, 4]);
  });
  it("can be those of one group", () => {
    expect(shown(whole().rows, [], { group: "stopping" }).map((line) => line.row.id)).toEqual([1, 5]);
  });
  it("show a row whose parent is not here as a root", () => {
    const rows = whole().rows;
    rows.delete(2);
    expect(shown(rows).filter((line) => line.depth === 0).map((line) => line.row.id)).toEqual([1, 3, 4]);
  });
  it("run their guides past the children of a task that has a later sibling", () => {
    expect(shown(whole().rows).map((line) => [line.guides, line.last])).toEqual([
      [[], true], [[], false], [[true], false], [[true], true], [[], true],
    ]);
  });
  it("need no recursion", () => {
    const deep = applySnapshot(emptyMirror(), part(Array.from({ length: 50_000 }, (_, id) => [id, id ? id - 1 : null, "Job", 4]), 0, 1));
    expect(shown(deep.rows).length).toBe(50_000);
  });
});

describe("what is counted", () => {
  it("is each group", () => {
    expect(count(whole().rows)).toEqual({ running: 3, waiting: 0, stopping: 1, failed: 0, retrying: 1, stopped: 0 });
  });
  it("is everything below a task", () => {
    expect([descendants(whole().rows, 1), descendants(whole().rows, 2), descendants(whole().rows, 4)]).toEqual([4, 2, 0]);
  });
  it("is the path from the root", () => {
    expect(pathOf(whole().rows, 3).map((row) => row.id)).toEqual([1, 2, 3]);
  });
});

describe("groups", () => {
  const row = (values: Partial<Row>) => ({ state: 4, askedAt: null, stopReason: null, ...values }) as Row;
  it("say that a body which was asked to stop is stopping", () => {
    expect(groupOf(row({ askedAt: "2026-01-01T00:00:00Z" }))).toBe("stopping");
  });
  it("tell a failure from an end", () => {
    const groups = [true, false, null].map((failed) => groupOf(row({ state: 6, stopReason: "the line broke", failed })));
    expect(groups).toEqual(["failed", "stopped", "stopped"]);
  });
});

describe("formats", () => {
  it("give durations", () => {
    expect([0.004, 0.42, 12.9, 187, 7387, 4 * 86400 + 7387, null].map(duration)).toEqual([
      "4 ms", "0.4 s", "12 s", "3:07", "2:03:07", "4 d 02:03", "–",
    ]);
    expect(uptime(9.7)).toBe("9 s");
  });
  it("give retries, also those without an end", () => {
    expect([[2, 5], [3, -1], [0, 0], [2, 0]].map(([retryCount, maxRetry]) => retries({ retryCount: retryCount!, maxRetry: maxRetry! }))).toEqual(["2/5", "3/∞", "", "2"]);
  });
  it("leave out the long way to a package", () => {
    const text = "/usr/lib/python3.11/asyncio/tasks.py:649 in sleep";
    expect([shortPlace(text), shortPlace("app/decode.py:8 in go")]).toEqual(["asyncio/tasks.py:649 in sleep", "app/decode.py:8 in go"]);
    const installed = ".venv/lib/python3.11/site-packages/anyio/_core/_eventloop.py:99 in sleep";
    expect([shortPlace(installed), shortPlace("src/app/a/b.py:1 in go")]).toEqual(["anyio/_core/_eventloop.py:99 in sleep", "src/app/a/b.py:1 in go"]);
  });
  it("leave out a key that is only the id", () => {
    expect([nameOf({ ownerType: "Viewer", key: "4", id: 4 }), nameOf({ ownerType: "Viewer", key: "ann", id: 4 })]).toEqual(["Viewer", "Viewer ann"]);
  });
  it("give sizes, places and ages", () => {
    expect([bytes(900), bytes(52_400_000), place("/srv/app/stream/decode.py:88")]).toEqual(["900 B", "52.4 MB", "decode.py:88"]);
    expect(since("2026-01-01T00:00:00Z", Date.parse("2026-01-01T00:00:12Z"))).toBe(12);
  });
});

describe("a trait of the widget", () => {
  it("is null, and not undefined, where Python said None", () => {
    const said: Record<string, unknown> = { selected: undefined, picture: { last: undefined, queue: [undefined, 0] } };
    const model = { get: (name: string) => said[name] };
    expect(traitOf(model, "selected")).toBe(null);
    expect(traitOf(model, "picture")).toEqual({ last: null, queue: [null, 0] });
  });
});

describe("words", () => {
  // Chinese has no form of its own for one.
  const several = Object.keys(en).filter((key) => !key.endsWith(".one"));
  it("are the same keys in both languages, none of them empty", () => {
    expect(Object.keys(zh).sort()).toEqual(several.sort());
    expect(Object.values({ ...en, ...zh }).every((text) => text.length > 0)).toBe(true);
  });
  it("have the same places for values", () => {
    const places = (text: string) => (text.match(/\{\w+\}/g) ?? []).sort();
    for (const key of several) expect(places(zh[key as keyof typeof zh]), key).toEqual(places(en[key as keyof typeof en]));
  });
  it("are in the plural or the singular", () => {
    expect([0, 1, 1234].map((n) => speech("en").t("stop.count", { n }))).toEqual([
      "0 descendants go with it.", "1 descendant goes with it.", "1,234 descendants go with it.",
    ]);
  });
  it("are Chinese for a Chinese browser, unless English was chosen", () => {
    expect([preferredLanguage(null, ["zh-TW"]), preferredLanguage("en", ["zh"]), preferredLanguage(null, ["de"])]).toEqual(["zh", "en", "en"]);
  });
});

describe("the last minute", () => {
  const row = (values: Partial<Row>) => ({ id: 3, ownerType: "Camera", key: "3", state: 7, askedAt: null, startTime: null, life: 1, retryCount: 0, failed: null, ...values }) as Row;
  it("counts a failure also where the next life has failed by the next look", () => {
    const minute = new Minute();
    minute.see(row({ retryCount: 1 }), row({ life: 2, retryCount: 2 }), 1_000);
    minute.see(row({ life: 2, retryCount: 2 }), row({ life: 3, retryCount: 3, state: 4 }), 2_000);
    expect(minute.totals()).toEqual({ starts: 2, ends: 0, failures: 2 });
  });
  it("counts no failure for a restart", () => {
    const minute = new Minute();
    minute.see(row({ state: 4 }), row({ state: 7 }), 1_000);
    expect(minute.totals().failures).toBe(0);
  });
  it("hears of a last life that failed when the task is gone already", () => {
    const minute = new Minute();
    minute.see(row({ state: 4 }), null, 1_500);
    minute.see(row({ id: 4, state: 4 }), null, 3_500);
    minute.failed(3);
    minute.failed(9);
    expect(minute.seconds.map(({ at, ends, failures }) => [at, ends, failures])).toEqual([[1_000, 1, 1], [3_000, 1, 0]]);
  });
});

describe("a name that is too long", () => {
  it("is cut before its end, where the keys of siblings differ", () => {
    const cut = (name: string, room: number) => cutName(name, (text) => text.length <= room);
    expect(cut("Page /a", 20)).toBe("Page /a");
    expect(cut("Page http://127.0.0.1:8000/32", 16)).toBe("Page ….1:8000/32");
    expect(cut("Page", 2)).toBe("P…");
  });
});
