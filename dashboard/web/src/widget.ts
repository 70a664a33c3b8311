/** The same view in a notebook: the paths of the server, answered over the widget's comm. */
import { Problem, type StreamEvent, type Transport } from "./types";

export interface Model {
  send(content: unknown): void;
  on(event: "msg:custom", hear: (content: Message) => void): void;
  off(event: "msg:custom", hear: (content: Message) => void): void;
}

type Message =
  | { kind: "answer"; id: number; status: number; body: { title?: string; detail?: string } | null }
  | ({ kind: "event" } & StreamEvent);

export function widgetTransport(model: Model): Transport {
  let last = 0;
  const ask = (method: string, path: string, body?: unknown) =>
    new Promise<unknown>((resolve, reject) => {
      const id = ++last;
      const hear = (message: Message) => {
        if (message.kind !== "answer" || message.id !== id) return;
        model.off("msg:custom", hear);
        const { status, body: told } = message;
        if (status < 400) resolve(told);
        else reject(new Problem(status, told?.title ?? "", told?.detail ?? ""));
      };
      model.on("msg:custom", hear);
      model.send({ kind: "ask", id, method, path, body });
    });
  return {
    subscribe(hear) {
      const listen = (message: Message) => {
        if (message.kind === "event") hear(message);
      };
      model.on("msg:custom", listen);
      model.send({ kind: "subscribe" });
      return () => {
        model.off("msg:custom", listen);
        model.send({ kind: "unsubscribe" });
      };
    },
    get: (path) => ask("GET", path),
    command: (path, body) => ask("POST", path, body),
  };
}
