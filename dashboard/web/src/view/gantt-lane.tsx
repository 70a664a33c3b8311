/** The parts of the timeline: the legend, the axis, a lane for each task, and what is under the pointer. */
import { useEffect, useRef } from "preact/hooks";
import { duration, firstLine, nameOf, retries } from "../format";
import { drawn, ticks, type Lane, type Life, type Span } from "../gantt";
import { DISPOSED, groupOf, RETRYING, type Group } from "../states";
import type { Line } from "../tree";
import type { Key } from "../words.en";
import { useView } from "./context";
import { stateText } from "./grid";
import { GroupIcon, StateIcon } from "./icons";
import { clip, clipName, useWords } from "./layouts";

export const LANE = 34;
export const AXIS = 30;
const BAR = 20;
const GROUPS: Group[] = ["waiting", "running", "stopping"];

export function Legend() {
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

export function Axis(frame: Frame) {
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

export function Ruler({ height, ...frame }: Frame & { height: number }) {
  const lines = ticks(frame.span, frame.chart, 92).at.map((one) => `M${place(frame, one).toFixed(1)} 0V${height}`);
  const now = place(frame, frame.now);
  return (
    <g aria-hidden="true">
      <path class="ruler" d={lines.join("")} />
      {now <= frame.names + frame.chart && <path class="present" d={`M${now.toFixed(1)} 0V${height}`} />}
    </g>
  );
}

export interface Hinted {
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

export function LaneLine({ line, lane, y, index, count, selected, onHint, onToggle, onPick, ...frame }: LaneProps) {
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
        {clipName(nameOf(row), names - indent - 34 - (again ? 34 : 0), 560, 14)}
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
export function Hint({ hinted, now }: { hinted: Hinted; now: number }) {
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
