/** Everything about one task, and what can be done with it. */
import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import { duration, firstLine, nameOf, retries, shortPlace, since, uptime } from "../format";
import { DISPOSED, groupOf, RETRYING } from "../states";
import { pathOf } from "../tree";
import type { List, Row } from "../types";
import type { Key } from "../words.en";
import { useStore, useTick, useView } from "./context";
import { stateText } from "./grid";
import { Icon, StateIcon } from "./icons";

type Known = Record<string, unknown>;
const AGAIN_AFTER = 1000;
/** Also without a change: durations grow, and the call stack moves. */
const ANYWAY_AFTER = 4000;

export function Details({ id, onClose }: { id: number; onClose(): void }) {
  const { store, speech, askStop, command } = useView();
  const { t } = speech;
  useStore(store);
  useTick();
  const row = store.row(id);
  const known = useDetails(id, row);
  const lives = useLives(id, row?.life ?? 0, row?.state === DISPOSED);
  const told = (known ?? {}) as Partial<Row> & Known;
  const shown = row ?? (told.ownerType ? (told as unknown as Row) : null);
  if (!shown) return <Hint />;
  const over = !store.rows.has(id);
  const readOnly = store.session?.readOnly ?? false;
  const canStart = told["canStart"] !== false;
  return (
    <section class="details" aria-label={t("detail.label")}>
      <div class="details-head">
        <button class="tool back" aria-label={t("detail.back")} onClick={onClose}>
          <Icon name="back" />
        </button>
        <Path id={id} />
        <h2>
          {shown.ownerType} {nameOf(shown) !== shown.ownerType && <span class="key">{shown.key}</span>}
        </h2>
        <p class={`state-line g-${groupOf(shown)}`}>
          <StateIcon state={shown.state} asked={Boolean(shown.askedAt)} />
          <span>{stateText(shown, t)}</span>
          <Since row={shown} />
        </p>
        {!readOnly && (
          <div class="actions">
            {over ? (
              <button class="button primary" disabled={!canStart} onClick={() => command("start", shown)}>
                <Icon name="play" /> {t("action.start")}
              </button>
            ) : (
              <>
                <button class="button danger" disabled={Boolean(shown.askedAt)} onClick={() => askStop(shown)}>
                  <Icon name="stop" /> {t("action.stop")}
                </button>
                <button class="button" disabled={Boolean(shown.askedAt) || told["canRestart"] === false} onClick={() => command("restart", shown)}>
                  <Icon name="restart" /> {t("action.restart")}
                </button>
              </>
            )}
          </div>
        )}
        {over && !canStart && <p class="soft">{t("detail.gone")}</p>}
      </div>
      <div class="details-body" tabIndex={0} role="region" aria-label={`${t("detail.label")}: ${nameOf(shown)}`}>
        <WaitingPart row={shown} known={told} />
        <Overview row={shown} known={told} />
        <Descriptions values={(row?.descriptions ?? told.descriptions ?? {}) as Record<string, string>} />
        <Steps values={told["steps"]} />
        <Resources values={told["resources"]} />
        <Timings values={told["timings"]} />
        <Lives lives={lives} />
        <Stack value={told["callStack"]} />
      </div>
    </section>
  );
}

export function Hint() {
  const { t } = useView().speech;
  const keys: [string, Key][] = [
    ["↑ ↓", "detail.keys"],
    ["← →", "detail.keysFold"],
    ["Enter  Esc", "detail.keysOpen"],
    ["Del", "detail.keysStop"],
    ["/", "detail.keysFilter"],
  ];
  return (
    <section class="details hint" aria-label={t("detail.label")}>
      <p>{t("detail.none")}</p>
      <dl>
        {keys.map(([key, what]) => (
          <div key={what}>
            <dt>
              {key.split(" ").filter(Boolean).map((one) => <kbd key={one}>{one}</kbd>)}
            </dt>
            <dd>{t(what)}</dd>
          </div>
        ))}
      </dl>
    </section>
  );
}

/** Asked when the task is chosen and when its row changes, at most once a second. */
function useDetails(id: number, row: Row | undefined): Known | null {
  const { store } = useView();
  const [known, setKnown] = useState<{ id: number; told: Known } | null>(null);
  const [asked, setAsked] = useState({ id: -1, at: 0 });
  const [round, again] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => document.hidden || store.link !== "live" || again((count) => count + 1), ANYWAY_AFTER);
    return () => clearInterval(timer);
  }, [store]);
  useEffect(() => {
    let over = false;
    const wait = asked.id === id ? Math.max(0, asked.at + AGAIN_AFTER - Date.now()) : 0;
    const timer = setTimeout(async () => {
      setAsked({ id, at: Date.now() });
      const told = (await store.transport.get(`/api/tasks/${id}`).catch(() => null)) as Known | null;
      if (!over || told) setKnown((before) => (told ? { id, told } : before));
    }, wait);
    return () => {
      over = true;
      clearTimeout(timer);
    };
  }, [id, row, round, store.link === "live"]);
  return known?.id === id ? known.told : null;
}

