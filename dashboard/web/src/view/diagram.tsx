/** The tree as nodes and lines, for a class to look at: the nodes change as the states of the tasks do. */
import type { JSX } from "preact";
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import * as draw from "../diagram";
import { MARGIN, TALL, WIDE, type Direction, type Place } from "../diagram";
import { Leaving, outline } from "../outline";
import { indexChildren, lines as linesOf, pathOf } from "../tree";
import type { Row } from "../types";
import { useStore, useTick, useView } from "./context";
import type { Filter } from "./forest";
import { focusDetails } from "./details";
import { holds, Node } from "./diagram-node";
import { coveredBy, FitIcon, follow, useSize, useWords, type Size } from "./layouts";
import { NoTree } from "./states";
import type { CellProps } from "./views";

const STAY = 3000;
const MORE = 24;
const ZOOM = 1.25;
const LEAST = 0.2;
const GREATEST = 3;

export function Diagram(props: CellProps) {
  return useView().store.ready ? <Picture {...props} /> : <NoTree clear={props.filter.clear} />;
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
      {room.width > 0 && !drawing.places.length && <NoTree clear={filter.clear} />}
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
      element.classList.add("dragged");
      follow(move, () => element.classList.remove("dragged"));
    },
  };
}

function Edge({ from, to, direction }: { from: Place; to: Place; direction: Direction }) {
  const path = draw.edge(from, to, direction);
  const held = holds(to);
  // The property moves, where a browser knows it; the attribute is for all.
  return <path class={`edge ${held ? "held" : ""} ${to.knot.more ? "to-more" : ""}`} d={path} style={{ d: `path("${path}")` } as JSX.CSSProperties} />;
}
