/** The lives of all tasks in time: a lane for each task, a bar for each life, coloured by what it was in. */
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { Lives, moved, spanOf, zoomed, type View as Shown } from "../gantt";
import { lines as linesOf, type Line } from "../tree";
import type { Life as Told, List } from "../types";
import { useStore, useView } from "./context";
import { focusDetails } from "./details";
import { Axis, AXIS, Hint, LANE, LaneLine, Legend, Ruler, type Hinted } from "./gantt-lane";
import { coveredBy, FitIcon, follow, useSize, useWords } from "./layouts";
import { NoTree } from "./states";
import type { CellProps } from "./views";

const EXTRA = 3;
const ZOOM = 1.5;
const STEP = 0.2;
const ASK_AFTER = 1000;
const SLOWEST = 1000;
const QUICKEST = 66;

export function Gantt(props: CellProps) {
  return useView().store.ready ? <Picture {...props} /> : <NoTree clear={props.filter.clear} />;
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
      {!lines.length && <NoTree clear={filter.clear} />}
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
  follow((moved) => move(moved.clientX - from));
}
