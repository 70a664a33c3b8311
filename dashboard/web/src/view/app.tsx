/** The whole view: it holds what the reader chose, and puts the parts together. */
import { useCallback, useEffect, useMemo, useRef, useState } from "preact/hooks";
import { nameOf } from "../format";
import { preferredLanguage, speech as speechOf, type Language } from "../i18n";
import { groupOf, type Group } from "../states";
import { Store } from "../store";
import { count, descendants, indexChildren, lines as linesOf } from "../tree";
import type { Problem, Row } from "../types";
import { useStore, useView, ViewContext, type View } from "./context";
import { Details, Hint } from "./details";
import { StopDialog, type Question } from "./dialog";
import { Grid } from "./grid";
import { Header, type Tab, type Theme } from "./header";
import { History, NO_FILTER, Sessions } from "./history";
import { Icon } from "./icons";
import { Bars, Blank, TokenPage } from "./states";
import { Strip } from "./strip";
import { Timeline } from "./timeline";

export interface Memory {
  get(name: string): string | null;
  set(name: string, value: string): void;
}

interface Props {
  store: Store;
  memory: Memory;
  host: HTMLElement;
  onLanguage?(tag: string): void;
}

function useNarrow(host: HTMLElement): boolean {
  const [narrow, setNarrow] = useState(host.clientWidth < 720);
  useEffect(() => {
    const watch = new ResizeObserver(() => setNarrow(host.clientWidth < 720));
    watch.observe(host);
    return () => watch.disconnect();
  }, [host]);
  return narrow;
}

export function App({ store, memory, host, onLanguage }: Props) {
  const [language, setLanguage] = useState<Language>(() => preferredLanguage(memory.get("language"), navigator.languages));
  const [theme, setTheme] = useState<Theme>(() => (memory.get("theme") as Theme | null) ?? "auto");
  const [tab, setTab] = useState<Tab>("tree");
  const [filter, setFilter] = useState(NO_FILTER);
  const [selected, select] = useState<number | null>(null);
  const [question, setQuestion] = useState<Question | null>(null);
  const [said, setSaid] = useState<{ text: string; failed: boolean } | null>(null);
  const speech = useMemo(() => speechOf(language), [language]);
  const narrow = useNarrow(host);
  useStore(store);

  useEffect(() => {
    host.dataset["theme"] = theme;
    host.lang = speech.tag;
    onLanguage?.(speech.tag);
  }, [theme, speech]);
  useEffect(() => {
    store.connect();
    return () => store.close();
  }, [store]);
  useEffect(() => {
    if (!said) return;
    const timer = setTimeout(() => setSaid(null), said.failed ? 8000 : 4000);
    return () => clearTimeout(timer);
  }, [said]);

  const say = (text: string, failed = false) => setSaid({ text, failed });
  const send = (path: string, body: unknown, text: string) =>
    store.transport.command(path, body).then(
      () => say(text),
      (problem: Problem) => say(speech.t("error.title", { text: problem.message }), true),
    );
  const view: View = {
    store,
    speech,
    select,
    say,
    askStop(row: Row) {
      if (store.session?.readOnly || row.state === 6 || row.askedAt) return;
      setQuestion({ kind: "one", row, count: descendants(store.rows, row.id) });
    },
    command(kind, row) {
      void send(`/api/tasks/${row.id}/${kind}`, {}, speech.t(`said.${kind}`, { name: nameOf(row) }));
    },
  };
  const answer = (reason: string | null) => {
    const asked = question!;
    setQuestion(null);
    // Back to where the keyboard was; not before the dialog is gone, which keeps the focus to itself.
    setTimeout(() => host.shadowRoot?.querySelector<HTMLElement>(".grid")?.focus({ preventScroll: true }));
    if (reason === null) return;
    const body = reason ? { reason } : {};
    if (asked.kind === "one") void send(`/api/tasks/${asked.row.id}/stop`, body, speech.t("said.stop", { name: nameOf(asked.row) }));
    else void send("/api/tasks/stop", { filter: asked.filter, ...body, dryRun: false }, speech.t("said.many", { n: asked.count }));
  };
  const askMany = async (filter: unknown) => {
    try {
      const found = (await store.transport.command("/api/tasks/stop", { filter, dryRun: true })) as { count: number; descendants: number };
      if (found.count) setQuestion({ kind: "many", filter, ...found });
    } catch (problem) {
      say(speech.t("error.title", { text: (problem as Problem).message }), true);
    }
  };

  const keep = <T extends string>(name: string, set: (value: T) => void) => (value: T) => {
    memory.set(name, value);
    set(value);
  };
  return (
    <ViewContext.Provider value={view}>
      <div class={`app ${narrow ? "narrow" : ""} link-${store.link}`}>
        <Header tab={tab} theme={theme} onTab={setTab} onTheme={keep<Theme>("theme", setTheme)} onLanguage={keep<Language>("language", setLanguage)} />
        {store.link === "unauthorised" ? (
          <TokenPage />
        ) : (
          <>
            {tab === "tree" && <TreeTab selected={selected} narrow={narrow} memory={memory} onStopMany={askMany} onSelect={select} />}
            {tab === "history" && <History filter={filter} onFilter={setFilter} />}
            {tab === "sessions" && (
              <Sessions
                onShow={(id) => {
                  setFilter({ ...NO_FILTER, sessionId: String(id) });
                  setTab("history");
                }}
              />
            )}
          </>
        )}
        {question && <StopDialog question={question} onAnswer={answer} />}
        <div class={`said ${said ? "shown" : ""} ${said?.failed ? "bad" : ""}`} role="status">
          {said?.text}
        </div>
      </div>
    </ViewContext.Provider>
  );
}

