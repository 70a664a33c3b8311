/** The lives of all tasks in time: a lane for each task, a bar for each life, coloured by what it was in. */
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { duration, firstLine, nameOf, retries } from "../format";
import { drawn, Lives, moved, spanOf, ticks, zoomed, type Lane, type Life, type Span, type Told, type View as Shown } from "../gantt";
import { DISPOSED, groupOf, RETRYING, type Group } from "../states";
import { lines as linesOf, type Line } from "../tree";
import type { List } from "../types";
import type { Key } from "../words.en";
import { useStore, useView } from "./context";
import { stateText } from "./grid";
import { GroupIcon, StateIcon } from "./icons";
import { clip, coveredBy, FitIcon, focusDetails, NoPicture, useSize, useWords } from "./layouts";
import type { CellProps } from "./views";

const LANE = 34;
const BAR = 20;
const AXIS = 30;
const EXTRA = 3;
const ZOOM = 1.5;
const STEP = 0.2;
const ASK_AFTER = 1000;
const SLOWEST = 1000;
const QUICKEST = 66;
const GROUPS: Group[] = ["waiting", "running", "stopping"];

export function Gantt(props: CellProps) {
  return useView().store.ready ? <Picture {...props} /> : <NoPicture filter={props.filter} />;
}

function Picture({ selected, filter, onSelect }: CellProps) {
  const { text, group } = filter;
  const { store, speech, select, askStop } = useView();
  const word = useWords(speech);
  useStore(store);
  const scroller = useRef<HTMLDivElement>(null);
  const room = useSize(scroller);
  const covered = coveredBy(selected, room);
  const { lives, told } = useLives();
  const [shown, setShown] = useState<Shown>({ long: null, end: null });
  const [closed, setClosed] = useState<ReadonlySet<number>>(new Set());
  const [top, setTop] = useState(0);
  const [hint, setHint] = useState<Hinted | null>(null);
  const now = store.now;
  const span = spanOf(shown, lives.began, now);
  const names = Math.min(260, Math.max(130, room.width * 0.26));
  const chart = Math.max(60, room.width - covered - names - 12);
  useFrames((span.to - span.from) / chart);

  // Of the rows, the lines are only asked who is below whom; unless they are filtered.
  const lines = useMemo(
    () => linesOf(new Map([...lives.lanes].map(([id, lane]) => [id, lane.row])), closed, { text, group }),
    [lives, lives.shape, told, closed, text, group, filter.filtering && store.version],
  );
  const active = lines.findIndex((line) => line.row.id === selected);
  const first = Math.max(0, Math.floor(top / LANE) - EXTRA);
  const visible = lines.slice(first, Math.ceil((top + room.height) / LANE) + EXTRA);

  const go = (index: number) => {
    const to = Math.max(0, Math.min(lines.length - 1, index));
    const element = scroller.current!;
    if (!lines[to]) return;
    select(lines[to].row.id);
    if (to * LANE < element.scrollTop) element.scrollTop = to * LANE;
    else if ((to + 1) * LANE + AXIS > element.scrollTop + room.height) element.scrollTop = (to + 1) * LANE + AXIS - room.height;
  };
  const toggle = (line: Line | undefined) => {
    if (!line?.hasChildren) return;
    setClosed((before) => {
      const next = new Set(before);
      if (!next.delete(line.row.id)) next.add(line.row.id);
      return next;
    });
  };
  const move = (by: number) => setShown(moved(span, by, store.now));
  const zoom = (by: number, place = 1) => setShown(zoomed(shown, span, by, place));
  const page = Math.max(1, Math.floor((room.height - AXIS) / LANE) - 1);
  const press = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target !== scroller.current) return;
    const line = lines[active];
    const keys: Record<string, () => void> = {
      ArrowDown: () => go(active + 1),
      ArrowUp: () => go(active < 0 ? 0 : active - 1),
      PageDown: () => go(active + page),
      PageUp: () => go(active - page),
      Home: () => go(0),
      End: () => go(lines.length - 1),
      ArrowLeft: () => move(-STEP),
      ArrowRight: () => move(STEP),
      " ": () => toggle(line),
      Enter: () => line && focusDetails(scroller),
      Delete: () => line && askStop(lives.lanes.get(line.row.id)!.row),
      s: () => line && askStop(lives.lanes.get(line.row.id)!.row),
      "+": () => zoom(1 / ZOOM),
      "-": () => zoom(ZOOM),
      "0": () => setShown({ long: null, end: null }),
      Escape: () => onSelect(null),
    };
    const act = keys[event.key];
    if (!act) return;
    event.preventDefault();
    event.stopPropagation();
    act();
  };
  const wheel = (event: WheelEvent) => {
    const aside = event.shiftKey ? event.deltaY || event.deltaX : event.deltaX;
    if (event.ctrlKey || event.metaKey) {
      event.preventDefault();
      zoom(Math.exp(event.deltaY / 300), Math.min(1, Math.max(0, (event.offsetX - names) / chart)));
    } else if (Math.abs(aside) > Math.abs(event.shiftKey ? 0 : event.deltaY)) {
      event.preventDefault();
      move(aside / chart);
    }
  };

  return (
    <div class="gantt">
      <div class="gantt-head" style={{ paddingInlineEnd: `${covered + 12}px` }}>
        <Legend />
        <span class="spring" />
        <div class="zoom" role="group">
          <button class={`button small ${shown.end === null ? "following" : ""}`} aria-pressed={shown.end === null} title={word("gantt.toLive")} onClick={() => setShown({ ...shown, end: null })}>
            <span class="dot" /> {word("gantt.live")}
          </button>
          <button class="tool" title={word("zoom.out")} aria-label={word("zoom.out")} onClick={() => zoom(ZOOM)}>
            <span aria-hidden="true">−</span>
          </button>
          <button class="tool" title={word("zoom.in")} aria-label={word("zoom.in")} onClick={() => zoom(1 / ZOOM)}>
            <span aria-hidden="true">+</span>
          </button>
          <button class="tool" title={word("gantt.whole")} aria-label={word("gantt.whole")} onClick={() => setShown({ long: Math.max(1000, (store.now - (lives.began ?? store.now)) * 1.05), end: null })}>
            <FitIcon />
          </button>
        </div>
      </div>
      <div
        class="lanes"
        role="listbox"
        tabIndex={0}
        ref={scroller}
        aria-label={word("gantt.label")}
        aria-activedescendant={active >= first && active < first + visible.length ? `lane-${selected}` : undefined}
        onKeyDown={press}
        onWheel={wheel}
        onScroll={(event) => setTop(event.currentTarget.scrollTop)}
        onPointerLeave={() => setHint(null)}
        onPointerDown={(event) => pan(event, scroller, names, (by) => setShown(moved(span, -by / chart, store.now)))}
      >
        <Axis span={span} now={now} names={names} chart={chart} />
        <div role="presentation" style={{ height: `${lines.length * LANE}px` }}>
          <svg role="presentation" width={names + chart} height={visible.length * LANE} style={{ transform: `translateY(${first * LANE}px)` }}>
            <defs>
              <pattern id="hatched" class="g-stopping" width="7" height="7" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
                <rect class="life" width="7" height="7" />
                <path class="hatch" d="M0 0V7" />
              </pattern>
            </defs>
            <Ruler span={span} now={now} names={names} chart={chart} height={visible.length * LANE} />
            {visible.map((line, index) => (
              <LaneLine
                key={line.row.id}
                line={line}
                lane={lives.lanes.get(line.row.id)!}
                y={index * LANE}
                index={first + index}
                count={lines.length}
                selected={line.row.id === selected}
                span={span}
                now={now}
                names={names}
                chart={chart}
                onHint={setHint}
                onToggle={() => toggle(line)}
                onPick={() => {
                  select(line.row.id);
                  scroller.current?.focus({ preventScroll: true });
                }}
              />
            ))}
          </svg>
        </div>
      </div>
      {!lines.length && <NoPicture filter={filter} />}
      {hint && <Hint hinted={hint} now={now} />}
    </div>
  );
}

