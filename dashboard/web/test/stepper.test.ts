import { describe, expect, it } from "vitest";
import { allowed, changedBy, nameOf, planOf, sayIn, titleOf, verdictOf, type Picture, type Queued } from "../src/stepper";
import { en } from "../src/stepper-words.en";
import { zh } from "../src/stepper-words.zh";

const say = sayIn("en");
const reader: Queued = { id: 3, name: "Reader", kind: "start", plan: ["start", "go"] };
const call: Queued = { id: 1, name: "Root", kind: "call", plan: ["call"], function: "sum", caller: "main" };
const picture = (values: Partial<Picture>) => ({ open: true, paused: true, queued: 1, busy: null, ...values }) as Picture;

describe("an event of the queue", () => {
  it("has a title", () => {
    expect([titleOf(reader, say), titleOf(call, say)]).toEqual(["start Reader#3", "call from main"]);
  });
  it("has a plan in words", () => {
    expect(planOf(reader, say)).toEqual(["calls start()", "begins go() beside this loop"]);
    expect(planOf(call, say)).toEqual(["runs sum"]);
  });
  it("is said in Chinese, too", () => {
    expect([titleOf(reader, sayIn("zh")), planOf(reader, sayIn("zh"))[0]]).toEqual(["启动 Reader#3", "调用 start()"]);
  });
});

describe("a prediction", () => {
  const answer = { number: 1, family: "start", guess: "RUNNING", came: "GOING" };
  it("is right when it came so", () => {
    expect([verdictOf(answer, say).right, verdictOf({ ...answer, guess: "GOING" }, say).right]).toEqual([false, true]);
  });
  it("is answered with the rule", () => {
    expect(verdictOf(answer, say).why).toMatch(/^L4: /);
  });
});

describe("what may be pressed", () => {
  it("is a step while it is paused and something is queued", () => {
    expect(allowed(picture({}))).toEqual({ step: true, run: true, toggle: true });
  });
  it.each([{ queued: 0 }, { paused: false }, { busy: "step" }, { open: false }])("is no step with %o", (values) => {
    expect(allowed(picture(values)).step).toBe(false);
  });
  it("is nothing when it is closed", () => {
    expect(allowed(picture({ open: false })).toggle).toBe(false);
  });
});

describe("tasks", () => {
  it("are called by owner and id", () => {
    expect(nameOf(reader)).toBe("Reader#3");
  });
  it("are marked when the last step changed them", () => {
    const taken = { number: 1, event: reader, walks: [{ id: 3, name: "Reader", states: [0, 1] }], waits: null };
    expect([[...changedBy(taken)], [...changedBy(null)]]).toEqual([[3], []]);
  });
});

describe("the words of the stepper", () => {
  it("are the same keys in both languages, none of them empty", () => {
    expect(Object.keys(zh).sort()).toEqual(Object.keys(en).sort());
    expect(Object.values({ ...en, ...zh }).every((text) => text.length > 0)).toBe(true);
  });
  it("have the same places for values", () => {
    const places = (text: string) => (text.match(/\{\w+\}/g) ?? []).sort();
    for (const [key, text] of Object.entries(en)) expect(places(zh[key as keyof typeof zh]), key).toEqual(places(text));
  });
  it("name the same rules", () => {
    const rules = (text: string) => (text.match(/\b[A-Z]\d+(?!\w)/g) ?? []).sort();
    for (const [key, text] of Object.entries(en)) expect(rules(zh[key as keyof typeof zh]), key).toEqual(rules(text));
  });
});
