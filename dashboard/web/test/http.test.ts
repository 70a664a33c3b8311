import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { httpTransport } from "../src/http";

const page = Object.assign(new EventTarget(), { hidden: false });
let open: Set<Source>;

/** A stream that says nothing. */
class Source extends EventTarget {
  constructor(readonly url: string) {
    super();
    open.add(this);
  }
  close() {
    open.delete(this);
  }
}

beforeEach(() => {
  open = new Set();
  page.hidden = false;
  vi.stubGlobal("document", page);
  vi.stubGlobal("window", globalThis);
  vi.stubGlobal("EventSource", Source);
  vi.stubGlobal("fetch", () => Promise.resolve(new Response("{}")));
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

describe("the stream of a page", () => {
  const subscribed = async () => {
    const heard: string[] = [];
    const leave = httpTransport("http://here/").subscribe(({ event }) => heard.push(event));
    await vi.advanceTimersByTimeAsync(1000);
    return { heard, leave };
  };

  it("is open while the page is there", async () => {
    const { heard, leave } = await subscribed();
    await vi.advanceTimersByTimeAsync(60_000);
    expect([[...open].map((one) => one.url), heard]).toEqual([["http://here/api/events"], []]);
    leave();
    expect(open.size).toBe(0);
  });

  it("is closed after a while in a page that was opened in the background, and opened when it is looked at", async () => {
    page.hidden = true;
    const { heard } = await subscribed();
    expect(open.size).toBe(1);
    await vi.advanceTimersByTimeAsync(30_000);
    expect([open.size, heard]).toEqual([0, ["sleep"]]);
    page.hidden = false;
    page.dispatchEvent(new Event("visibilitychange"));
    expect(open.size).toBe(1);
  });
});
