/** The tree as nodes and lines, for a class to look at: the nodes change as the states of the tasks do. */
import type { JSX } from "preact";
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import * as draw from "../diagram";
import { MARGIN, TALL, WIDE, type Direction, type Place } from "../diagram";
import { firstLine, nameOf, retries, since, uptime } from "../format";
import { Leaving, outline, type Rest } from "../outline";
import { DISPOSED, groupOf, RETRYING, type Group } from "../states";
import { indexChildren, lines as linesOf, pathOf } from "../tree";
import type { Row } from "../types";
import type { Key } from "../words.en";
import { useStore, useTick, useView } from "./context";
import type { Filter } from "./forest";
import { stateText } from "./grid";
import { GroupIcon, StateIcon } from "./icons";
import { clip, coveredBy, FitIcon, focusDetails, NoPicture, useSize, useWords, widthOf, type Size } from "./layouts";
import type { CellProps } from "./views";

const STAY = 3000;
const MORE = 24;
const ZOOM = 1.25;
const LEAST = 0.2;
const GREATEST = 3;

export function Diagram(props: CellProps) {
  return useView().store.ready ? <Picture {...props} /> : <NoPicture filter={props.filter} />;
}

function Picture({ selected, ended, filter, onSelect }: CellProps) {
  const { store, speech, select, askStop } = useView();
  const word = useWords(speech);
  useStore(store);
  useTick();
  const scroller = useRef<HTMLDivElement>(null);
  const room = useSize(scroller);
  const covered = coveredBy(selected, room);
  const [asked, setAsked] = useState<ReadonlyMap<number, number>>(new Map());
  const [zoom, setZoom] = useState<number | null>(null);
  const [at, setAt] = useState<string | null>(null);
  const { drawing, faded } = useDrawing(room, asked, selected, ended, filter);
  const scale = zoom ?? draw.startScale(drawing, room);
  const here = drawing.places.find((one) => one.knot.key === at) ?? drawing.places.find((one) => one.knot.key === String(selected));

  useEffect(() => {
    if (selected !== null) setAt(String(selected));
  }, [selected]);

  const width = Math.max(room.width, drawing.width * scale + 2 * MARGIN);
  const height = Math.max(room.height, drawing.height * scale + 2 * MARGIN);
  const left = Math.max(MARGIN, (width - drawing.width * scale) / 2);
  const top = Math.max(MARGIN, (height - drawing.height * scale) / 2);

  const anchor = here ?? drawing.places[0];
  const fixed = useRef<{ key: string; x: number; y: number } | null>(null);
  const svg = useRef<SVGSVGElement>(null);
  const onScreen = (one: Place) => ({ x: left + one.x * scale - scroller.current!.scrollLeft, y: top + one.y * scale - scroller.current!.scrollTop });
  const fix = () => {
    fixed.current = anchor ? { key: anchor.knot.key, ...onScreen(anchor) } : null;
  };
  // What the reader looks at stays where it is on the screen while nodes come and go around it.
  useLayoutEffect(() => {
    const element = scroller.current!;
    const found = drawing.places.find((one) => one.knot.key === fixed.current?.key);
    const [x, y] = [element.scrollLeft, element.scrollTop];
    if (found) {
      const now = onScreen(found);
      element.scrollLeft += now.x - fixed.current!.x;
      element.scrollTop += now.y - fixed.current!.y;
    } else if (anchor) {
      element.scrollLeft = drawing.direction === "down" ? left + (anchor.x + WIDE / 2) * scale - room.width / 2 : 0;
      element.scrollTop = drawing.direction === "right" ? top + (anchor.y + TALL / 2) * scale - room.height / 2 : 0;
    }
    fix();
    // What is scrolled moves at once: then the nodes must not glide after it.
    svg.current!.classList.toggle("still", x !== element.scrollLeft || y !== element.scrollTop);
    requestAnimationFrame(() => requestAnimationFrame(() => svg.current?.classList.remove("still")));
  }, [drawing, scale, room]);
  useEffect(() => {
    if (here) reveal(here);
  }, [here?.knot.key, covered]);

  function reveal(found: Place): void {
    const element = scroller.current!;
    const x = left + found.x * scale;
    const y = top + found.y * scale;
    const right = element.scrollLeft + room.width - covered;
    if (x < element.scrollLeft + MARGIN) element.scrollLeft = x - MARGIN;
    else if (x + WIDE * scale > right - MARGIN) element.scrollLeft += x + WIDE * scale - right + MARGIN;
    if (y < element.scrollTop + MARGIN) element.scrollTop = y - MARGIN;
    else if (y + TALL * scale > element.scrollTop + room.height - MARGIN) element.scrollTop = y + TALL * scale - room.height + MARGIN;
    fix();
  }
  const zoomTo = (next: number | null) => setZoom(next === null ? null : Math.min(GREATEST, Math.max(LEAST, next)));
  const ask = (id: number, count: number) => setAsked((before) => new Map(before).set(id, count));
  const fold = ({ knot: { id, more, parent, children, rest } }: Place) => {
    if (more) ask(id, parent!.children.length - 1 + MORE);
    else if (children.length) ask(id, 0);
    else if (rest) ask(id, MORE);
  };
  const pick = (one: Place) => {
    scroller.current?.focus({ preventScroll: true });
    setAt(one.knot.key);
    if (one.knot.more) fold(one);
    else select(one.knot.id);
  };
  const press = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target !== scroller.current) return;
    const move = draw.moveOf(event.key, drawing.direction);
    const row = here && !here.knot.more ? here.knot.row : null;
    const keys: Record<string, () => void> = {
      " ": () => here && fold(here),
      Enter: () => (row ? focusDetails(scroller) : here && fold(here)),
      Delete: () => row && askStop(row),
      s: () => row && askStop(row),
      Escape: () => onSelect(null),
      "+": () => zoomTo(scale * ZOOM),
      "-": () => zoomTo(scale / ZOOM),
      "0": () => zoomTo(null),
    };
    if (!move && !keys[event.key]) return;
    event.preventDefault();
    event.stopPropagation();
    if (!move) return keys[event.key]!();
    const next = draw.neighbour(drawing.places, here?.knot.key ?? null, move, drawing.direction);
    if (!next) return;
    setAt(next.knot.key);
    if (!next.knot.more) select(next.knot.id);
  };

  const fit = () => zoomTo(draw.scaleOf(drawing, room));
  const places = useMemo(() => [...drawing.places].sort((a, b) => (a.knot.key < b.knot.key ? -1 : 1)), [drawing]);
  const byKnot = useMemo(() => new Map(drawing.places.map((one) => [one.knot, one])), [drawing]);
  return (
    <div class="diagram">
      <div
        class="canvas"
        role="tree"
        tabIndex={0}
        ref={scroller}
        aria-label={word("diagram.label")}
        aria-activedescendant={here ? `node-${here.knot.key}` : undefined}
        onKeyDown={press}
        onScroll={fix}
        onWheel={(event) => {
          if (!event.ctrlKey && !event.metaKey) return;
          event.preventDefault();
          zoomTo(scale * Math.exp(-event.deltaY / 300));
        }}
        {...dragged(scroller)}
      >
        <svg ref={svg} width={width + covered} height={height} role="presentation">
          <g class="drawing" style={{ transform: `translate(${left}px,${top}px) scale(${scale})` }}>
            <g aria-hidden="true">
              {places.map((one) => one.knot.parent && <Edge key={one.knot.key} from={byKnot.get(one.knot.parent)!} to={one} direction={drawing.direction} />)}
            </g>
            {places.map((one) => (
              <Node key={one.knot.key} place={one} direction={drawing.direction} selected={one === here} faded={faded.has(one.knot.id)} onPick={pick} onFold={fold} />
            ))}
          </g>
        </svg>
      </div>
      {room.width > 0 && !drawing.places.length && <NoPicture filter={filter} />}
      <div class="zoom" role="group">
        <button class="tool" title={word("zoom.out")} aria-label={word("zoom.out")} onClick={() => zoomTo(scale / ZOOM)}>
          <span aria-hidden="true">−</span>
        </button>
        <button class="tool" title={word("zoom.in")} aria-label={word("zoom.in")} onClick={() => zoomTo(scale * ZOOM)}>
          <span aria-hidden="true">+</span>
        </button>
        <button class="tool" title={word("zoom.fit")} aria-label={word("zoom.fit")} onClick={fit}>
          <FitIcon />
        </button>
      </div>
    </div>
  );
}

