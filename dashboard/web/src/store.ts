/** What the page knows, and whether it is still true; views are told of changes at most once a frame. */
import { Minute } from "./minute";
import { applyDelta, applySnapshot, emptyMirror, type Mirror } from "./mirror";
import { DISPOSED, disposed } from "./states";
import type { List, ProcessNumbers, Row, Session, Status, StreamEvent, Transport } from "./types";

export type Link = "connecting" | "live" | "down" | "unauthorised" | "asleep";

const KEPT_SAMPLES = 60;
const STOPPED_AFTER = 600;

export class Store {
  link: Link = "connecting";
  session: Session | null = null;
  status: Status = { loopBlockedFor: null, loopBlockedAt: null, dropped: 0 };
  restarted = false;
  /** The tree has said goodbye. */
  over = false;
  samples: ProcessNumbers[] = [];
  minute = new Minute();
  /** Rises with each change of the rows. */
  version = 0;
  /** By the page's clock: when the server was last heard. */
  heard = Date.now();
  private moved = false;
  /** Of tasks that have stopped and can be started again. */
  stopped = new Map<number, Row>();
  private mirror: Mirror = emptyMirror();
  private frozen: { rows: Map<number, Row>; at: number } | null = null;
  private skew = 0;
  private listeners = new Set<() => void>();
  private planned = 0;
  private leave: (() => void) | null = null;
  private polling = 0;
  private askedLater = 0;

  constructor(readonly transport: Transport) {}

  get rows(): Map<number, Row> {
    return this.frozen?.rows ?? this.mirror.rows;
  }

  get paused(): boolean {
    return this.frozen !== null;
  }

  get ready(): boolean {
    return this.mirror.seq >= 0 && this.mirror.missing === 0;
  }

  /** The server's time now; of a view that is paused or cut off, when it stood still. */
  get now(): number {
    if (this.frozen) return this.frozen.at;
    return (this.link === "live" ? Date.now() : this.heard) + this.skew;
  }

  row(id: number): Row | undefined {
    return this.rows.get(id) ?? this.stopped.get(id);
  }

  listen(hear: () => void): () => void {
    this.listeners.add(hear);
    return () => this.listeners.delete(hear);
  }

  connect(): void {
    this.leave?.();
    this.leave = this.transport.subscribe((event) => this.hear(event));
    clearInterval(this.polling);
    this.polling = window.setInterval(() => void this.sample(), 2000);
  }

  close(): void {
    this.leave?.();
    this.leave = null;
    clearInterval(this.polling);
    clearTimeout(this.askedLater);
    this.askedLater = 0;
  }

  pause(on: boolean): void {
    this.frozen = on ? { rows: new Map(this.mirror.rows), at: this.now } : null;
    this.changed();
  }

  dismissRestarted(): void {
    this.restarted = false;
    this.emit();
  }

  private hear(event: StreamEvent): void {
    switch (event.event) {
      case "snapshot": {
        const known = this.mirror.epoch;
        this.mirror = applySnapshot(this.mirror, event.data);
        this.moved = true;
        if (known !== event.data.epoch) this.newProcess(known !== "");
        if (this.mirror.missing > 0) break;
        this.alive(event.data.asOf);
        if (!this.minute.seconds.length) this.minute.begin(this.mirror.rows.values(), this.now);
        break;
      }
      case "delta": {
        const at = Date.parse(event.data.asOf) || this.now;
        const next = applyDelta(this.mirror, event.data, (before, now) => this.see(before, now, at));
        if (!next) return this.connect();
        this.mirror = next;
        this.moved = true;
        this.alive(event.data.asOf);
        break;
      }
      case "status":
        this.status = event.data;
        this.heard = Date.now();
        break;
      case "bye":
      case "down":
        // Until now it was live: a quiet tree has nothing to say.
        if (this.link === "live") this.heard = Date.now();
        this.link = "down";
        this.over = event.event === "bye";
        break;
      case "sleep":
        this.heard = Date.now();
        this.link = "asleep";
        break;
      case "unauthorised":
        this.link = "unauthorised";
    }
    this.changed();
  }

  private see(before: Row | null, now: Row | null, at: number): void {
    this.minute.see(before, now, at);
    if (now && now.state !== DISPOSED) this.stopped.delete(now.id);
    if (!before || now) return;
    this.stopped.set(before.id, disposed(before));
    this.askStopped();
  }

  private alive(asOf: string): void {
    this.link = "live";
    this.heard = Date.now();
    const at = Date.parse(asOf);
    if (!Number.isNaN(at)) this.skew = at - this.heard;
    this.minute.prune(this.now);
  }

  private newProcess(again: boolean): void {
    this.restarted = again;
    this.minute.clear();
    this.samples = [];
    this.stopped.clear();
    void this.loadSession();
    void this.loadStopped();
  }

  private async loadSession(): Promise<void> {
    this.session = (await this.transport.get("/api/session").catch(() => this.session)) as Session | null;
    this.emit();
  }

  /** Ask for the stopped tasks that the server keeps; the page has seen only those that stopped while it was open. */
  private async loadStopped(): Promise<void> {
    const found = (await this.transport.get("/api/tasks?state=DISPOSED&limit=200").catch(() => null)) as List<Row> | null;
    if (!found) return;
    for (const { id, failed } of found.list) if (failed && this.stopped.get(id)?.failed === null) this.minute.failed(id);
    this.stopped = new Map(found.list.map((row) => [row.id, row]));
    this.changed();
  }

  /** Soon, and once for all that stop together: only the server knows why they did. */
  private askStopped(): void {
    if (this.askedLater) return;
    this.askedLater = window.setTimeout(() => {
      this.askedLater = 0;
      void this.loadStopped();
    }, STOPPED_AFTER);
  }

  private async sample(): Promise<void> {
    if (this.link !== "live" || document.hidden) return;
    if (this.moved) {
      this.moved = false;
      this.askStopped(); // a task that came and went between two looks is in no delta
    }
    if (this.transport.quiet) return;
    const found = (await this.transport.get("/api/process").catch(() => null)) as ProcessNumbers | null;
    if (!found) return;
    this.samples.push(found);
    if (this.samples.length > KEPT_SAMPLES) this.samples.shift();
    this.emit();
  }

  private changed(): void {
    this.version++;
    this.emit();
  }

  private emit(): void {
    if (this.planned) return;
    this.planned = requestAnimationFrame(() => {
      this.planned = 0;
      for (const hear of this.listeners) hear();
    });
  }
}
