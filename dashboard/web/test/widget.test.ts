import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Problem, StreamEvent } from "../src/types";
import { contentOf, widgetTransport, type Model } from "../src/widget";

type Sent = Record<string, unknown> & { client: string; kind: string; id: number };

const bytesOf = (text: string) => new TextEncoder().encode(text) as Uint8Array<ArrayBuffer>;
const deflate = (text: string) => new Response(new Blob([bytesOf(text)]).stream().pipeThrough(new CompressionStream("deflate"))).arrayBuffer();

/** The other end of a comm: what was sent, and a voice. */
class Comm implements Model {
  sent: Sent[] = [];
  private hearing = new Map<string, Set<(...given: any[]) => void>>();

  get = () => undefined;
  set = () => {};
  save_changes = () => {};
  send = (content: unknown): unknown => void this.sent.push(content as Sent);
  on = (event: string, hear: (...given: any[]) => void) => void this.hearing.set(event, (this.hearing.get(event) ?? new Set()).add(hear));
  off = (event: string, hear: (...given: any[]) => void) => void this.hearing.get(event)?.delete(hear);

  tell(event: string, ...given: unknown[]) {
    for (const hear of this.hearing.get(event) ?? []) hear(...given);
  }
  say(head: object, content: unknown, deflated?: ArrayBuffer) {
    const buffer = deflated ?? bytesOf(JSON.stringify(content)).buffer;
    this.tell("msg:custom", { deflated: Boolean(deflated), ...head }, [new DataView(buffer)]);
  }
  get listeners(): number {
    return [...this.hearing.values()].reduce((sum, all) => sum + all.size, 0);
  }
  kinds = () => this.sent.map((one) => one.kind);
}

const page = Object.assign(new EventTarget(), { hidden: false });
const hide = (hidden: boolean) => {
  page.hidden = hidden;
  page.dispatchEvent(new Event("visibilitychange"));
};
let comm: Comm;

