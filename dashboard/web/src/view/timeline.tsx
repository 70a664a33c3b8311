/** The last minute: starts, ends and failures for each second, and the states of the tasks that changed most. */
import { useEffect, useRef } from "preact/hooks";
import { cutName } from "../format";
import { SPAN, type Lane, type Minute } from "../minute";
import { useStore, useView } from "./context";
import { Icon } from "./icons";

const LANE = 17;
const BARS = 34;
const NAMES = 150;
const MARGIN = 8;
const KINDS = ["starts", "ends", "failures"] as const;

export function Timeline({ open, onFold }: { open: boolean; onFold(): void }) {
  const { store, speech, select } = useView();
  const { t } = speech;
  const canvas = useRef<HTMLCanvasElement>(null);
  const lanes = useRef<Lane[]>([]);
  useStore(store);
  const totals = store.minute.totals();
  const tally = KINDS.map((kind) => [kind, t(`timeline.${kind}`, { n: totals[kind] })] as const);
  useEffect(() => {
    if (!open) return;
    const draw = () => {
      if (!document.hidden && canvas.current) lanes.current = paint(canvas.current, store.minute, store.now);
    };
    draw();
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    const timer = setInterval(draw, calm ? 1000 : 200);
    return () => clearInterval(timer);
  }, [open, store]);
  const link = store.transport.link?.("/api/trace");
  return (
    <section class={`timeline ${open ? "" : "closed"}`} aria-label={t("timeline.title")}>
      <div class="timeline-head">
        <button class="link fold-line" aria-expanded={open} title={t("timeline.fold")} onClick={onFold}>
          <span class={`fold ${open ? "open" : ""}`}>
            <Icon name="chevron" size={14} />
          </span>
          <h2>{t("timeline.title")}</h2>
        </button>
        <span class="soft tabular tally">
          {tally.map(([kind, text]) => (
            <span key={kind} class={`t-${kind}`}>
              {text}
            </span>
          ))}
        </span>
        {link && (
          <a class="link" href={link} download="gotask-trace.json" title={t("timeline.traceHint")}>
            <Icon name="save" size={14} /> {t("timeline.trace")}
          </a>
        )}
      </div>
      {open && (
        <canvas
          ref={canvas}
          role="img"
          aria-label={`${t("timeline.title")}: ${tally.map(([, text]) => text).join(", ")}`}
          onClick={(event) => {
            const lane = lanes.current[Math.floor((event.offsetY - BARS) / LANE)];
            if (lane && event.offsetY >= BARS) select(lane.id);
          }}
        />
      )}
    </section>
  );
}

/** Where and with what the timeline is drawn. */
interface Sheet {
  pen: CanvasRenderingContext2D;
  width: number;
  height: number;
  /** So much room at the left is for names. */
  names: number;
  now: number;
  x(at: number): number;
  colour(name: string): string;
}

/** Draw it; the lanes drawn, from above. */
function paint(canvas: HTMLCanvasElement, minute: Minute, now: number): Lane[] {
  const { clientWidth: width, clientHeight: height } = canvas;
  const scale = window.devicePixelRatio || 1;
  if (canvas.width !== Math.round(width * scale) || canvas.height !== Math.round(height * scale)) {
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(height * scale);
  }
  const pen = canvas.getContext("2d");
  if (!pen) return [];
  pen.setTransform(scale, 0, 0, scale, 0, 0);
  pen.clearRect(0, 0, width, height);
  const style = getComputedStyle(canvas);
  pen.font = `11px ${style.fontFamily}`;
  pen.textBaseline = "middle";
  const names = width < 600 ? 84 : NAMES;
  const x = (at: number) => names + ((at - (now - SPAN)) / SPAN) * (width - names - MARGIN);
  const sheet = { pen, width, height, names, now, x, colour: (name: string) => style.getPropertyValue(`--${name}`) };
  paintGrid(sheet);
  paintSeconds(sheet, minute);
  const shown = minute.shown(Math.max(0, Math.floor((height - BARS) / LANE)));
  shown.forEach((lane, index) => paintLane(sheet, lane, BARS + index * LANE + LANE / 2));
  return shown;
}

/** A line each ten seconds. */
function paintGrid({ pen, height, now, x, colour }: Sheet): void {
  pen.strokeStyle = colour("line");
  for (let at = Math.ceil((now - SPAN) / 10_000) * 10_000; at <= now; at += 10_000) {
    const place = Math.round(x(at)) + 0.5;
    pen.beginPath();
    pen.moveTo(place, 0);
    pen.lineTo(place, height);
    pen.stroke();
  }
}

/** What happened in each second, as a bar. */
function paintSeconds({ pen, width, names, now, x, colour }: Sheet, { seconds }: Minute): void {
  const most = Math.max(4, ...seconds.map((one) => one.starts + one.ends + one.failures));
  const bar = Math.max(1.5, ((width - names - MARGIN) / 60) * 0.62);
  for (const second of seconds) {
    if (second.at < now - SPAN) continue;
    // By its root, so that a burst leaves single ones visible.
    const all = second.starts + second.ends + second.failures;
    const unit = (Math.sqrt(all / most) * (BARS - 8)) / (all || 1);
    let top = BARS - 5;
    for (const [value, name] of [[second.failures, "failed"], [second.ends, "stopped"], [second.starts, "running"]] as const) {
      const tall = value * unit;
      pen.fillStyle = colour(name);
      pen.fillRect(x(second.at), top - tall, bar, tall);
      top -= tall;
    }
  }
}

/** The states of one task. */
function paintLane({ pen, width, names, now, x, colour }: Sheet, lane: Lane, middle: number): void {
  pen.fillStyle = colour("soft");
  pen.fillText(cutName(lane.name, (text) => pen.measureText(text).width <= names - 26), 16, middle);
  lane.segments.forEach((segment, number) => {
    const until = lane.segments[number + 1]?.from ?? lane.ended ?? now;
    const from = Math.max(x(segment.from), names);
    const to = Math.min(x(until), width - MARGIN);
    if (to < names) return;
    pen.fillStyle = colour(segment.group);
    pen.fillRect(from, middle - 4, Math.max(1.5, to - from - 1), 8);
  });
}