/** Lives as they are seen from now on, with those that the history tells of; `told` rises with each answer. */
function useLives(): { lives: Lives; told: number } {
  const { store } = useView();
  const [told, setTold] = useState(0);
  const lives = useMemo(() => new Lives(), [store.session?.epoch]);
  const asking = useRef(0);
  useMemo(() => lives.look(store.rows, (id) => store.stopped.get(id), store.now), [lives, store.version]);
  useEffect(() => {
    if (store.session && !asking.current) plan(0);
  }, [lives]);
  useEffect(() => {
    if (lives.ended && !asking.current) plan(ASK_AFTER);
  }, [lives, lives.ended]);
  useEffect(() => () => clearTimeout(asking.current), []);

  /** Once for all lives that end together; one is in the history half a second after its end. */
  function plan(wait: number): void {
    const ended = lives.ended;
    asking.current = window.setTimeout(async () => {
      const session = store.session?.sessionId;
      const found = (await store.transport.get(`/api/history?limit=500${session ? `&sessionId=${session}` : ""}`).catch(() => null)) as List<Told> | null;
      asking.current = 0;
      if (found) lives.tell(found.list, store.rows);
      setTold((count) => count + 1);
      if (lives.ended !== ended) plan(ASK_AFTER);
    }, wait);
  }
  return { lives, told };
}