/** What is drawn, and where; worked out when rows, room or wishes change. */
function useDrawing(room: Size, asked: ReadonlyMap<number, number>, selected: number | null, ended: boolean, { text, group, filtering }: Filter) {
  const { store } = useView();
  const leaving = useMemo(() => new Leaving(STAY), []);
  const last = useRef<{ choice: number | null; direction: Direction | null }>({ choice: null, direction: null });
  const withStopped = ended || group === "stopped" || group === "failed";
  const stays = leaving.ids.size ? Math.floor(store.now / 1000) : 0;
  return useMemo(() => {
    const faded = new Set<number>();
    if (!room.width) return { drawing: draw.place([], "right"), faded };
    let rows = withStopped ? new Map([...store.rows, ...store.stopped]) : leaving.look(store.rows, (id) => store.stopped.get(id), store.now);
    if (filtering) {
      const lines = linesOf(rows, new Set(), { text, group });
      rows = new Map(lines.map(({ row }) => [row.id, row]));
      for (const line of lines) if (line.faded) faded.add(line.row.id);
    }
    const children = indexChildren(rows);
    const kept = keptIn(rows, selected);
    const ids = withStopped ? new Set<number>() : leaving.ids;
    const both = (tasks: number, wishes: ReadonlyMap<number, number>, counted = true) => {
      const knots = outline(children, tasks, wishes, kept, ids, counted);
      const drawings = { down: draw.place(knots, "down"), right: draw.place(knots, "right") };
      return draw.better(drawings, room, last.current.direction);
    };
    const choice = draw.choose((tasks) => both(tasks, new Map(), false), room, last.current.choice);
    const drawing = both(draw.CHOICES[choice]!, asked);
    last.current = { choice, direction: drawing.direction };
    leaving.shown(drawing.places.map((one) => one.knot));
    return { drawing, faded };
  }, [store.version, store.paused, room, asked, selected, stays, withStopped, text, group]);
}

