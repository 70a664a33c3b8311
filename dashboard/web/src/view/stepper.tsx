/** The stepper: the queue of a Job as cards, its children, and what the last event did; one button takes the next. */
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { preferredLanguage, tagOf, type Language } from "../i18n";
import { DISPOSED } from "../states";
import { allowed, changedBy, guessText, KINDS, nameOf, planOf, sayIn, titleOf, verdictOf, type Answer, type Picture, type Queued, type Say, type Taken } from "../stepper";
import { notebookTheme, watchTheme } from "../notebook-theme";
import { sent, type Model } from "../widget";
import { cellWords } from "../words.cell";
import { useHeard, useTrait } from "./cell";
import { StateIcon } from "./icons";
import type { Memory } from "./shell";
import { Sign } from "./stepper-icons";

interface Props {
  model: Model;
  memory: Memory;
  host: HTMLElement;
}

/** Those of the reader, that of the notebook first if it is Chinese. */
const languages = () => (document.documentElement.lang.startsWith("zh") ? ["zh"] : navigator.languages);

const GROUPS = ["waiting", "waiting", "running", "running", "running", "stopping", "stopped", "retrying"];

function State({ state, say }: { state: number; say: Say }) {
  return (
    <span class={`state g-${GROUPS[state]}`}>
      <StateIcon state={state} />
      {say(`state.${state}`)}
    </span>
  );
}

function Card({ event, first, hidden, say }: { event: Queued; first: boolean; hidden: boolean; say: Say }) {
  return (
    <li class={`card k-${event.kind.split(" ")[0]} ${first ? "first" : ""}`}>
      {first && <span class="flag">{say("next")}</span>}
      <span class="kind">
        <Sign name={event.kind} />
        {say(`kind.${event.kind}`)}
      </span>
      <strong>{event.kind === "call" ? event.caller : nameOf(event)}</strong>
      {hidden ? (
        first && <p class="riddle">{say("hidden")}</p>
      ) : (
        <ol class="plan">
          {planOf(event, say).map((one) => (
            <li key={one}>{one}</li>
          ))}
        </ol>
      )}
    </li>
  );
}

function Queue({ picture, hidden, say }: { picture: Picture; hidden: boolean; say: Say }) {
  const rest = picture.queued - picture.queue.length;
  return (
    <section aria-label={say("queue")}>
      <h3>
        {say("queue")} <span class="soft tabular">{picture.queued}</span>
      </h3>
      {picture.queue.length ? (
        <ol class="cards" tabIndex={0}>
          {picture.queue.map((event, index) => (
            <Card key={`${event.kind}${event.id}${event.function}${index}`} event={event} first={index === 0} hidden={hidden} say={say} />
          ))}
          {rest > 0 && <li class="card rest">{say("queueMore", { n: rest })}</li>}
        </ol>
      ) : (
        <p class="empty">{say(picture.paused || !picture.open ? "queueEmpty" : "queueRunning")}</p>
      )}
    </section>
  );
}

function Question({ picture, onGuess, say }: { picture: Picture; onGuess(code: string): void; say: Say }) {
  const { family, choices } = picture.question!;
  const key = family === "tick" || family === "call" ? `question.${family}` : "question";
  return (
    <section class="ask" aria-label={say("predict")}>
      <h3>{say(key, { event: titleOf(picture.queue[0]!, say) })}</h3>
      <div class="choices">
        {choices.map((code) => (
          <button key={code} class="choice" disabled={!allowed(picture).step} onClick={() => onGuess(code)}>
            {guessText(family, code, say)}
          </button>
        ))}
      </div>
    </section>
  );
}