beforeEach(() => {
  comm = new Comm();
  page.hidden = false;
  vi.stubGlobal("document", page);
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

describe("contentOf", () => {
  it("reads plain and deflated buffers, also a part of a larger one", async () => {
    const text = bytesOf('{"name":"门"}');
    const all = new Uint8Array([0, 0, 0, ...text, 0]);
    expect(await contentOf(new DataView(all.buffer, 3, text.length), false)).toEqual({ name: "门" });
    expect(await contentOf(await deflate('{"name":"门"}'), true)).toEqual({ name: "门" });
  });
});

describe("the transport of a widget", () => {
  it("asks, and takes the answer that is its own", async () => {
    const one = widgetTransport(comm);
    const other = widgetTransport(comm);
    const told = one.get("/api/session");
    void other.get("/api/session");
    const [asked, others] = comm.sent;
    expect(asked).toMatchObject({ kind: "ask", method: "GET", path: "/api/session" });
    expect(others!.client).not.toBe(asked!.client);
    comm.say({ kind: "answer", client: others!.client, id: asked!.id, status: 200 }, { wrong: true });
    comm.say({ kind: "answer", client: asked!.client, id: asked!.id, status: 200 }, { pid: 7 });
    expect(await told).toEqual({ pid: 7 });
  });

  it("gives a command its body", () => {
    void widgetTransport(comm).command("/api/tasks/3/stop", { reason: "done" });
    expect(comm.sent[0]).toMatchObject({ method: "POST", path: "/api/tasks/3/stop", body: { reason: "done" } });
  });

  it("makes an error of a problem", async () => {
    const told = widgetTransport(comm).get("/api/tasks/9").catch((problem: Problem) => problem);
    const { client, id } = comm.sent[0]!;
    comm.say({ kind: "answer", client, id, status: 404 }, { title: "Not Found", detail: "no such task" });
    expect(await told).toMatchObject({ status: 404, message: "no such task" });
  });

  it("keeps the order of events, whatever has to be unpacked", async () => {
    const heard: StreamEvent[] = [];
    const large = await deflate(JSON.stringify({ rows: "x".repeat(100_000) }));
    const transport = widgetTransport(comm);
    transport.subscribe((event) => heard.push(event));
    const { client } = comm.sent[0]!;
    comm.say({ kind: "event", client, event: "snapshot" }, null, large);
    comm.say({ kind: "event", client, event: "delta" }, { seq: 1 });
    comm.say({ kind: "event", client, event: "bye" }, {});
    vi.useRealTimers();
    await vi.waitFor(() => expect(heard.map((one) => one.event)).toEqual(["snapshot", "delta", "bye"]));
  });

  it("says so when a message cannot be read, and goes on with the next one", async () => {
    const heard: string[] = [];
    widgetTransport(comm).subscribe(({ event }) => heard.push(event));
    const { client } = comm.sent[0]!;
    comm.say({ kind: "event", client, event: "snapshot" }, null, bytesOf("this was never deflated").buffer);
    comm.say({ kind: "event", client, event: "delta" }, { seq: 1 });
    vi.useRealTimers();
    await vi.waitFor(() => expect(heard).toEqual(["down", "delta"]));
  });

  it("says that it lives, and that it leaves", () => {
    const leave = widgetTransport(comm).subscribe(() => {});
    vi.advanceTimersByTime(45_000);
    leave();
    vi.advanceTimersByTime(60_000);
    expect(comm.kinds()).toEqual(["subscribe", "alive", "alive", "unsubscribe"]);
  });

  it("hears nothing while its page is hidden for long", () => {
    widgetTransport(comm).subscribe(() => {});
    hide(true);
    vi.advanceTimersByTime(10_000);
    hide(false);
    expect(comm.kinds()).toEqual(["subscribe"]);
    vi.advanceTimersByTime(15_000);
    hide(true);
    vi.advanceTimersByTime(100_000);
    expect(comm.kinds()).toEqual(["subscribe", "alive", "alive", "unsubscribe"]);
    hide(false);
    expect(comm.kinds().at(-1)).toBe("subscribe");
  });

  it("says when the kernel lets it wait", async () => {
    const heard: boolean[] = [];
    const transport = widgetTransport(comm);
    transport.onBusy((busy) => heard.push(busy));
    const told = transport.get("/api/session");
    vi.advanceTimersByTime(5_000);
    expect(heard).toEqual([true]);
    const { client, id } = comm.sent[0]!;
    comm.say({ kind: "answer", client, id, status: 200 }, {});
    await told;
    expect(heard).toEqual([true, false]);
  });

  it("says that the kernel is gone, and asks whether it is back", () => {
    const heard: string[] = [];
    widgetTransport(comm).subscribe(({ event }) => heard.push(event));
    comm.tell("comm_live_update");
    expect(heard).toEqual(["down"]);
    expect(comm.kinds()).toEqual(["subscribe", "subscribe"]);
  });

  it("waits for no answer of a kernel that is gone", async () => {
    const busy: boolean[] = [];
    const transport = widgetTransport(comm);
    transport.onBusy((one) => busy.push(one));
    const told = transport.get("/api/session").catch((problem: Problem) => problem);
    vi.advanceTimersByTime(5_000);
    comm.tell("comm_live_update");
    expect(await told).toMatchObject({ status: 503 });
    expect(busy).toEqual([true, false]);
  });

  it("does not mind a kernel to which nothing can be sent", async () => {
    const heard: string[] = [];
    comm.send = () => {
      throw new Error("Cannot send");
    };
    const transport = widgetTransport(comm);
    const leave = transport.subscribe(({ event }) => heard.push(event));
    comm.send = () => Promise.reject(new Error("Cannot send"));
    vi.advanceTimersByTime(20_000);
    await Promise.resolve();
    await Promise.resolve();
    expect(heard).toEqual(["down", "down"]);
    leave();
  });

  it("leaves no listener behind", () => {
    const transport = widgetTransport(comm);
    transport.subscribe(() => {})();
    transport.close();
    expect(comm.listeners).toBe(0);
  });
});
