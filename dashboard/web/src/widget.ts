/** The paths of the server, answered over a widget's comm. */
import { Problem, type StreamEvent, type Transport } from "./types";

/** What anywidget gives to a view. */
export interface Model {
  get(name: string): unknown;
  set(name: string, value: unknown): void;
  save_changes(): void;
  send(content: unknown): void;
  on(event: string, hear: (...given: any[]) => void): void;
  off(event: string, hear: (...given: any[]) => void): void;
}

/** The head of a message of the kernel; its content is the buffer that comes with it. */
type Head =
  | { kind: "answer"; client: string; id: number; status: number; deflated: boolean }
  | { kind: "event"; client: string; event: StreamEvent["event"]; deflated: boolean };

const ALIVE = 20_000;

/** JSON out of the buffer of a message. */
export async function contentOf(buffer: DataView | ArrayBuffer, deflated: boolean): Promise<unknown> {
  const bytes = buffer instanceof ArrayBuffer ? new Uint8Array(buffer) : new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength);
  if (!deflated) return JSON.parse(new TextDecoder().decode(bytes));
  const stream = new Blob([bytes as BlobPart]).stream().pipeThrough(new DecompressionStream("deflate"));
  return JSON.parse(await new Response(stream).text());
}

/** A transport over the comm of this model, for one view. */
export function widgetTransport(model: Model): Transport & { close(): void } {
  // Several views, also in other browsers, share the comm: each hears all messages, and takes its own.
  const client = Math.random().toString(36).slice(2);
  const pending = new Map<number, { resolve(value: unknown): void; reject(problem: Problem): void }>();
  let hearing: ((event: StreamEvent) => void) | null = null;
  let last = 0;
  let before: Promise<void> = Promise.resolve();

  const take = (head: Head, content: unknown) => {
    if (head.kind === "event") return hearing?.({ event: head.event, data: content } as StreamEvent);
    const asked = pending.get(head.id);
    pending.delete(head.id);
    if (head.status < 400) return asked?.resolve(content);
    const { title, detail } = content as { title?: string; detail?: string };
    asked?.reject(new Problem(head.status, title ?? "", detail ?? ""));
  };
  const hear = (head: Head, buffers: (DataView | ArrayBuffer)[]) => {
    if (head.client !== client) return;
    const content = contentOf(buffers[0]!, head.deflated);
    // In their order: small ones are read sooner than large ones.
    before = before.then(async () => take(head, await content));
  };
  model.on("msg:custom", hear);
  const ask = (method: string, path: string, body?: unknown) =>
    new Promise<unknown>((resolve, reject) => {
      const id = ++last;
      pending.set(id, { resolve, reject });
      model.send({ kind: "ask", client, id, method, path, body });
    });
  return {
    subscribe(listen) {
      hearing = listen;
      model.send({ kind: "subscribe", client });
      const timer = setInterval(() => model.send({ kind: "alive", client }), ALIVE);
      return () => {
        clearInterval(timer);
        hearing = null;
        model.send({ kind: "unsubscribe", client });
      };
    },
    get: (path) => ask("GET", path),
    command: (path, body) => ask("POST", path, body),
    close: () => model.off("msg:custom", hear),
  };
}