/** What came of the prediction; in the place of the question, so that it is read first. */
function Verdict({ answer, title, onNext, say }: { answer: Answer; title: string; onNext: (() => void) | null; say: Say }) {
  const { right, guess, came, why } = verdictOf(answer, say);
  const next = useRef<HTMLButtonElement>(null);
  useEffect(() => next.current?.focus({ preventScroll: true }), []);
  return (
    <section class={`verdict ${right ? "good" : "bad"}`}>
      <h3>{title}</h3>
      <p class="mark" role="status">
        <Sign name={right ? "right" : "wrong"} />
        {say(right ? "right" : "wrong")}
      </p>
      <dl>
        {!right && (
          <div>
            <dt>{say("guessed")}</dt>
            <dd class="missed">{guess}</dd>
          </div>
        )}
        <div>
          <dt>{say("came")}</dt>
          <dd>{came}</dd>
        </div>
      </dl>
      <p class="why">{why}</p>
      {onNext && (
        <button ref={next} class="button" onClick={onNext}>
          {say("nextQuestion")} <kbd>n</kbd>
        </button>
      )}
    </section>
  );
}

function Last({ taken, say }: { taken: Taken; say: Say }) {
  return (
    <>
      <p class="title">
        <strong>{titleOf(taken.event, say)}</strong>
        {taken.event.kind === "call" && <code>{taken.event.function}</code>}
        <span class="soft">{say("step.n", { n: taken.number })}</span>
      </p>
      {taken.walks.map((walk) => (
        <p class="walk" key={walk.id}>
          <span class="who">{nameOf(walk)}</span>
          {walk.states.map((state, index) => (
            <span class="pace" key={index}>
              {index > 0 && <Sign name="arrow" />}
              <State state={state} say={say} />
            </span>
          ))}
        </p>
      ))}
      {taken.walks.length === 0 && <p class="soft">{say("noChange")}</p>}
      {taken.waits ? (
        <p class="waits">
          <Sign name="pause" />
          {say("waits", { hook: taken.waits.hook, name: nameOf(taken.waits) })}
        </p>
      ) : (
        <p class="soft">{say("over")}</p>
      )}
    </>
  );
}

function Children({ picture, say }: { picture: Picture; say: Say }) {
  const changed = changedBy(picture.last);
  const rest = picture.size - picture.children.length;
  return (
    <section aria-label={say("children")}>
      <h3>
        {say("children")} <span class="soft tabular">{picture.size}</span>
      </h3>
      {picture.children.length === 0 && <p class="empty">{say("childrenNone")}</p>}
      <ul class="kids">
        {picture.children.map((child) => {
          const holds = picture.held?.id === child.id;
          return (
            <li key={child.id} class={`kid ${changed.has(child.id) ? "changed" : ""} ${holds ? "holds" : ""}`}>
              <strong>{nameOf(child)}</strong>
              <State state={child.state} say={say} />
              {holds && <span class="tag">{say("holds")}</span>}
            </li>
          );
        })}
        {rest > 0 && <li class="kid rest">{say("childrenMore", { n: rest })}</li>}
      </ul>
    </section>
  );
}

