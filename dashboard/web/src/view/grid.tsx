/** The tree as a grid: only the rows in sight are in the document. */
import type { RefObject } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { firstLine, nameOf, place, retries, since, uptime } from "../format";
import { DISPOSED, DISPOSING, groupOf, RETRYING } from "../states";
import type { Line } from "../tree";
import type { Row } from "../types";
import type { Key } from "../words.en";
import { useTick, useView } from "./context";
import { GroupIcon, Icon, StateIcon } from "./icons";

const EXTRA = 6;
const INDENT = 18;
const DEEPEST = 16;
/** Signs at the end of a key that are always seen. */
const KEY_END = 8;

interface Props {
  lines: Line[];
  selected: number | null;
  narrow: boolean;
  /** No higher than its rows. */
  short: boolean;
  grid: RefObject<HTMLDivElement>;
  onToggle(id: number, open?: boolean): void;
  onOpen(id: number): void;
  onEscape(): void;
}

export function Grid({ lines, selected, narrow, short, grid, onToggle, onOpen, onEscape }: Props) {
  const { speech, select, askStop } = useView();
  const { t } = speech;
  useTick();
  const height = narrow ? 56 : 30;
  const [view, setView] = useState({ top: 0, height: 800 });
  const active = lines.findIndex((line) => line.row.id === selected);
  const head = narrow ? 0 : 30;
  const frame = useRef(0);

  const look = () => {
    frame.current = 0;
    const element = grid.current;
    if (element) setView({ top: element.scrollTop, height: element.clientHeight });
  };
  useLayoutEffect(() => {
    const element = grid.current!;
    const watch = new ResizeObserver(look);
    watch.observe(element);
    look();
    return () => watch.disconnect();
  }, []);

  const reveal = (index: number) => {
    const element = grid.current!;
    const top = index * height;
    const room = element.clientHeight - head;
    if (top < element.scrollTop) element.scrollTop = top;
    else if (top + height > element.scrollTop + room) element.scrollTop = top + height - room;
  };
  const keyed = useRef(false);
  useEffect(() => {
    if (active >= 0 && keyed.current) reveal(active);
    keyed.current = false;
  }, [selected, active]);

  const go = (index: number) => {
    const line = lines[Math.max(0, Math.min(lines.length - 1, index))];
    if (!line) return;
    keyed.current = true;
    select(line.row.id);
    reveal(Math.max(0, Math.min(lines.length - 1, index)));
  };
  const press = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target !== grid.current) return;
    const line = lines[active];
    const page = Math.max(1, Math.floor((view.height - head) / height) - 1);
    const moves: Record<string, () => void> = {
      ArrowDown: () => go(active + 1),
      ArrowUp: () => go(active < 0 ? 0 : active - 1),
      PageDown: () => go(active + page),
      PageUp: () => go(active - page),
      Home: () => go(0),
      End: () => go(lines.length - 1),
      ArrowRight: () => {
        if (line?.hasChildren) line.open ? go(active + 1) : onToggle(line.row.id, true);
      },
      ArrowLeft: () => {
        if (line?.open) onToggle(line.row.id, false);
        else if (line) go(lines.findIndex((one) => one.row.id === line.row.parentId));
      },
      " ": () => line && onToggle(line.row.id),
      Enter: () => line && onOpen(line.row.id),
      Delete: () => line && askStop(line.row),
      s: () => line && askStop(line.row),
      Escape: onEscape,
    };
    const move = moves[event.key];
    if (!move) return;
    event.preventDefault();
    event.stopPropagation();
    move();
  };

  const first = Math.max(0, Math.floor(view.top / height) - EXTRA);
  const end = Math.min(lines.length, Math.ceil((view.top + view.height) / height) + EXTRA);
  const shown = lines.slice(first, end);
  const inSight = active >= first && active < end;
  return (
    <div
      class={`grid ${short ? "short" : ""}`}
      role="treegrid"
      tabIndex={0}
      ref={grid}
      aria-label={t("tree.label")}
      aria-rowcount={lines.length + 1}
      aria-activedescendant={inSight ? `row-${selected}` : undefined}
      onKeyDown={press}
      onScroll={() => (frame.current ||= requestAnimationFrame(look))}
    >
      <div role="rowgroup" class="grid-head">
        <div role="row" class="line" aria-rowindex={1}>
          {(["name", "state", "uptime", "retries", "waiting", "from"] as const).map((column) => (
            <span role="columnheader" class={`c-${column}`} key={column}>
              {t(`column.${column}`)}
            </span>
          ))}
        </div>
      </div>
      <div role="rowgroup" class="rows" style={{ height: `${lines.length * height}px` }}>
        {shown.map((line, index) => (
          <TreeRow
            key={line.row.id}
            line={line}
            index={first + index}
            top={(first + index) * height}
            selected={line.row.id === selected}
            narrow={narrow}
            onToggle={onToggle}
            onPick={(id) => {
              select(id);
              grid.current?.focus({ preventScroll: true });
              if (narrow) onOpen(id);
            }}
          />
        ))}
      </div>
    </div>
  );
}