/** Shown in any case: who holds up a loop, and the task that was chosen with all above it. */
function keptIn(rows: Map<number, Row>, selected: number | null): Row[] {
  const kept = selected === null ? [] : pathOf(rows, selected);
  for (const row of rows.values()) {
    const holder = row.blockedBy === null || row.blockedBy === row.id ? undefined : rows.get(row.blockedBy);
    if (holder && kept.length < 32) kept.push(holder);
  }
  return kept;
}

/** With the mouse on the ground between the nodes, the drawing can be moved. */
function dragged(scroller: { current: HTMLDivElement | null }) {
  return {
    onPointerDown(event: PointerEvent) {
      const element = scroller.current!;
      if (event.pointerType !== "mouse" || event.button || (event.target as Element).closest(".node")) return;
      let [x, y] = [event.clientX, event.clientY];
      const move = (moved: PointerEvent) => {
        element.scrollLeft -= moved.clientX - x;
        element.scrollTop -= moved.clientY - y;
        [x, y] = [moved.clientX, moved.clientY];
      };
      const end = () => {
        removeEventListener("pointermove", move);
        element.classList.remove("dragged");
      };
      element.classList.add("dragged");
      addEventListener("pointermove", move);
      addEventListener("pointerup", end, { once: true });
      addEventListener("pointercancel", end, { once: true });
    },
  };
}

function Edge({ from, to, direction }: { from: Place; to: Place; direction: Direction }) {
  const path = draw.edge(from, to, direction);
  const held = holds(to);
  // The property moves, where a browser knows it; the attribute is for all.
  return <path class={`edge ${held ? "held" : ""} ${to.knot.more ? "to-more" : ""}`} d={path} style={{ d: `path("${path}")` } as JSX.CSSProperties} />;
}

/** Whether this is the child whose hook holds up the loop of its parent. */
function holds({ knot }: Place): boolean {
  return !knot.more && knot.parent?.row.blockedBy === knot.id;
}

interface NodeProps {
  place: Place;
  direction: Direction;
  selected: boolean;
  /** Shown only for what is below it. */
  faded: boolean;
  onPick(place: Place): void;
  onFold(place: Place): void;
}

