/** What the kernel says of a stepper, and how it is read. */
import { phrases, tagOf, type Language } from "./i18n";
import { en } from "./stepper-words.en";
import { zh } from "./stepper-words.zh";

export interface Named {
  id: number;
  name: string;
}

export interface Living extends Named {
  state: number;
}

export interface Queued extends Named {
  kind: string;
  plan: string[];
  function?: string;
  caller?: string;
}

export interface Hold extends Named {
  hook: string;
}

export interface Taken {
  number: number;
  event: Queued;
  walks: (Named & { states: number[] })[];
  waits: Hold | null;
}

export interface Answer {
  number: number;
  family: string;
  guess: string;
  came: string;
}

export interface Picture {
  job: Living;
  jobs: (Named & { level: number })[];
  open: boolean;
  paused: boolean;
  queue: Queued[];
  queued: number;
  question: { family: string; choices: string[] } | null;
  children: Living[];
  size: number;
  held: Hold | null;
  last: Taken | null;
  busy: string | null;
  note: { code: string; kind?: string; text?: string } | null;
  answer: Answer | null;
}

export const KINDS = ["start", "tick", "dispose", "call"] as const;

export type Say = (key: string, values?: Record<string, string | number>) => string;

/** How this language says things; a key that it does not know is said as it is. */
export function sayIn(language: Language): Say {
  const words: Record<string, string> = language === "zh" ? zh : en;
  const say = phrases(words, tagOf(language));
  return (key, values) => (key in words ? say(key, values) : key);
}

export const nameOf = (task: Named) => `${task.name}#${task.id}`;

/** An event in a few words: "start Reader#3". */
export function titleOf(event: Queued, say: Say): string {
  if (event.kind === "call") return say("call", { caller: event.caller ?? "main" });
  return `${say(`kind.${event.kind}`)} ${nameOf(event)}`;
}

/** What an event will do, one thing after another. */
export const planOf = (event: Queued, say: Say) => event.plan.map((key) => say(`plan.${key}`, { function: event.function ?? "" }));

export const guessText = (family: string, code: string, say: Say) => say(`guess.${family}.${code}`);

/** What came of a prediction: whether it was right, the outcome in words, and the rule that says so. */
export function verdictOf(answer: Answer, say: Say) {
  return {
    right: answer.guess === answer.came,
    guess: guessText(answer.family, answer.guess, say),
    came: guessText(answer.family, answer.came, say),
    why: say(`why.${answer.family}.${answer.came}`),
  };
}

/** What may be pressed now. */
export function allowed(picture: Picture) {
  const ready = picture.open && picture.paused && picture.busy === null;
  return { step: ready && picture.queued > 0, run: ready && picture.queued > 0, toggle: picture.open };
}

/** The ids of the tasks that the last step changed. */
export const changedBy = (taken: Taken | null) => new Set(taken?.walks.map((walk) => walk.id) ?? []);
