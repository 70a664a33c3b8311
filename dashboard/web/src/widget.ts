/** The paths of the server, answered over a widget's comm. */
import { Problem, type StreamEvent, type Transport } from "./types";

/** What anywidget gives to a view. */
export interface Model {
  get(name: string): unknown;
  set(name: string, value: unknown): void;
  save_changes(): void;
  send(content: unknown): unknown;
  on(event: string, hear: (...given: any[]) => void): void;
  off(event: string, hear: (...given: any[]) => void): void;
}

/** The value of a trait, with null for Python's None: a kernel in the browser says `undefined`, as deep as it goes. */
export function traitOf<T>(model: Pick<Model, "get">, name: string): T {
  return JSON.parse(JSON.stringify(model.get(name), (_, value) => value ?? null)) as T;
}

/** The head of a message of the kernel; its content is the buffer that comes with it. */
type Head =
  | { kind: "answer"; client: string; id: number; status: number; deflated: boolean }
  | { kind: "event"; client: string; event: StreamEvent["event"]; deflated: boolean };

const ALIVE = 20_000;
const HIDDEN_FOR = 30_000;
/** An answer that takes longer says that the kernel has something else to do. */
const BUSY_AFTER = 1_500;

/** JSON out of the buffer of a message. */
export async function contentOf(buffer: DataView | ArrayBuffer, deflated: boolean): Promise<unknown> {
  const bytes = buffer instanceof ArrayBuffer ? new Uint8Array(buffer) : new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength);
  if (!deflated) return JSON.parse(new TextDecoder().decode(bytes));
  const stream = new Blob([bytes as BlobPart]).stream().pipeThrough(new DecompressionStream("deflate"));
  return JSON.parse(await new Response(stream).text());
}

/** Tell the kernel; an error, in whatever way the notebook has of it, if the kernel is gone. */
export async function sent(model: Pick<Model, "send">, content: object): Promise<void> {
  await model.send(content);
}

export interface WidgetTransport extends Transport {
  /** Hear whether the kernel lets an answer wait; the answer ends it. */
  onBusy(hear: (busy: boolean) => void): () => void;
  close(): void;
}

/** A transport over the comm of this model, for one view. */
export function widgetTransport(model: Model): WidgetTransport {
  // Several views, also in other browsers, share the comm: each hears all messages, and takes its own.
  const client = Math.random().toString(36).slice(2);
  const pending = new Map<number, { resolve(value: unknown): void; reject(problem: Problem): void; timer: ReturnType<typeof setTimeout> }>();
  const busy = new Set<number>();
  const hearBusy = new Set<(busy: boolean) => void>();
  let hearing: ((event: StreamEvent) => void) | null = null;
  let last = 0;
  let before: Promise<void> = Promise.resolve();

  const wait = (id: number, on: boolean) => {
    if (on) busy.add(id);
    else busy.delete(id);
    for (const hear of hearBusy) hear(busy.size > 0);
  };
  const take = (head: Head, content: unknown) => {
    if (head.kind === "event") return hearing?.({ event: head.event, data: content } as StreamEvent);
    const asked = pending.get(head.id);
    if (!asked) return;
    pending.delete(head.id);
    clearTimeout(asked.timer);
    wait(head.id, false);
    if (head.status < 400) return asked.resolve(content);
    const { title, detail } = content as { title?: string; detail?: string };
    asked.reject(new Problem(head.status, title ?? "", detail ?? ""));
  };
  const down = () => hearing?.({ event: "down", data: null });
  const hear = (head: Head, buffers: (DataView | ArrayBuffer)[]) => {
    if (head.client !== client) return;
    // In their order: small ones are read sooner than large ones. One that cannot be read keeps no other one back.
    before = Promise.all([contentOf(buffers[0]!, head.deflated), before]).then(([content]) => take(head, content)).catch(down);
  };
  /** Also to a kernel that is gone: what is on the page is all there is then. */
  const send = (content: object) => void sent(model, content).catch(down);
  const tell = (kind: string) => send({ kind, client });
  const lost = () => {
    // What was asked is answered no more, by a kernel that is gone or over a wire that was cut.
    for (const { reject, timer } of pending.values()) {
      clearTimeout(timer);
      reject(new Problem(503, "Service Unavailable", "the kernel does not answer"));
    }
    pending.clear();
    busy.clear();
    for (const hear of hearBusy) hear(false);
    if (!hearing) return;
    down();
    tell("subscribe"); // the same event tells that it is there again
  };
  model.on("msg:custom", hear);
  model.on("comm_live_update", lost);

  const ask = (method: string, path: string, body?: unknown) =>
    new Promise<unknown>((resolve, reject) => {
      const id = ++last;
      pending.set(id, { resolve, reject, timer: setTimeout(() => wait(id, true), BUSY_AFTER) });
      send({ kind: "ask", client, id, method, path, body });
    });
  return {
    quiet: true,
    subscribe(listen) {
      let hiding: ReturnType<typeof setTimeout> | undefined;
      let asleep = false;
      hearing = listen;
      tell("subscribe");
      const timer = setInterval(() => asleep || tell("alive"), ALIVE);
      const visibility = () => {
        clearTimeout(hiding);
        if (document.hidden) {
          hiding = setTimeout(() => {
            asleep = true;
            tell("unsubscribe");
          }, HIDDEN_FOR);
        } else if (asleep) {
          asleep = false;
          tell("subscribe");
        }
      };
      document.addEventListener("visibilitychange", visibility);
      return () => {
        clearInterval(timer);
        clearTimeout(hiding);
        document.removeEventListener("visibilitychange", visibility);
        hearing = null;
        tell("unsubscribe");
      };
    },
    get: (path) => ask("GET", path),
    command: (path, body) => ask("POST", path, body),
    onBusy(hear) {
      hearBusy.add(hear);
      return () => hearBusy.delete(hear);
    },
    close() {
      model.off("msg:custom", hear);
      model.off("comm_live_update", lost);
      for (const { timer } of pending.values()) clearTimeout(timer);
    },
  };
}
