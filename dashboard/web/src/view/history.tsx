/** Lives that are over, of this run and earlier ones: filters, charts, pages. */
import { useEffect, useState } from "preact/hooks";
import { duration, firstLine, place } from "../format";
import type { Life, List, Problem, Run } from "../types";
import type { Key } from "../words.en";
import { useView } from "./context";
import { PAGE, Table } from "./table";

const COLUMNS: Key[] = ["column.name", "history.type", "detail.life", "history.session", "history.started", "history.duration", "history.reason", "column.from"];
const TYPES = ["TASK", "JOB", "WORK", "CHANNEL"] as const;

export interface HistoryFilter {
  ownerType: string;
  taskType: string;
  sessionId: string;
  parentId: string;
  startTime: string;
  endTime: string;
}

export const NO_FILTER: HistoryFilter = { ownerType: "", taskType: "", sessionId: "", parentId: "", startTime: "", endTime: "" };

interface Numbers {
  of: string;
  count: number;
  failed: number;
  p50: number;
  p95: number;
  max: number;
}

interface Failed {
  reasonType: string;
  count: number;
  lastReason: string;
  lastOwnerType: string;
}

/** Filters as the query of a request; local times become instants. */
export function query(filter: HistoryFilter, more: Record<string, number> = {}): string {
  const out = new URLSearchParams();
  for (const [name, value] of Object.entries(filter)) {
    if (!value) continue;
    out.set(name, name === "startTime" || name === "endTime" ? new Date(value).toISOString() : value);
  }
  for (const [name, value] of Object.entries(more)) out.set(name, String(value));
  return out.toString();
}

interface Answers {
  lives: List<Life>;
  stats: { total: number; list: Numbers[]; failures: Failed[] };
}

export function History({ filter, onFilter }: { filter: HistoryFilter; onFilter(filter: HistoryFilter): void }) {
  const { store, speech } = useView();
  const { t } = speech;
  const [offset, setOffset] = useState(0);
  const [answers, setAnswers] = useState<Answers | null>(null);
  const [error, setError] = useState("");
  const [runs, setRuns] = useState<Run[]>([]);
  useEffect(() => {
    store.transport
      .get("/api/sessions?limit=100")
      .then((found) => setRuns((found as List<Run>).list))
      .catch(() => setRuns([]));
  }, [store]);
  useEffect(() => {
    let over = false;
    Promise.all([
      store.transport.get(`/api/history?${query(filter, { limit: PAGE, offset })}`),
      store.transport.get(`/api/history/stats?${query(filter)}`),
    ])
      .then(([lives, stats]) => {
        if (over) return;
        setAnswers({ lives, stats } as Answers);
        setError("");
      })
      .catch((problem: Problem) => over || setError(problem.message));
    return () => {
      over = true;
    };
  }, [filter, offset, store]);
  const change = (next: HistoryFilter) => {
    setOffset(0);
    onFilter(next);
  };
  return (
    <main class="page history">
      <Filters filter={filter} runs={runs} onFilter={change} />
      {error && (
        <p class="notice bad" role="alert">
          {t("error.title", { text: error })}
        </p>
      )}
      {answers && <Charts {...answers.stats} />}
      {answers && <Lives lives={answers.lives} onOffset={setOffset} />}
    </main>
  );
}

function Filters({ filter, runs, onFilter }: { filter: HistoryFilter; runs: Run[]; onFilter(filter: HistoryFilter): void }) {
  const { speech } = useView();
  const { t } = speech;
  const [draft, setDraft] = useState(filter);
  useEffect(() => setDraft(filter), [filter]);
  const set = (name: keyof HistoryFilter) => (event: { currentTarget: { value: string } }) =>
    setDraft({ ...draft, [name]: event.currentTarget.value });
  return (
    <form
      class="filters"
      onSubmit={(event) => {
        event.preventDefault();
        onFilter(draft);
      }}
    >
      <label>
        <span>{t("history.owner")}</span>
        <input name="ownerType" value={draft.ownerType} onInput={set("ownerType")} />
      </label>
      <label>
        <span>{t("history.type")}</span>
        <select name="taskType" value={draft.taskType} onChange={set("taskType")}>
          <option value="">{t("history.any")}</option>
          {TYPES.map((type) => (
            <option key={type} value={type}>
              {type}
            </option>
          ))}
        </select>
      </label>
      <label>
        <span>{t("history.session")}</span>
        <select name="sessionId" value={draft.sessionId} onChange={set("sessionId")}>
          <option value="">{t("history.any")}</option>
          {runs.map((run) => (
            <option key={run.id} value={String(run.id)}>
              {run.id} · {speech.moment(run.startedAt)}
              {run.current ? ` · ${t("sessions.this")}` : ""}
            </option>
          ))}
        </select>
      </label>
      <label class="short">
        <span>{t("history.parent")}</span>
        <input name="parentId" inputMode="numeric" pattern="[0-9]*" value={draft.parentId} onInput={set("parentId")} />
      </label>
      <label>
        <span>{t("history.from")}</span>
        <input name="startTime" type="datetime-local" step="1" value={draft.startTime} onInput={set("startTime")} />
      </label>
      <label>
        <span>{t("history.to")}</span>
        <input name="endTime" type="datetime-local" step="1" value={draft.endTime} onInput={set("endTime")} />
      </label>
      <div class="answers">
        <button class="button primary" type="submit">
          {t("history.apply")}
        </button>
        <button class="button" type="button" onClick={() => onFilter(NO_FILTER)}>
          {t("history.clear")}
        </button>
      </div>
    </form>
  );
}