function Node(props: NodeProps) {
  const { store, speech } = useView();
  const { knot, x, y } = props.place;
  const latest = useRef(props);
  latest.current = props;
  const states = useRef({ of: "", changes: -1 });
  const state = `${groupOf(knot.row)} ${knot.row.state} ${knot.row.life}`;
  if (states.current.of !== state) states.current = { of: state, changes: states.current.changes + 1 };
  const holder = knot.row.blockedBy === null ? undefined : store.row(knot.row.blockedBy);
  const rest = knot.rest && Object.entries(knot.rest.counts).join();
  const second = Math.floor(store.now / 1000);
  const below = knot.children.length > 0;
  return useMemo(
    () => <Card {...props} latest={latest} changes={states.current.changes} holder={holder} />,
    [knot.row, x, y, props.direction, props.selected, props.faded, second, rest, below, holds(props.place), holder, speech],
  );
}

interface CardProps extends NodeProps {
  latest: { current: NodeProps };
  changes: number;
  holder: Row | undefined;
}

function Card({ place, direction, selected, faded, latest, changes, holder }: CardProps) {
  const { speech } = useView();
  const word = useWords(speech);
  const { knot, x, y } = place;
  const group = knot.more ? knot.rest!.worst : groupOf(knot.row);
  const label = useLabel(place, holder);
  const open = knot.children.length > 0;
  const folds = open || knot.rest;
  const foldAt = direction === "down" ? [WIDE / 2, TALL] : [WIDE, TALL / 2];
  return (
    <g
      id={`node-${knot.key}`}
      role="treeitem"
      class={`node g-${group} ${knot.more ? "more" : ""} ${selected ? "selected" : ""} ${faded ? "faded" : ""}`}
      style={{ transform: `translate(${x}px,${y}px)` }}
      aria-level={knot.depth + 1}
      aria-selected={selected}
      aria-expanded={folds && !knot.more ? open : undefined}
      onClick={() => latest.current.onPick(latest.current.place)}
    >
      <title>{label}</title>
      <g class="entering" aria-hidden="true">
        {changes > 0 && <rect key={changes} class="ring" width={WIDE} height={TALL} rx="10" />}
        {selected && <rect class="chosen" x="-4" y="-4" width={WIDE + 8} height={TALL + 8} rx="13" />}
        <rect class="ground" width={WIDE} height={TALL} rx="10" />
        <rect class="card" width={WIDE} height={TALL} rx="10" />
        {knot.more ? <MoreText place={place} /> : <TaskText place={place} holder={holder} />}
        {holds(place) && <Pill text={word("diagram.holds")} />}
        {folds && !knot.more && (
          <g
            class={`folder ${open ? "" : `g-${knot.rest!.worst}`}`}
            transform={`translate(${foldAt[0]},${foldAt[1]})`}
            onClick={(event) => {
              event.stopPropagation();
              latest.current.onFold(latest.current.place);
            }}
          >
            <title>{open ? word("diagram.fold", { name: nameOf(knot.row) }) : word("diagram.open", { n: knot.rest!.tasks })}</title>
            {open ? <Fold /> : <Unfold rest={knot.rest!} direction={direction} />}
          </g>
        )}
      </g>
    </g>
  );
}

function Fold() {
  return (
    <>
      <circle r="14" class="reach" />
      <circle r="8" class="handle" />
      <path d="M-3.5 0h7" class="handle" />
    </>
  );
}

/** How many are folded away, in the colour of the worst of them. */
function Unfold({ rest, direction }: { rest: Rest; direction: Direction }) {
  const text = `+${useView().speech.number(rest.tasks)}`;
  const wide = widthOf(text, 650, 12.5) + 32;
  return (
    <g transform={direction === "down" ? `translate(${-wide / 2},-7)` : "translate(-9,-10)"}>
      <rect width={wide} height="20" rx="10" />
      <g transform="translate(7,3)">
        <GroupIcon group={rest.worst} />
      </g>
      <text x="24" y="14.5">
        {text}
      </text>
    </g>
  );
}

function Pill({ text }: { text: string }) {
  const wide = widthOf(text, 600, 12) + 18;
  return (
    <g class="holds" transform={`translate(${WIDE - wide - 10},-14)`}>
      <rect width={wide} height="19" rx="9.5" />
      <text x={wide / 2} y="13.5" text-anchor="middle">
        {text}
      </text>
    </g>
  );
}

