/** What every host of the view has around it: language, theme, what is chosen, questions and what came of them. */
import type { ComponentChildren } from "preact";
import { useEffect, useLayoutEffect, useMemo, useState } from "preact/hooks";
import { nameOf } from "../format";
import { preferredLanguage, speech as speechOf, type Language } from "../i18n";
import { DISPOSED } from "../states";
import type { Store } from "../store";
import { descendants } from "../tree";
import type { Problem, Row } from "../types";
import { useStore, ViewContext, type View } from "./context";
import { Dialog, type Question } from "./dialog";
import type { Theme } from "./header";

export interface Memory {
  get(name: string): string | null;
  set(name: string, value: string): void;
}

export interface HostProps {
  store: Store;
  memory: Memory;
  host: HTMLElement;
  onLanguage?(tag: string): void;
}

/** What the shell gives to what is inside. */
export interface Inside {
  theme: Theme;
  narrow: boolean;
  onTheme(theme: Theme): void;
  onLanguage(language: Language): void;
  onStopMany(filter: unknown): void;
}

interface Props extends HostProps {
  /** What the host has, where it has one. */
  theme?: Theme;
  languages?: readonly string[];
  /** Below so many pixels it is laid out as for a phone. */
  narrowBelow?: number;
  onSelect(id: number | null): void;
  children(inside: Inside): ComponentChildren;
}

function useNarrow(host: HTMLElement, below: number): boolean {
  const [narrow, setNarrow] = useState(host.clientWidth < below);
  useEffect(() => {
    const watch = new ResizeObserver(() => setNarrow(host.clientWidth < below));
    watch.observe(host);
    return () => watch.disconnect();
  }, [host]);
  return narrow;
}

export function Shell({ store, memory, host, theme: given, languages = navigator.languages, narrowBelow = 720, onLanguage, onSelect, children }: Props) {
  const [language, setLanguage] = useState<Language>(() => preferredLanguage(memory.get("language"), languages));
  const [chosen, setTheme] = useState<Theme>(() => (memory.get("theme") as Theme | null) ?? "auto");
  const [question, setQuestion] = useState<Question | null>(null);
  const [said, setSaid] = useState<{ text: string; failed: boolean } | null>(null);
  const speech = useMemo(() => speechOf(language), [language]);
  const theme = given ?? chosen;
  const narrow = useNarrow(host, narrowBelow);
  useStore(store);

  // Before it is painted, so that nothing is seen in the colours of another theme.
  useLayoutEffect(() => {
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
  const command = (kind: "stop" | "restart" | "start", row: Row, body = {}) =>
    void send(`/api/tasks/${row.id}/${kind}`, body, speech.t(`said.${kind}`, { name: nameOf(row) }));
  const view: View = {
    store,
    speech,
    select: onSelect,
    say,
    askStop(row: Row) {
      if (store.session?.readOnly || row.state === DISPOSED || row.askedAt) return;
      setQuestion({ kind: "stop", row, count: descendants(store.rows, row.id) });
    },
    askRestart(row: Row) {
      const count = descendants(store.rows, row.id);
      if (count) setQuestion({ kind: "restart", row, count });
      else command("restart", row);
    },
    command,
  };
  const answer = (reason: string | null) => {
    const asked = question!;
    setQuestion(null);
    // Back to where the keyboard was; not before the dialog is gone, which keeps the focus to itself.
    setTimeout(() => host.shadowRoot?.querySelector<HTMLElement>("[role=treegrid], [role=tree], [role=listbox]")?.focus({ preventScroll: true }));
    if (reason === null) return;
    const body = reason ? { reason } : {};
    if (asked.kind !== "many") command(asked.kind, asked.row, body);
    else void send("/api/tasks/stop", { filter: asked.filter, ...body, dryRun: false }, speech.t("said.many", { n: asked.count }));
  };
  const onStopMany = async (filter: unknown) => {
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
        {children({
          theme,
          narrow,
          onStopMany,
          onTheme: keep<Theme>("theme", setTheme),
          onLanguage: keep<Language>("language", setLanguage),
        })}
        {question && <Dialog question={question} onAnswer={answer} />}
        <div class={`said ${said ? "shown" : ""} ${said?.failed ? "bad" : ""}`} role="status">
          {said?.text}
        </div>
      </div>
    </ViewContext.Provider>
  );
}