export interface Life {
  id: number;
  life: number;
  ownerType: string;
  key: string;
  typeName: string;
  startTime: string;
  endTime: string | null;
  duration: number;
  stopReason: string;
  reasonType: string;
  failed: boolean;
  sessionId: number | null;
  retryCount: number;
  parentId: number | null;
}

function useLives(id: number, life: number, over: boolean): Life[] | null {
  const { store } = useView();
  const [lives, setLives] = useState<{ id: number; list: Life[] } | null>(null);
  useEffect(() => {
    let gone = false;
    // A life is in the history half a second after its end.
    const ask = async () => {
      const found = (await store.transport.get(`/api/tasks/${id}/history?limit=20`).catch(() => null)) as List<Life> | null;
      if (found && !gone) setLives({ id, list: found.list });
    };
    void ask();
    const timer = setTimeout(ask, 900);
    return () => {
      gone = true;
      clearTimeout(timer);
    };
  }, [id, life, over]);
  return lives?.id === id ? lives.list : null;
}

function Path({ id }: { id: number }) {
  const { store, select } = useView();
  const path = pathOf(store.rows, id).slice(0, -1);
  const shown = path.length > 4 ? [path[0]!, ...path.slice(-3)] : path;
  if (!shown.length) return null;
  return (
    <p class="path">
      {shown.map((row, index) => (
        <span key={row.id}>
          {index > 0 && <span class="slash"> {path.length > 4 && index === 1 ? "/ … /" : "/"} </span>}
          <button class="link" onClick={() => select(row.id)}>
            {nameOf(row)}
          </button>
        </span>
      ))}
    </p>
  );
}

function Since({ row }: { row: Row }) {
  const { store, speech } = useView();
  if (row.state === DISPOSED) return null;
  if (row.state === RETRYING && row.retryAt) {
    const left = Math.ceil(-(since(row.retryAt, store.now) ?? 0));
    return <span class="soft tabular">{speech.t("tree.retryIn", { time: uptime(left) })}</span>;
  }
  const age = since(row.askedAt ?? row.startTime, store.now);
  return age === null ? null : <span class="soft tabular">{uptime(age)}</span>;
}

function Part({ title, children }: { title: string; children: ComponentChildren }) {
  return (
    <section class="part">
      <h3>{title}</h3>
      {children}
    </section>
  );
}

function Facts({ facts }: { facts: [string, ComponentChildren][] }) {
  return (
    <dl class="facts-list">
      {facts
        .filter(([, value]) => value !== null && value !== undefined && value !== "")
        .map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
    </dl>
  );
}

function Overview({ row, known }: { row: Row; known: Known }) {
  const { speech, store } = useView();
  const { t, number } = speech;
  const age = since(row.startTime, store.now);
  const loops = row.typeName === "JOB" || row.typeName === "WORK";
  const facts: [string, ComponentChildren][] = [
    [t("detail.stopReason"), firstLine(row.stopReason ?? (known["stopReason"] as string | null))],
    [t("detail.id"), <span class="tabular">#{row.id}</span>],
    [t("detail.type"), row.typeName],
    [t("detail.started"), row.startTime ? speech.moment(row.startTime) : null],
    [t("detail.added"), row.startTime ? null : speech.moment(row.addedAt)],
    [t("detail.uptime"), age !== null && row.state !== DISPOSED ? <span class="tabular">{uptime(age)}</span> : null],
    [t("detail.life"), row.life > 1 ? number(row.life) : null],
    [t("detail.retries"), retries(row)],
    [t("detail.children"), row.children ? number(row.children) : null],
    [t("detail.loop"), loops ? t(row.eventLoopRunning ? "detail.loopOn" : "detail.loopOff") : null],
    [t("detail.startReason"), row.startReason ? <code>{row.startReason}</code> : null],
  ];
  return (
    <Part title={t("detail.overview")}>
      <Facts facts={facts} />
    </Part>
  );
}

function WaitingPart({ row, known }: { row: Row; known: Known }) {
  const { speech } = useView();
  const { t } = speech;
  const report = known["stopReport"];
  const blocking = numbers(known["blocking"]);
  const blockedBy = numbers(known["blockedBy"] ?? known["blocked"] ?? row.blockedBy);
  if (!report && !blocking.length && !blockedBy.length) return null;
  return (
    <Part title={t("detail.waiting")}>
      <Facts
        facts={[
          [t("detail.blockedBy"), blockedBy.length ? <Tasks ids={blockedBy} /> : null],
          [t("detail.blocking"), blocking.length ? <Tasks ids={blocking} /> : null],
        ]}
      />
      {report ? (
        <div class="report">
          <h4>{t("detail.whyNot")}</h4>
          <Report value={report} />
        </div>
      ) : null}
    </Part>
  );
}

function numbers(value: unknown): number[] {
  const list = Array.isArray(value) ? value : value === null || value === undefined ? [] : [value];
  return list
    .map((one) => (typeof one === "object" && one !== null ? (one as { id?: unknown }).id : one))
    .filter((one): one is number => typeof one === "number");
}

function Tasks({ ids }: { ids: number[] }) {
  const { store, select } = useView();
  return (
    <span>
      {ids.slice(0, 20).map((id) => {
        const row = store.row(id);
        return (
          <button class="link" key={id} onClick={() => select(id)}>
            {row ? nameOf(row) : ""} #{id}{" "}
          </button>
        );
      })}
      {ids.length > 20 ? `… ${ids.length}` : ""}
    </span>
  );
}

interface Waits {
  task: string;
  taskId?: number;
  state: string;
  what: string;
  stack?: string[];
}

function Report({ value }: { value: unknown }) {
  if (typeof value === "string") return <pre tabIndex={0}>{value}</pre>;
  const report = value as { reason?: string; askedBy?: string; askedAgo?: number; chain?: Waits[]; text?: string };
  if (!Array.isArray(report.chain)) return <pre tabIndex={0}>{report.text ?? JSON.stringify(value, null, 1)}</pre>;
  return (
    <>
      <ol class="chain">
        {report.chain.map((one, index) => (
          <li key={index}>
            <strong>{one.task}</strong> {one.what}
            {one.stack?.slice(-3).map((line) => <code key={line}>{shortPlace(line)}</code>)}
          </li>
        ))}
      </ol>
    </>
  );
}

function Descriptions({ values }: { values: Record<string, string> }) {
  const { t } = useView().speech;
  const entries = Object.entries(values);
  if (!entries.length) return null;
  return (
    <Part title={t("detail.descriptions")}>
      <dl class="facts-list mono">
        {entries.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{String(value)}</dd>
          </div>
        ))}
      </dl>
    </Part>
  );
}

