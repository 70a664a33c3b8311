/** What is told of one task, part by part; a part with nothing to tell is not there. */
import type { ComponentChildren } from "preact";
import { duration, firstLine, nameOf, retries, shortPlace, since, uptime } from "../format";
import { DISPOSED } from "../states";
import type { Detail, Life, Row, Step, Timings as Told } from "../types";
import { useView } from "./context";

function Part({ title, children }: { title: string; children: ComponentChildren }) {
  return (
    <section class="part">
      <h3>{title}</h3>
      {children}
    </section>
  );
}

/** Names and values; a value that is null is not there. */
function Facts({ facts, mono = false }: { facts: [string, ComponentChildren][]; mono?: boolean }) {
  return (
    <dl class={mono ? "facts-list mono" : "facts-list"}>
      {facts
        .filter(([, value]) => value !== null)
        .map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
    </dl>
  );
}

export function Overview({ row, known }: { row: Row; known: Detail | null }) {
  const { speech, store } = useView();
  const { t, number } = speech;
  const age = since(row.startTime, store.now);
  const loops = row.typeName === "JOB" || row.typeName === "WORK";
  const facts: [string, ComponentChildren][] = [
    [t("detail.stopReason"), firstLine(row.stopReason ?? known?.stopReason) || null],
    [t("detail.id"), <span class="tabular">#{row.id}</span>],
    [t("detail.type"), row.typeName],
    [t("detail.started"), row.startTime ? speech.moment(row.startTime) : null],
    [t("detail.added"), row.startTime ? null : speech.moment(row.addedAt)],
    [t("detail.uptime"), age !== null && row.state !== DISPOSED ? <span class="tabular">{uptime(age)}</span> : null],
    [t("detail.life"), row.life > 1 ? number(row.life) : null],
    [t("detail.retries"), retries(row) || null],
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

export function WaitingPart({ row, known }: { row: Row; known: Detail | null }) {
  const { speech } = useView();
  const { t } = speech;
  const report = known?.stopReport;
  const blocking = known?.blocking ?? [];
  const blockedBy = row.blockedBy === null ? [] : [row.blockedBy];
  if (!report && !blocking.length && !blockedBy.length) return null;
  return (
    <Part title={t("detail.waiting")}>
      <Facts
        facts={[
          [t("detail.blockedBy"), blockedBy.length ? <Tasks ids={blockedBy} /> : null],
          [t("detail.blocking"), blocking.length ? <Tasks ids={blocking} /> : null],
        ]}
      />
      {report && (
        <div class="report">
          <h4>{t("detail.whyNot")}</h4>
          <ol class="chain">
            {report.chain.map((one, index) => (
              <li key={index}>
                <strong>{one.task}</strong> {one.what}
                {one.stack.slice(-3).map((line) => (
                  <code key={line}>{shortPlace(line)}</code>
                ))}
              </li>
            ))}
          </ol>
        </div>
      )}
    </Part>
  );
}

function Tasks({ ids }: { ids: number[] }) {
  const { store, select } = useView();
  return (
    <span>
      {ids.map((id) => {
        const row = store.row(id);
        return (
          <button class="link" key={id} onClick={() => select(id)}>
            {row ? nameOf(row) : ""} #{id}{" "}
          </button>
        );
      })}
    </span>
  );
}

export function Descriptions({ values }: { values: Record<string, string> }) {
  const { t } = useView().speech;
  const entries = Object.entries(values);
  if (!entries.length) return null;
  return (
    <Part title={t("detail.descriptions")}>
      <Facts facts={entries} mono />
    </Part>
  );
}

export function Steps({ steps }: { steps: Step[] }) {
  const { t } = useView().speech;
  if (!steps.length) return null;
  return (
    <Part title={t("detail.steps")}>
      <ol class="steps">
        {steps.slice(-30).map((step, index) => (
          <li key={index}>
            <span class="tabular soft">+{duration(step.at)}</span>
            <span>{step.name}</span>
            <span class="soft">{step.detail}</span>
          </li>
        ))}
      </ol>
    </Part>
  );
}

export function Resources({ names }: { names: string[] }) {
  const { t } = useView().speech;
  if (!names.length) return null;
  return (
    <Part title={t("detail.resources")}>
      <ul class="plain">
        {names.map((name, index) => (
          <li key={index}>
            <code>{name}</code>
          </li>
        ))}
      </ul>
    </Part>
  );
}

const PHASES = ["queued", "start", "body", "dispose"] as const;

export function Timings({ timings }: { timings: Told | null }) {
  const { t } = useView().speech;
  if (!timings) return null;
  const total = Math.max(timings.total, 1e-9);
  return (
    <Part title={t("detail.timings")}>
      <div class="phases" aria-hidden="true">
        {PHASES.map((phase) => (
          <span key={phase} class={`p-${phase}`} style={{ flexGrow: String(timings[phase] / total) }} />
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

export function Lives({ lives }: { lives: Life[] }) {
  const { speech } = useView();
  if (!lives.length) return null;
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

export function Stack({ lines }: { lines: string[] }) {
  const { t } = useView().speech;
  if (!lines.length) return null;
  return (
    <Part title={t("detail.stack")}>
      <pre tabIndex={0}>{shortPlace(lines.join("\n"))}</pre>
    </Part>
  );
}
