/** What the server says: one row of the tree, and what else the page asks for. */
export interface Row {
  id: number;
  parentId: number | null;
  key: string;
  ownerType: string;
  type: number;
  typeName: string;
  level: number;
  state: number;
  stateName: string;
  startReason: string | null;
  addedAt: string | null;
  startTime: string | null;
  askedAt: string | null;
  retryAt: string | null;
  life: number;
  retryCount: number;
  maxRetry: number;
  stopReason: string | null;
  blockedBy: number | null;
  children: number;
  descriptions: Record<string, string>;
  step: string | null;
  pointer: number | null;
  eventLoopRunning: boolean | null;
  /** Of a task that has stopped, if the server has said so already. */
  failed: boolean | null;
}

export interface Step {
  name: string;
  detail: string;
  /** Seconds after the life began. */
  at: number;
}

/** Seconds in each phase. */
export type Timings = Record<"queued" | "start" | "body" | "dispose" | "total", number>;

/** One task of the chain that ends where a stop really hangs. */
export interface Hanging {
  task: string;
  what: string;
  stack: string[];
}

/** Everything about one task. */
export interface Detail extends Row {
  canRestart: boolean;
  canStart: boolean;
  steps: Step[];
  timings: Timings | null;
  resources: string[];
  callStack: string[];
  blocking: number[];
  stopReport: { chain: Hanging[] } | null;
}

/** A life that is over. */
export interface Life {
  id: number;
  parentId: number | null;
  key: string;
  ownerType: string;
  typeName: string;
  level: number;
  life: number;
  startReason: string;
  startTime: string;
  endTime: string;
  duration: number;
  stopReason: string;
  reasonType: string;
  failed: boolean;
  sessionId: number | null;
  retryCount: number;
  steps: Step[];
  timings: Timings;
}

/** A run of a program. */
export interface Run {
  id: number;
  program: string;
  startedAt: string;
  endedAt: string | null;
  crashed: boolean;
  host: string;
  pid: number;
  current: boolean;
}

/** How the process does. */
export interface ProcessNumbers {
  cpuPercent: number;
  memory: number;
  loopLag: number;
}

export interface Columns {
  fields: string[];
  columns: unknown[][];
}

export interface Snapshot extends Columns {
  epoch: string;
  seq: number;
  part: number;
  parts: number;
  asOf: string;
}

export interface Delta extends Columns {
  from: number;
  seq: number;
  asOf: string;
  removed: number[];
}

export interface Status {
  loopBlockedFor: number | null;
  loopBlockedAt: string | null;
  dropped: number;
}

/** What a transport reports; `down` and `unauthorised` are its own, the rest is the server's stream. */
export type StreamEvent =
  | { event: "snapshot"; data: Snapshot }
  | { event: "delta"; data: Delta }
  | { event: "status"; data: Status }
  | { event: "bye" | "down" | "unauthorised" | "sleep"; data: null };

export interface Transport {
  /** Hear the live stream from its beginning; the answer ends it. */
  subscribe(hear: (event: StreamEvent) => void): () => void;
  get(path: string): Promise<unknown>;
  command(path: string, body: unknown): Promise<unknown>;
  /** Only where a token is asked for: whether it was right; an error where it was not looked at. */
  login?(token: string): Promise<boolean>;
  /** The last token was wrong, such as that of the link by which the page was opened. */
  refused?: boolean;
  /** The numbers of the process are not asked for. */
  quiet?: boolean;
  /** Where a browser may fetch this path as a file; absent where it cannot. */
  link?(path: string): string;
}

export interface Session {
  program: string;
  pid: number;
  host: string;
  python: string;
  gotask: string;
  startedAt: string;
  uptime: number;
  readOnly: boolean;
  auth: boolean;
  epoch: string;
  sessionId: number | null;
}

export interface List<T> {
  list: T[];
  total: number;
  limit: number;
  offset: number;
  asOf?: string;
}

/** An error as RFC 9457 tells it. */
export class Problem extends Error {
  constructor(
    readonly status: number,
    readonly title: string,
    readonly detail: string,
  ) {
    super(detail || title);
  }
}