function TaskText({ place, holder }: { place: Place; holder: Row | undefined }) {
  const { store, speech } = useView();
  const word = useWords(speech);
  const { row } = place.knot;
  const over = row.state === DISPOSED;
  const again = row.retryCount || row.maxRetry > 0 ? retries(row) : "";
  const age = since(row.startTime ?? row.addedAt, store.now);
  const waits = row.state === RETRYING && row.retryAt ? Math.ceil(-(since(row.retryAt, store.now) ?? 0)) : null;
  const blocked = row.blockedBy === null ? "" : holder && holder.id !== row.id ? word("diagram.blockedBy", { name: nameOf(holder) }) : word("diagram.ownCall");
  const reason = over && groupOf(row) === "failed" ? firstLine(row.stopReason) : "";
  const said = blocked || reason || (waits !== null ? speech.t("tree.retryIn", { time: uptime(waits) }) : stateText(row, speech.t));
  const time = over || waits !== null || blocked || age === null ? "" : uptime(age);
  const room = WIDE - 48;
  const left = room - (time ? widthOf(time, 400, 13) + 8 : 0);
  const words = clip(said, left, 560, 13);
  const step = row.step && !over && !blocked ? clip(row.step, left - widthOf(words, 560, 13) - 8, 400, 13) : "";
  return (
    <>
      <g class="sign" transform="translate(12,17) scale(1.3)">
        {groupOf(row) === "failed" ? <GroupIcon group="failed" /> : <StateIcon state={row.state} asked={row.askedAt !== null} />}
      </g>
      <text class="name" x="38" y="22">
        {clip(nameOf(row), room - (again ? widthOf(again, 600, 13) + 8 : 0), 620, 15)}
      </text>
      {again && (
        <text class={`again ${row.retryCount ? "some" : ""}`} x={WIDE - 10} y="22" text-anchor="end">
          {again}
        </text>
      )}
      <text class={`state ${blocked ? "blocked" : ""}`} x="38" y="41">
        {words}
        {step.length > 2 && (
          <tspan class="at-step" dx="6">
            {step}
          </tspan>
        )}
      </text>
      <text class="time" x={WIDE - 10} y="41" text-anchor="end">
        {time}
      </text>
    </>
  );
}

const ORDER: Group[] = ["failed", "retrying", "stopping", "waiting", "running", "stopped"];

function MoreText({ place }: { place: Place }) {
  const { speech } = useView();
  const word = useWords(speech);
  const rest = place.knot.rest!;
  const groups = ORDER.filter((group) => rest.counts[group]).slice(0, 3);
  return (
    <>
      <text class="name" x="14" y="22">
        {word("diagram.more", { n: rest.tasks })}
      </text>
      {groups.map((group, index) => (
        <g key={group} class={`g-${group} part`} transform={`translate(${14 + index * 58},30)`}>
          <GroupIcon group={group} />
          <text class="state" x="18" y="11.5">
            {speech.number(rest.counts[group])}
          </text>
        </g>
      ))}
    </>
  );
}

/** All that a node shows, as one sentence: its title, for those who hear it and where a text was cut. */
function useLabel({ knot }: Place, holder: Row | undefined): string {
  const { speech } = useView();
  const word = useWords(speech);
  const { row, rest } = knot;
  const counts = rest ? ORDER.filter((group) => rest.counts[group]).map((group) => `${speech.t(`count.${group}` as Key)} ${speech.number(rest.counts[group])}`) : [];
  if (rest) counts.unshift(word("diagram.open", { n: rest.tasks }));
  if (knot.more) return counts.join(", ");
  const again = retries(row);
  const parts = [
    `${nameOf(row)} #${row.id}`,
    stateText(row, speech.t),
    again && word("diagram.retries", { retries: again }),
    holder && holder.id !== row.id && word("diagram.blockedBy", { name: nameOf(holder) }),
    knot.parent?.row.blockedBy === row.id && word("diagram.holds"),
    row.children > 0 && word("diagram.below", { n: row.children }),
    ...counts,
  ];
  return parts.filter(Boolean).join(", ");
}
