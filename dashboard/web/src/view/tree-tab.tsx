/** The tree of the page, with what is around it. */
import { useEffect, useRef, useState } from "preact/hooks";
import type { Group } from "../states";
import { indexChildren, lines as linesOf } from "../tree";
import type { Row } from "../types";
import { useView } from "./context";
import { Details, focusDetails, Hint } from "./details";
import { useCounts, useFilter, useForest } from "./forest";
import { Grid } from "./grid";
import { Icon } from "./icons";
import type { Memory } from "./shell";
import { Bars, Blank, NoTree } from "./states";
import { Strip } from "./strip";
import { Timeline } from "./timeline";

const OWN = new Set(["Dashboard", "HistoryStore"]);

interface TreeProps {
  selected: number | null;
  narrow: boolean;
  memory: Memory;
  onSelect(id: number | null): void;
  onStopMany(filter: unknown): void;
}

/** In a window of less height, such as one that is zoomed, the timeline would leave no room for the tree. */
const LOW = 600;

export function TreeTab({ selected, narrow, memory, onSelect, onStopMany }: TreeProps) {
  const { store, speech } = useView();
  const { t } = speech;
  const filter = useFilter();
  const { text, group, filtering, setText, setGroup, clear } = filter;
  const { rows, lines, closed, setClosed, onToggle } = useForest(filter);
  const counts = useCounts();
  const [openDetails, setOpenDetails] = useState(false);
  const [timeline, setTimeline] = useState(() => (memory.get("timeline") ?? (innerHeight < LOW ? "closed" : "open")) !== "closed");
  const grid = useRef<HTMLDivElement>(null);
  const search = useRef<HTMLInputElement>(null);
  useEffect(() => {
    const press = (event: KeyboardEvent) => {
      const typing = (event.composedPath()[0] as Element | undefined)?.matches?.("input, select, textarea");
      if (event.key !== "/" || typing || event.ctrlKey || event.metaKey) return;
      event.preventDefault();
      search.current?.focus();
    };
    const root = grid.current?.getRootNode() ?? document;
    const target = root instanceof ShadowRoot && document.body.contains(root.host) ? document : root;
    target.addEventListener("keydown", press as EventListener);
    return () => target.removeEventListener("keydown", press as EventListener);
  }, []);
  const back = () => {
    setOpenDetails(false);
    grid.current?.focus({ preventScroll: true });
  };
  // Then there is nothing but what the dashboard itself needs.
  const alone = store.rows.size <= OWN.size + 1 && [...store.rows.values()].every((row) => row.parentId === null || OWN.has(row.ownerType));
  const body =
    !store.ready && store.link === "down" ? <Blank kind="down" />
    : !store.ready || !lines.length ? <NoTree clear={clear} />
    : null;
  const canStopMany = filtering && group !== "stopped" && group !== "failed" && !store.session?.readOnly && lines.length > 0;
  return (
    <>
      <Strip counts={counts} total={store.rows.size} group={group} onGroup={setGroup} />
      <Bars />
      <main class={`tree ${openDetails ? "opened" : ""}`}>
        <div class="forest">
          <div class="bar-top">
            <label class="search">
              <Icon name="search" />
              <input
                ref={search}
                type="search"
                value={text}
                placeholder={t("tree.filter")}
                aria-label={t("tree.filter")}
                aria-keyshortcuts="/"
                onInput={(event) => setText(event.currentTarget.value)}
                onKeyDown={(event) => {
                  if (event.key === "Escape") {
                    clear();
                    grid.current?.focus();
                  } else if (event.key === "Enter" || event.key === "ArrowDown") {
                    event.preventDefault();
                    // Not the lines that are drawn: those may still be for less than what is typed by now.
                    const now = linesOf(rows, closed, { text: event.currentTarget.value, group });
                    const first = now.find((line) => !line.faded);
                    if (first) onSelect(first.row.id);
                    grid.current?.focus();
                  }
                }}
              />
              {!filtering && !narrow && <kbd title={t("tree.filterKey")}>/</kbd>}
            </label>
            {filtering && (
              <>
                <button class="tool" aria-label={t("tree.clear")} title={t("tree.clear")} onClick={clear}>
                  <Icon name="close" />
                </button>
                <span class="soft tabular shown-count" role="status">
                  {t("tree.shown", { n: lines.filter((line) => !line.faded).length, total: store.rows.size })}
                </span>
              </>
            )}
            {canStopMany && (
              <button class="button small" onClick={() => onStopMany(serverFilter(text, group))}>
                {t("tree.stopShown")}
              </button>
            )}
            <span class="spring" />
            <button class="tool" title={t("tree.expand")} aria-label={t("tree.expand")} onClick={() => setClosed(new Set())}>
              <Icon name="expand" />
            </button>
            <button class="tool" title={t("tree.collapse")} aria-label={t("tree.collapse")} onClick={() => setClosed(parents(store.rows))}>
              <Icon name="collapse" />
            </button>
          </div>
          {body ?? (
            <Grid
              short={alone}
              lines={lines}
              selected={selected}
              narrow={narrow}
              grid={grid}
              onToggle={onToggle}
              onOpen={() => {
                setOpenDetails(true);
                focusDetails(grid);
              }}
              onEscape={clear}
            />
          )}
          {!body && alone && <Blank kind="empty" />}
        </div>
        <aside
          class="side"
          onKeyDown={(event) => {
            if (event.key === "Escape") back();
          }}
        >
          {selected === null ? <Hint /> : <Details key={selected} id={selected} onClose={back} />}
        </aside>
      </main>
      {!narrow && <Timeline
        open={timeline}
        onFold={() => {
          memory.set("timeline", timeline ? "closed" : "open");
          setTimeline(!timeline);
        }}
      />}
    </>
  );
}

/** All tasks that have others below them, but the roots. */
function parents(rows: Map<number, Row>): Set<number> {
  const found = new Set<number>();
  for (const id of indexChildren(rows).keys()) if (id !== null && rows.get(id)?.parentId !== null) found.add(id);
  return found;
}

const STATES: Partial<Record<Group, string[]>> = {
  running: ["STARTED", "RUNNING", "GOING"],
  waiting: ["INIT", "STARTING"],
  stopping: ["DISPOSING"],
  retrying: ["RETRYING"],
};

/** The filter of the page in the words of the server. */
function serverFilter(text: string, group: Group | null): Record<string, unknown> {
  return { ...(text ? { q: text } : {}), ...(group ? { state: STATES[group] } : {}) };
}