interface RowProps {
  line: Line;
  index: number;
  top: number;
  selected: boolean;
  narrow: boolean;
  onToggle(id: number): void;
  onPick(id: number): void;
}

function TreeRow({ line, index, top, selected, narrow, onToggle, onPick }: RowProps) {
  const { store, speech } = useView();
  const { row } = line;
  const group = groupOf(row);
  const started = since(row.startTime ?? row.addedAt, store.now);
  const up = row.state === DISPOSED || started === null ? "–" : uptime(started);
  return (
    <div
      id={`row-${row.id}`}
      role="row"
      class={`line g-${group} ${selected ? "selected" : ""} ${line.faded ? "faded" : ""}`}
      style={{ transform: `translateY(${top}px)` }}
      aria-level={line.depth + 1}
      aria-posinset={line.position}
      aria-setsize={line.siblings}
      aria-rowindex={index + 2}
      aria-selected={selected}
      aria-expanded={line.hasChildren ? line.open : undefined}
      onClick={() => onPick(row.id)}
    >
      <span role="gridcell" class="c-name" title={nameOf(row)}>
        <Guides line={line} narrow={narrow} />
        {line.hasChildren ? (
          <span
            class={`fold ${line.open ? "open" : ""}`}
            onClick={(event) => {
              event.stopPropagation();
              onToggle(row.id);
            }}
          >
            <Icon name="chevron" size={14} />
          </span>
        ) : (
          <span class="fold leaf" />
        )}
        <span class="names">
          <span class="first">
            <span class="owner">{row.ownerType}</span>
            {nameOf(row) !== row.ownerType && <RowKey text={row.key} />}
            <span class="id">#{row.id}</span>
          </span>
          {narrow && (
            <span class="second">
              {row.retryCount > 0 && <span class="tabular">{retries(row)}</span>}
              <Waiting row={row} />
              <span>{place(row.startReason)}</span>
            </span>
          )}
        </span>
        {line.hasChildren && !line.open && <span class="inside">{speech.number(row.children)}</span>}
        {line.hidden && (
          <span class={`below g-${line.hidden}`}>
            <GroupIcon group={line.hidden} />
            {speech.t(`below.${line.hidden}` as Key)}
          </span>
        )}
      </span>
      <span role="gridcell" class="c-state">
        <StateIcon state={row.state} asked={row.askedAt !== null} />
        <span>{stateText(row, speech.t)}</span>
      </span>
      <span role="gridcell" class="c-uptime tabular">
        {up}
      </span>
      <span role="gridcell" class={`c-retries tabular ${row.retryCount ? "some" : ""}`}>
        {retries(row)}
      </span>
      <span role="gridcell" class="c-waiting">
        <Waiting row={row} />
      </span>
      <span role="gridcell" class="c-from" title={row.startReason ?? undefined}>
        {place(row.startReason)}
      </span>
    </div>
  );
}

/** A key that is too long is cut before its end, where the keys of siblings differ. */
function RowKey({ text }: { text: string }) {
  const split = text.length > 2 * KEY_END ? text.length - KEY_END : text.length;
  return (
    <span class="key">
      <span>{text.slice(0, split)}</span>
      {text.slice(split)}
    </span>
  );
}

export function stateText(row: Row, t: (key: Key) => string): string {
  if (row.askedAt && row.state < DISPOSING) return t("state.asked");
  return t(`state.${row.state}` as Key);
}

/** What keeps a task where it is, in a few words. */
export function Waiting({ row }: { row: Row }) {
  const { store, speech } = useView();
  if (row.state === RETRYING && row.retryAt) {
    const left = -(since(row.retryAt, store.now) ?? 0);
    return <span>{speech.t("tree.retryIn", { time: uptime(Math.ceil(left)) })}</span>;
  }
  if (row.blockedBy !== null && row.blockedBy !== undefined) {
    const holder = store.row(row.blockedBy);
    return <span>{holder ? nameOf(holder) : `#${row.blockedBy}`}</span>;
  }
  if (row.stopReason) return <span class="reason">{firstLine(row.stopReason)}</span>;
  if (row.step) return <span class="soft">{speech.t("tree.step", { step: row.step })}</span>;
  return null;
}

function Guides({ line, narrow }: { line: Line; narrow: boolean }) {
  const indent = narrow ? 12 : INDENT;
  const depth = Math.min(line.depth, DEEPEST);
  if (depth === 0) return null;
  return (
    <svg class="guides" width={depth * indent} height="100%" aria-hidden="true" focusable="false">
      {line.guides.slice(0, depth - 1).map((on, level) => {
        const x = level * indent + 8.5;
        return on ? <path key={level} d={`M${x} 0V60`} /> : null;
      })}
      <Elbow x={(depth - 1) * indent + 8.5} last={line.last} middle={narrow ? 28 : 15} />
    </svg>
  );
}

function Elbow({ x, last, middle }: { x: number; last: boolean; middle: number }) {
  return <path d={last ? `M${x} 0V${middle - 4}q0 4 4 4h5` : `M${x} 0V60M${x} ${middle}h9`} />;
}