function Steps({ values }: { values: unknown }) {
  const { t } = useView().speech;
  const steps = (Array.isArray(values) ? values : []) as { name: string; detail?: string; at?: number }[];
  if (!steps.length) return null;
  return (
    <Part title={t("detail.steps")}>
      <ol class="steps">
        {steps.slice(-30).map((step, index) => (
          <li key={index}>
            <span class="tabular soft">{step.at === undefined ? "" : `+${duration(step.at)}`}</span>
            <span>{step.name}</span>
            <span class="soft">{step.detail}</span>
          </li>
        ))}
      </ol>
    </Part>
  );
}

function Resources({ values }: { values: unknown }) {
  const { t } = useView().speech;
  const list = Array.isArray(values) ? values : [];
  if (!list.length) return null;
  return (
    <Part title={t("detail.resources")}>
      <ul class="plain">
        {list.map((one, index) => (
          <li key={index}>
            <code>{resourceText(one)}</code>
          </li>
        ))}
      </ul>
    </Part>
  );
}

function resourceText(value: unknown): string {
  if (typeof value === "string") return value;
  const { what, name, kind, ...rest } = value as Record<string, unknown>;
  return [kind, what, name, ...Object.values(rest)].filter((one) => typeof one === "string" && one).join(" · ") || JSON.stringify(value);
}

const PHASES = ["queued", "start", "body", "dispose"] as const;

function Timings({ values }: { values: unknown }) {
  const { t } = useView().speech;
  const timings = values as Record<string, number> | null | undefined;
  if (!timings || typeof timings["total"] !== "number") return null;
  const total = Math.max(timings["total"], 1e-9);
  return (
    <Part title={t("detail.timings")}>
      <div class="phases" aria-hidden="true">
        {PHASES.map((phase) => (
          <span key={phase} class={`p-${phase}`} style={{ flexGrow: String(Math.max(0, timings[phase] ?? 0) / total) }} />
        ))}
      </div>
      <dl class="phase-list">
        {[...PHASES, "total" as const].map((phase) => (
          <div key={phase}>
            <dt class={`p-${phase}`}>{t(`timing.${phase}`)}</dt>
            <dd class="tabular">{duration(timings[phase])}</dd>
          </div>
        ))}
      </dl>
    </Part>
  );
}

function Lives({ lives }: { lives: Life[] | null }) {
  const { speech } = useView();
  if (!lives?.length) return null;
  return (
    <Part title={speech.t("detail.history")}>
      <ol class="lives">
        {[...lives].sort((a, b) => b.startTime.localeCompare(a.startTime)).map((life) => (
          <li key={`${life.sessionId} ${life.life}`} class={life.failed ? "g-failed" : ""}>
            <span class="tabular">{life.life}</span>
            <span class="tabular">{speech.time(life.startTime)}</span>
            <span class="tabular">{duration(life.duration)}</span>
            <span class="reason">{firstLine(life.stopReason)}</span>
          </li>
        ))}
      </ol>
    </Part>
  );
}

function Stack({ value }: { value: unknown }) {
  const { t } = useView().speech;
  const text = Array.isArray(value) ? value.map((one) => (typeof one === "string" ? one : resourceText(one))).join("\n") : typeof value === "string" ? value : "";
  if (!text) return null;
  return (
    <Part title={t("detail.stack")}>
      <pre tabIndex={0}>{shortPlace(text)}</pre>
    </Part>
  );
}