export function StepperCell({ model, memory, host }: Props) {
  const [picture] = useTrait<Picture>(model, "state");
  const [predict] = useTrait<boolean>(model, "predict");
  const [score] = useTrait<[number, number]>(model, "score");
  const [language, setLanguage] = useState<Language>(() => preferredLanguage(memory.get("language"), languages()));
  const theme = useHeard(notebookTheme, watchTheme);
  // The step whose verdict has been read: the question that follows has its turn.
  const [read, setRead] = useState(0);
  const [lost, setLost] = useState(false);
  const say = useMemo(() => sayIn(language), [language]);
  const panel = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    host.lang = tagOf(language);
    host.dataset["theme"] = theme;
  }, [language, theme]);
  if (!picture.job) return <div class="stepper" />;

  const order = (command: string, values: object = {}) => void sent(model, { do: command, ...values }).then(() => setLost(false), () => setLost(true));
  const can = allowed(picture);
  const asks = predict && picture.question !== null && picture.open && picture.paused;
  const last = picture.last?.number;
  const verdict = picture.answer && picture.answer.number === last && last !== read ? picture.answer : null;
  const next = () => {
    setRead(last ?? 0);
    setTimeout(() => panel.current?.querySelector<HTMLElement>(".choice")?.focus());
  };
  const take = () => {
    if (!can.step) return;
    if (asks && verdict) next();
    else if (asks) panel.current?.querySelector<HTMLElement>(".choice")?.focus();
    else order("step");
  };
  const keys = (event: KeyboardEvent) => {
    if (event.key !== "n" || event.ctrlKey || event.metaKey || event.altKey || event.target instanceof HTMLSelectElement) return;
    event.preventDefault();
    event.stopPropagation();
    take();
  };
  const turn = () => {
    const next = language === "zh" ? "en" : "zh";
    memory.set("language", next);
    setLanguage(next);
  };
  const mode = !picture.open ? "ended" : !picture.paused ? "running" : picture.held ? "held" : "paused";
  return (
    <div class={`stepper m-${mode}`} ref={panel} onKeyDown={keys}>
      <header>
        <h2>{say("title")}</h2>
        <label class="pick">
          <span>{say("job")}</span>
          <select
            value={picture.job.id}
            onFocus={() => order("jobs")}
            onChange={(event) => order("job", { id: Number(event.currentTarget.value) })}
          >
            {picture.jobs.some((job) => job.id === picture.job.id) || <option value={picture.job.id}>{nameOf(picture.job)}</option>}
            {picture.jobs.map((job) => (
              <option key={job.id} value={job.id}>
                {"\u2003".repeat(job.level) + nameOf(job)}
              </option>
            ))}
          </select>
        </label>
        <State state={picture.job.state} say={say} />
        <span class="mode" role="status">{say(mode)}</span>
        <span class="spring" />
        {score[1] > 0 && <span class="score tabular">{say("score", { right: score[0], asked: score[1] })}</span>}
        <label class="switch">
          <input type="checkbox" checked={predict} disabled={!picture.open} onChange={(event) => order("predict", { on: event.currentTarget.checked })} />
          {say("predict")}
        </label>
        <button class="tool words" title={say("languageTitle")} onClick={turn}>
          {say("language")}
        </button>
      </header>
      <div class="controls">
        <button class="button primary big" disabled={!can.step} title={say("stepTitle")} onClick={take}>
          <Sign name="step" />
          {say("step")}
          <kbd>n</kbd>
        </button>
        <div class="runs" role="group" aria-label={say("runTo")}>
          <span class="soft">{say("runTo")}</span>
          {KINDS.map((kind) => (
            <button class="button" key={kind} disabled={!can.run} onClick={() => order("run", { to: kind })}>
              <Sign name={kind} />
              {say(`kind.${kind}`)}
            </button>
          ))}
        </div>
        <span class="spring" />
        {picture.busy && picture.held && <span class="soft">{say("busy")}</span>}
        <button class="button big" disabled={!can.toggle} onClick={() => order(picture.paused ? "resume" : "pause")}>
          <Sign name={picture.paused ? "resume" : "pause"} />
          {say(picture.paused ? "resume" : "pause")}
        </button>
      </div>
      {lost && (
        <p class="note" role="alert">
          {cellWords[language].lostHint}
        </p>
      )}
      {picture.note && (
        <p class="note" role="status">
          {say(`note.${picture.note.code}`, { kind: picture.note.kind ? say(`kind.${picture.note.kind}`) : "", text: picture.note.text ?? "" })}
          {!picture.open && picture.job.state !== DISPOSED && (
            <button class="button small" onClick={() => order("job", { id: picture.job.id })}>{say("again")}</button>
          )}
        </p>
      )}
      <Queue picture={picture} hidden={predict} say={say} />
      {verdict ? (
        <Verdict key={read} answer={verdict} title={titleOf(picture.last!.event, say)} onNext={asks ? next : null} say={say} />
      ) : (
        asks && <Question picture={picture} onGuess={(guess) => order("step", { guess })} say={say} />
      )}
      <section class="now" aria-label={say("now")} hidden={!picture.last && !picture.paused}>
        <h3>{say("now")}</h3>
        {picture.last ? <Last taken={picture.last} say={say} /> : <p class="empty">{say("nowNone")}</p>}
        {!picture.last && picture.held && <p class="waits">{say("heldNow", { hook: picture.held.hook, name: nameOf(picture.held) })}</p>}
      </section>
      <Children picture={picture} say={say} />
    </div>
  );
}
