/** Everything about one task, and what can be done with it. */
import type { RefObject } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { nameOf, since, uptime } from "../format";
import { DISPOSED, groupOf, RETRYING } from "../states";
import { pathOf } from "../tree";
import type { Detail, Life, List, Row } from "../types";
import type { Key } from "../words.en";
import { useStore, useTick, useView } from "./context";
import { Descriptions, Lives, Overview, Resources, Stack, Steps, Timings, WaitingPart } from "./detail-parts";
import { stateText } from "./grid";
import { Icon, StateIcon } from "./icons";

const AGAIN_AFTER = 1000;
/** Also without a change: durations grow, and the call stack moves. */
const ANYWAY_AFTER = 4000;

/** Of one task: give it the id as its key, so that nothing is left of the one before. */
export function Details({ id, onClose }: { id: number; onClose(): void }) {
  const { store, speech, askStop, askRestart, command } = useView();
  const { t } = speech;
  useStore(store);
  useTick();
  const row = store.row(id);
  const known = useDetails(id, row);
  const lives = useLives(id, row?.life ?? 0, row?.state === DISPOSED);
  const shown = row ?? known;
  if (!shown) return <Hint />;
  const over = !store.rows.has(id);
  const readOnly = store.session?.readOnly ?? false;
  const canStart = known?.canStart !== false;
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
                <button class="button" disabled={Boolean(shown.askedAt) || known?.canRestart === false} onClick={() => askRestart(shown)}>
                  <Icon name="restart" /> {t("action.restart")}
                </button>
              </>
            )}
          </div>
        )}
        {over && !canStart && <p class="soft">{t("detail.gone")}</p>}
      </div>
      <div class="details-body" tabIndex={0} role="region" aria-label={`${t("detail.label")}: ${nameOf(shown)}`}>
        <WaitingPart row={shown} known={known} />
        <Overview row={shown} known={known} />
        <Descriptions values={shown.descriptions} />
        <Steps steps={known?.steps ?? []} />
        <Resources names={known?.resources ?? []} />
        <Timings timings={known?.timings ?? null} />
        <Lives lives={lives} />
        <Stack lines={known?.callStack ?? []} />
      </div>
    </section>
  );
}

/** Give the keyboard to the details, once they are there. */
export function focusDetails(from: RefObject<HTMLElement>): void {
  requestAnimationFrame(() => {
    const root = from.current?.getRootNode() as ShadowRoot | undefined;
    root?.querySelector<HTMLElement>(".details .actions button:not(:disabled), .details-body")?.focus({ preventScroll: true });
  });
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
function useDetails(id: number, row: Row | undefined): Detail | null {
  const { store } = useView();
  const [known, setKnown] = useState<Detail | null>(null);
  const askedAt = useRef(0);
  const [round, again] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => document.hidden || store.link !== "live" || again((count) => count + 1), ANYWAY_AFTER);
    return () => clearInterval(timer);
  }, [store]);
  useEffect(() => {
    const timer = setTimeout(async () => {
      askedAt.current = Date.now();
      const told = (await store.transport.get(`/api/tasks/${id}`).catch(() => null)) as Detail | null;
      if (told) setKnown(told);
    }, Math.max(0, askedAt.current + AGAIN_AFTER - Date.now()));
    return () => clearTimeout(timer);
  }, [id, row, round, store.link === "live"]);
  return known;
}

function useLives(id: number, life: number, over: boolean): Life[] {
  const { store } = useView();
  const [lives, setLives] = useState<Life[]>([]);
  useEffect(() => {
    let gone = false;
    // A life is in the history half a second after its end.
    const ask = async () => {
      const found = (await store.transport.get(`/api/tasks/${id}/history?limit=20`).catch(() => null)) as List<Life> | null;
      if (found && !gone) setLives(found.list);
    };
    void ask();
    const timer = setTimeout(ask, 900);
    return () => {
      gone = true;
      clearTimeout(timer);
    };
  }, [id, life, over]);
  return lives;
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