function Charts({ list, failures }: { list: Numbers[]; failures: Failed[] }) {
  const { speech } = useView();
  const { t, number } = speech;
  const shown = list.slice(0, 8);
  const most = Math.max(1, ...shown.map((one) => one.count));
  const longest = Math.max(1e-9, ...shown.map((one) => one.p95));
  if (!shown.length) return null;
  return (
    <div class="charts">
      <Chart title={t("history.lives")}>
        {shown.map((one) => (
          <Bar key={one.of} name={one.of} text={number(one.count)} more={one.failed ? t("history.failedShare", { n: one.failed }) : ""}>
            <span class="bar-good" style={{ width: `${((one.count - one.failed) / most) * 100}%` }} />
            <span class="bar-bad" style={{ width: `${(one.failed / most) * 100}%` }} />
          </Bar>
        ))}
      </Chart>
      <Chart title={t("history.durations")}>
        {shown.map((one) => (
          <Bar key={one.of} name={one.of} text={`${duration(one.p50)} – ${duration(one.p95)}`}>
            <span class="bar-gap" style={{ width: `${(one.p50 / longest) * 100}%` }} />
            <span class="bar-span" style={{ width: `${Math.max(0.6, ((one.p95 - one.p50) / longest) * 100)}%` }} />
          </Bar>
        ))}
      </Chart>
      <Chart title={t("history.failures")}>
        {failures.length === 0 && <li class="soft">{t("history.noFailures")}</li>}
        {failures.slice(0, 8).map((one) => (
          <Bar key={one.reasonType} name={one.reasonType} text={number(one.count)} more={`${one.lastOwnerType}: ${firstLine(one.lastReason)}`}>
            <span class="bar-bad" style={{ width: `${(one.count / Math.max(...failures.map((f) => f.count))) * 100}%` }} />
          </Bar>
        ))}
      </Chart>
    </div>
  );
}

function Chart({ title, children }: { title: string; children: preact.ComponentChildren }) {
  return (
    <section class="chart">
      <h2>{title}</h2>
      <ul>{children}</ul>
    </section>
  );
}

function Bar({ name, text, more, children }: { name: string; text: string; more?: string; children: preact.ComponentChildren }) {
  return (
    <li class="bar">
      <span class="bar-name">{name}</span>
      <span class="bar-text tabular">{text}</span>
      <span class="bar-track">{children}</span>
      {more && <span class="bar-more">{more}</span>}
    </li>
  );
}

function Lives({ lives, onOffset }: { lives: List<Life>; onOffset(offset: number): void }) {
  const { t } = useView().speech;
  if (!lives.list.length) return <p class="soft blank">{t("history.empty")}</p>;
  return (
    <Table label={t("history.table")} columns={COLUMNS} page={lives} onOffset={onOffset}>
      {lives.list.map((life) => (
        <LifeRow key={`${life.sessionId} ${life.id} ${life.life}`} life={life} />
      ))}
    </Table>
  );
}

function LifeRow({ life }: { life: Life }) {
  const { speech } = useView();
  const key = life.key !== String(life.id) ? life.key : "";
  return (
    <tr class={life.failed ? "g-failed" : ""}>
      <td>
        <span class="owner">{life.ownerType}</span> <span class="key">{key}</span> <span class="id">#{life.id}</span>
      </td>
      <td class="soft">{life.typeName}</td>
      <td class="tabular">{life.life}</td>
      <td class="tabular soft">{life.sessionId ?? "–"}</td>
      <td class="tabular">{speech.moment(life.startTime)}</td>
      <td class="tabular">{duration(life.duration)}</td>
      <td class="reason" title={life.stopReason}>
        {firstLine(life.stopReason) || life.reasonType}
      </td>
      <td class="soft" title={life.startReason}>
        {place(life.startReason)}
      </td>
    </tr>
  );
}