/** Draw again as often as a bar grows by a pixel. */
function useFrames(perPixel: number): void {
  const [, again] = useState(0);
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const wait = calm ? SLOWEST : Math.min(SLOWEST, Math.max(QUICKEST, Math.round(perPixel / 10) * 10));
  useEffect(() => {
    const timer = setInterval(() => document.hidden || again((count) => count + 1), wait);
    return () => clearInterval(timer);
  }, [wait]);
}

/** With the mouse on the chart, time can be moved. */
function pan(event: PointerEvent, scroller: { current: HTMLDivElement | null }, names: number, move: (by: number) => void): void {
  const element = scroller.current!;
  if (event.pointerType !== "mouse" || event.button || event.clientX - element.getBoundingClientRect().left < names) return;
  const from = event.clientX;
  const drag = (moved: PointerEvent) => move(moved.clientX - from);
  const end = () => removeEventListener("pointermove", drag);
  addEventListener("pointermove", drag);
  addEventListener("pointerup", end, { once: true });
  addEventListener("pointercancel", end, { once: true });
}

function Legend() {
  const { speech } = useView();
  const word = useWords(speech);
  return (
    <ul class="legend">
      {GROUPS.map((group) => (
        <li key={group} class={`g-${group}`}>
          <span class="swatch" />
          {speech.t(`count.${group}` as Key)}
        </li>
      ))}
      <li class="g-retrying">
        <span class="swatch gap" />
        {word("gantt.retry")}
      </li>
      <li class="g-failed">
        <GroupIcon group="failed" />
        {word("gantt.failed")}
      </li>
      <li>
        <svg class="icon" width="12" height="14" viewBox="-6 -7 12 14" aria-hidden="true">
          <path class="step" d="M0 -5L4.5 0 0 5 -4.5 0z" />
        </svg>
        {word("gantt.step")}
      </li>
    </ul>
  );
}

interface Frame {
  span: Span;
  now: number;
  names: number;
  chart: number;
}

const place = ({ span, names, chart }: Frame, at: number) => names + ((at - span.from) / (span.to - span.from)) * chart;

function Axis(frame: Frame) {
  const { speech } = useView();
  const { step, at } = ticks(frame.span, frame.chart, 92);
  const now = place(frame, frame.now);
  return (
    <svg class="axis" width={frame.names + frame.chart} height={AXIS} role="presentation">
      {at.filter((one) => place(frame, one) < frame.names + frame.chart - 28).map((one) => (
        <text key={one} x={place(frame, one)} y="19" text-anchor="middle" aria-hidden="true">
          {speech.time(new Date(one).toISOString())}
          {step < 1000 ? `.${Math.round((one % 1000) / 100)}` : ""}
        </text>
      ))}
      {now <= frame.names + frame.chart && <path class="now" d={`M${now - 5} ${AXIS - 7}h10l-5 7z`} />}
    </svg>
  );
}

function Ruler({ height, ...frame }: Frame & { height: number }) {
  const lines = ticks(frame.span, frame.chart, 92).at.map((one) => `M${place(frame, one).toFixed(1)} 0V${height}`);
  const now = place(frame, frame.now);
  return (
    <g aria-hidden="true">
      <path class="ruler" d={lines.join("")} />
      {now <= frame.names + frame.chart && <path class="present" d={`M${now.toFixed(1)} 0V${height}`} />}
    </g>
  );
}

interface Hinted {
  lane: Lane;
  life: Life;
  x: number;
  y: number;
}

interface LaneProps extends Frame {
  line: Line;
  lane: Lane;
  y: number;
  index: number;
  count: number;
  selected: boolean;
  onHint(hint: Hinted | null): void;
  onToggle(): void;
  onPick(): void;
}

