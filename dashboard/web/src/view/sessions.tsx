/** The runs of the programs that share this history. */
import { useEffect, useState } from "preact/hooks";
import { duration } from "../format";
import type { List, Problem, Run } from "../types";
import type { Key } from "../words.en";
import { useView } from "./context";
import { PAGE, Table } from "./table";

const COLUMNS: Key[] = ["detail.id", "sessions.program", "sessions.started", "sessions.ended", "history.duration", "sessions.how", "sessions.host", "sessions.show"];

export function Sessions({ onShow }: { onShow(id: number): void }) {
  const { store, speech } = useView();
  const { t } = speech;
  const [offset, setOffset] = useState(0);
  const [runs, setRuns] = useState<List<Run> | null>(null);
  const [error, setError] = useState("");
  useEffect(() => {
    let over = false;
    store.transport
      .get(`/api/sessions?limit=${PAGE}&offset=${offset}`)
      .then((found) => over || setRuns(found as List<Run>))
      .catch((problem: Problem) => over || setError(problem.message));
    return () => {
      over = true;
    };
  }, [store, offset]);
  return (
    <main class="page">
      {error && (
        <p class="notice bad" role="alert">
          {t("error.title", { text: error })}
        </p>
      )}
      {runs && !runs.list.length && <p class="soft blank">{t("sessions.empty")}</p>}
      {runs && runs.list.length > 0 && (
        <Table label={t("sessions.table")} columns={COLUMNS} page={runs} onOffset={setOffset}>
          {runs.list.map((run) => (
            <RunRow key={run.id} run={run} onShow={onShow} />
          ))}
        </Table>
      )}
    </main>
  );
}

function RunRow({ run, onShow }: { run: Run; onShow(id: number): void }) {
  const { store, speech } = useView();
  const { t } = speech;
  const took = ((run.endedAt ? Date.parse(run.endedAt) : store.now) - Date.parse(run.startedAt)) / 1000;
  const how = run.crashed ? "crashed" : run.endedAt ? "clean" : "running";
  return (
    <tr>
      <td class="tabular">{run.id}</td>
      <td class="owner">{run.program}</td>
      <td class="tabular">{speech.moment(run.startedAt)}</td>
      <td class="tabular">{speech.moment(run.endedAt)}</td>
      <td class="tabular">{duration(took)}</td>
      <td>
        <span class={`how how-${how}`}>{t(`sessions.${how}`)}</span>
        {run.current && <span class="badge">{t("sessions.this")}</span>}
      </td>
      <td class="soft">
        {run.host} · PID {run.pid}
      </td>
      <td>
        <button class="link" onClick={() => onShow(run.id)}>
          {t("sessions.show")} →
        </button>
      </td>
    </tr>
  );
}