const OWN = new Set(["Dashboard", "HistoryStore"]);

interface TreeProps {
  selected: number | null;
  narrow: boolean;
  memory: Memory;
  onSelect(id: number | null): void;
  onStopMany(filter: unknown): void;
}

function TreeTab({ selected, narrow, memory, onSelect, onStopMany }: TreeProps) {
  const { store, speech } = useView();
  const { t } = speech;
  const [text, setText] = useState("");
  const [group, setGroup] = useState<Group | null>(null);
  const [closed, setClosed] = useState<ReadonlySet<number>>(new Set());
  const [openDetails, setOpenDetails] = useState(false);
  const [timeline, setTimeline] = useState(() => memory.get("timeline") !== "closed");
  const grid = useRef<HTMLDivElement>(null);
  const search = useRef<HTMLInputElement>(null);
  useStore(store);

  const withStopped = group === "stopped" || group === "failed";
  const rows = useMemo(() => {
    if (!withStopped) return store.rows;
    return new Map([...store.rows, ...store.stopped]);
  }, [store.version, withStopped, store.paused]);
  const lines = useMemo(() => linesOf(rows, closed, { text, group }), [rows, store.version, closed, text, group]);
  const counts = useMemo(() => {
    const counted = count(store.rows);
    for (const [id, row] of store.stopped) if (!store.rows.has(id)) counted[groupOf(row)]++;
    return counted;
  }, [store.version, store.paused]);

  const onToggle = useCallback((id: number, open?: boolean) => {
    setClosed((before) => {
      const next = new Set(before);
      if (open ?? next.has(id)) next.delete(id);
      else next.add(id);
      return next;
    });
  }, []);
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
  const clear = () => {
    setText("");
    setGroup(null);
  };
  // Then there is nothing but what the dashboard itself needs.
  const alone = store.rows.size <= OWN.size + 1 && [...store.rows.values()].every((row) => row.parentId === null || OWN.has(row.ownerType));
  const filtering = text !== "" || group !== null;
  const body =
    !store.ready && store.link === "down" ? <Blank kind="down" />
    : !store.ready ? <Blank kind="loading" />
    : !lines.length ? (
      <Blank kind="filtered">
        <button class="button" onClick={clear}>
          {t("tree.clear")}
        </button>
      </Blank>
    ) : null;
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
                requestAnimationFrame(() => {
                  const root = grid.current?.getRootNode() as ShadowRoot | undefined;
                  root?.querySelector<HTMLElement>(".details .actions button:not(:disabled), .details-body")?.focus();
                });
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