function LaneLine({ line, lane, y, index, count, selected, onHint, onToggle, onPick, ...frame }: LaneProps) {
  const { speech } = useView();
  const word = useWords(speech);
  const { row } = lane;
  const { names, chart } = frame;
  const { bars, failures, steps } = drawn(lane, frame.span, chart, frame.now);
  const failed = lane.lives.filter((life) => life.failed).length;
  const again = row.retryCount ? retries(row) : "";
  const indent = 26 + Math.min(line.depth, 8) * 14;
  const about = [
    `#${row.id}`,
    stateText(row, speech.t),
    word("gantt.lives", { n: lane.lives.length }),
    failed > 0 && word("gantt.failures", { n: failed }),
    again && word("diagram.retries", { retries: again }),
  ];
  const over = (life: Life) => (event: PointerEvent) => onHint({ lane, life, x: event.clientX, y: event.clientY });
  const middle = LANE / 2;
  const up = middle - BAR / 2;
  return (
    <g
      id={`lane-${row.id}`}
      role="option"
      class={`lane g-${groupOf(row)} ${selected ? "selected" : ""} ${row.state === DISPOSED ? "ended" : ""} ${line.faded ? "faded" : ""}`}
      transform={`translate(0,${y})`}
      aria-description={about.filter(Boolean).join(", ")}
      aria-selected={selected}
      aria-posinset={index + 1}
      aria-setsize={count}
      onClick={onPick}
    >
      <rect class="back" width={names + chart} height={LANE} />
      {line.hasChildren && (
        <g
          class={`lane-fold ${line.open ? "open" : ""}`}
          onClick={(event) => {
            event.stopPropagation();
            onToggle();
          }}
        >
          <rect class="reach" x={indent - 22} y="2" width="20" height={LANE - 4} />
          <path d={line.open ? `M${indent - 16} ${middle - 2.5}l4 5 4 -5` : `M${indent - 14} ${middle - 4}l5 4 -5 4`} />
        </g>
      )}
      <g class="sign" transform={`translate(${indent},${middle - 7})`}>
        {groupOf(row) === "failed" ? <GroupIcon group="failed" /> : <StateIcon state={row.state} asked={row.askedAt !== null} />}
      </g>
      <text class="name" x={indent + 21} y={middle + 5}>
        {clip(nameOf(row), names - indent - 34 - (again ? 34 : 0), 560, 14)}
      </text>
      {again && (
        <text class="again some" x={names - 10} y={middle + 5} text-anchor="end">
          {again}
        </text>
      )}
      <g aria-hidden="true" transform={`translate(${names},0)`} onPointerLeave={() => onHint(null)}>
        {bars.map((bar, number) =>
          bar.kind === "gap" ? (
            <g key={number} class="g-retrying" onPointerMove={over(bar.life)}>
              <rect class="reach" x={bar.x} y={up} width={bar.width} height={BAR} />
              <path class="gap" d={`M${bar.x} ${middle}h${bar.width}`} />
            </g>
          ) : (
            <rect key={number} class={`life g-${bar.kind}`} x={bar.x} y={up} width={bar.width} height={BAR} rx={Math.min(4, bar.width / 2)} onPointerMove={over(bar.life)} />
          ),
        )}
        {steps.map(({ x, room, text, life }, number) => (
          <g key={number} class="mark" onPointerMove={over(life)}>
            <path class="step" d={`M${x} ${middle - 6}l5 6 -5 6 -5 -6z`} />
            {room > 44 && (
              <text x={x + 9} y={middle + 4.5}>
                {clip(text, room - 16, 560, 12.5)}
              </text>
            )}
          </g>
        ))}
        {failures.map(({ x, life }, number) => (
          <g key={number} class="failure" transform={`translate(${x},${middle})`} onPointerMove={over(life)}>
            <circle r="7.5" />
            <path d="M-3 -3l6 6M3 -3l-6 6" />
          </g>
        ))}
      </g>
    </g>
  );
}

/** What is under the pointer. */
function Hint({ hinted, now }: { hinted: Hinted; now: number }) {
  const { speech } = useView();
  const word = useWords(speech);
  const box = useRef<HTMLDivElement>(null);
  const { lane, life, x, y } = hinted;
  useEffect(() => {
    // Beside the pointer, and within the view.
    const element = box.current!;
    const around = element.parentElement!.getBoundingClientRect();
    const left = Math.min(x - around.left + 14, around.width - element.offsetWidth - 8);
    const below = y - around.top + 18;
    const up = below + element.offsetHeight > around.height ? y - around.top - element.offsetHeight - 12 : below;
    element.style.transform = `translate(${Math.max(8, left)}px,${Math.max(8, up)}px)`;
  }, [x, y, life]);
  const from = life.phases[0]!.from;
  const until = life.to;
  const clock = (at: number) => speech.time(new Date(at).toISOString());
  const group = until === null ? groupOf(lane.row) : life.failed ? "failed" : "stopped";
  return (
    <div class="hover" ref={box} aria-hidden="true">
      <strong>{nameOf(lane.row)}</strong> <span class="soft">{word("gantt.life", { n: life.life })}</span>
      <p class={`state-line g-${group}`}>
        <GroupIcon group={group} />
        {until === null ? stateText(lane.row, speech.t) : firstLine(life.reason) || speech.t(`count.${group}` as Key)}
      </p>
      <p class="soft tabular">
        {word("gantt.between", { from: clock(from), to: until === null ? word("gantt.goesOn") : clock(until) })} · {duration(((until ?? now) - from) / 1000)}
      </p>
      {life.steps.length > 0 && <p class="soft">{life.steps.slice(-6).map((step) => step.text).join(" → ")}</p>}
      {lane.row.state === RETRYING && <p class="g-retrying again">{word("diagram.retries", { retries: retries(lane.row) })}</p>}
    </div>
  );
}
