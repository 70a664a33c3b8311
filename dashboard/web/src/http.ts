/** The page's own transport: one server-sent stream, GET and POST of the same origin. */
import { Problem, type StreamEvent, type Transport } from "./types";

const HIDDEN_FOR = 30_000;
const SHORTEST_WAIT = 500;
const LONGEST_WAIT = 5_000;

async function problemOf(answer: Response): Promise<Problem> {
  const told = (await answer.json().catch(() => ({}))) as { title?: string; detail?: string };
  return new Problem(answer.status, told.title ?? answer.statusText, told.detail ?? "");
}

async function send(url: string, body: unknown): Promise<Response> {
  return fetch(url, {
    method: "POST",
    credentials: "same-origin",
    headers: { "Content-Type": "application/json", "X-Gotask": "1" },
    body: JSON.stringify(body),
  });
}

/** A transport to the server of this page; `base` ends in a slash. */
export function httpTransport(base: string): Transport {
  const at = (path: string) => base + path.replace(/^\//, "");
  const transport: Transport = {
    subscribe: (hear) => subscribe(at("/api/events"), at("/api/session"), hear),
    async get(path) {
      const answer = await fetch(at(path), { credentials: "same-origin", headers: { Accept: "application/json" } });
      if (!answer.ok) throw await problemOf(answer);
      return answer.json();
    },
    async command(path, body) {
      const answer = await send(at(path), body);
      if (!answer.ok) throw await problemOf(answer);
      return answer.json().catch(() => null);
    },
    async login(token) {
      const answer = await send(at("/api/login"), { token });
      if (answer.status === 429) throw await problemOf(answer);
      transport.refused = !answer.ok;
      return answer.ok;
    },
    link: at,
  };
  return transport;
}

function subscribe(url: string, probe: string, hear: (event: StreamEvent) => void): () => void {
  let source: EventSource | null = null;
  let timer = 0;
  let wait = SHORTEST_WAIT;
  let over = false;

  const close = () => {
    source?.close();
    source = null;
    clearTimeout(timer);
  };
  const later = () => {
    timer = window.setTimeout(open, wait);
    wait = Math.min(wait * 2, LONGEST_WAIT);
  };
  /** A stream that is refused does not say why: another question does. */
  const look = async (answered: () => void) => {
    const answer = await fetch(probe, { credentials: "same-origin" }).catch(() => null);
    if (over || source) return;
    if (answer?.status === 401) return hear({ event: "unauthorised", data: null });
    if (answer?.ok) return answered();
    lost();
  };
  const lost = () => {
    hear({ event: "down", data: null });
    later();
  };
  function open() {
    close();
    const opened = (source = new EventSource(url));
    for (const event of ["snapshot", "delta", "status"] as const) {
      opened.addEventListener(event, (message) => {
        wait = SHORTEST_WAIT;
        hear({ event, data: JSON.parse((message as MessageEvent<string>).data) } as StreamEvent);
      });
    }
    opened.addEventListener("bye", () => {
      hear({ event: "bye", data: null });
      close();
      later();
    });
    opened.onerror = () => {
      close();
      void look(lost);
    };
  }
  let hiding = 0;
  const visibility = () => {
    clearTimeout(hiding);
    if (!document.hidden) {
      if (!source) open();
      return;
    }
    hiding = window.setTimeout(() => {
      close();
      hear({ event: "sleep", data: null });
    }, HIDDEN_FOR);
  };
  document.addEventListener("visibilitychange", visibility);
  if (document.hidden) visibility(); // opened behind another one: it may never be looked at
  void look(open); // first: a stream that is refused would be an error in the console of whoever has no token yet
  return () => {
    over = true;
    clearTimeout(hiding);
    document.removeEventListener("visibilitychange", visibility);
    close();
  };
}
