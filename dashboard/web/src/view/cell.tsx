/** A cell of a notebook: the view that its widget names, with the details of what is chosen beside it. */
import { useEffect, useState } from "preact/hooks";
import { tagOf } from "../i18n";
import { notebookTheme, watchTheme } from "../notebook-theme";
import type { Group } from "../states";
import { traitOf, type Model } from "../widget";
import { cellWords } from "../words.cell";
import type { Key } from "../words.en";
import { useView } from "./context";
import { Details } from "./details";
import { useCounts, useFilter, type Filter } from "./forest";
import { GroupIcon, Icon } from "./icons";
import { Shell, type HostProps } from "./shell";
import { VIEWS } from "./views";

/** The views of a tree, which a reader may exchange for one another. */
const LAYOUTS = ["tree", "diagram", "timeline"] as const;
const GROUPS: Group[] = ["running", "waiting", "stopping", "retrying", "failed", "stopped"];

/** A trait of the widget, from both sides. */
export function useTrait<T>(model: Model, name: string): [T, (value: T) => void] {
  const [value, setValue] = useState(() => traitOf<T>(model, name));
  useEffect(() => {
    const hear = () => setValue(traitOf<T>(model, name));
    model.on(`change:${name}`, hear);
    hear(); // what came in between
    return () => model.off(`change:${name}`, hear);
  }, [model, name]);
  const change = (next: T) => {
    model.set(name, next);
    model.save_changes();
    setValue(next);
  };
  return [value, change];
}

/** A fact that somebody else tells. */
export function useHeard<T>(first: () => T, hear: (set: (value: T) => void) => () => void): T {
  const [value, setValue] = useState(first);
  useEffect(() => hear(setValue), []);
  return value;
}

interface Props extends HostProps {
  model: Model;
  onBusy(hear: (busy: boolean) => void): () => void;
}

export function Cell({ model, onBusy, ...props }: Props) {
  const [name, setName] = useTrait<string>(model, "view");
  const [height] = useTrait<number>(model, "height");
  const [selected, select] = useTrait<number | null>(model, "selected");
  const theme = useHeard(notebookTheme, watchTheme);
  const busy = useHeard(() => false, onBusy);
  const { host, store } = props;
  useEffect(() => {
    host.style.height = `${height}px`;
  }, [height]);
  const languages = [document.documentElement.lang, ...navigator.languages].filter((one) => one.startsWith("zh")).concat(navigator.languages);
  return (
    <Shell {...props} theme={theme} languages={languages} narrowBelow={0} onSelect={select}>
      {({ onLanguage }) => <Inside {...{ model, name, selected, busy, onLanguage }} ended={store.over && store.link === "down"} onName={setName} onSelect={select} />}
    </Shell>
  );
}

interface InsideProps {
  model: Model;
  name: string;
  selected: number | null;
  busy: boolean;
  ended: boolean;
  onName(name: string): void;
  onSelect(id: number | null): void;
  onLanguage(language: "en" | "zh"): void;
}

function Inside({ model, name, selected, busy, ended, onName, onSelect, onLanguage }: InsideProps) {
  const { speech } = useView();
  const filter = useFilter();
  const words = cellWords[speech.language];
  const View = VIEWS[name];
  const back = () => onSelect(null);
  const other = speech.language === "zh" ? "en" : "zh";
  return (
    <>
      <div class="cell-bar">
        <Layouts name={name} onName={onName} />
        <Chips filter={filter} />
        <span class="spring" />
        <Search filter={filter} />
        <Link busy={busy} ended={ended} />
        <button class="tool words" lang={tagOf(other)} title={speech.t("head.languageTitle")} onClick={() => onLanguage(other)}>
          {speech.language === "zh" ? "EN" : "中"}
        </button>
      </div>
      <div class={`tree view-${name} ${selected === null ? "" : "opened"} ${ended ? "over" : ""}`}>
        <div class="forest">{View && <View {...{ model, selected, filter, ended, onSelect }} />}</div>
        {selected !== null && (
          <aside class="side" onKeyDown={(event) => event.key === "Escape" && back()}>
            <button class="tool shut" title={words.close} aria-label={words.close} onClick={back}>
              <Icon name="close" />
            </button>
            <Details key={selected} id={selected} onClose={back} />
          </aside>
        )}
      </div>
    </>
  );
}

function Layouts({ name, onName }: { name: string; onName(name: string): void }) {
  const words = cellWords[useView().speech.language];
  const there = LAYOUTS.filter((one) => one in VIEWS);
  if (there.length < 2 || !there.some((one) => one === name)) return null;
  return (
    <div class="layouts" role="group" aria-label={words.views}>
      {there.map((one) => (
        <button key={one} class="layout" aria-pressed={one === name} onClick={() => onName(one)}>
          {words[one]}
        </button>
      ))}
    </div>
  );
}

/** How many tasks are how: each one filters. */
function Chips({ filter: { group, setGroup } }: { filter: Filter }) {
  const { t, number } = useView().speech;
  const counts = useCounts();
  return (
    <div class="chips" role="group" aria-label={t("count.strip")}>
      {GROUPS.filter((one) => counts[one] || one === group).map((one) => (
        <button
          key={one}
          class={`chip g-${one}`}
          aria-pressed={group === one}
          aria-label={`${number(counts[one])} ${t(`count.${one}` as Key)}`}
          title={t(`count.${one}` as Key)}
          onClick={() => setGroup(group === one ? null : one)}
        >
          <GroupIcon group={one} />
          <span class="tabular">{number(counts[one])}</span>{" "}
          <span class="word">{t(`count.${one}` as Key)}</span>
        </button>
      ))}
    </div>
  );
}

function Search({ filter: { text, setText, clear } }: { filter: Filter }) {
  const { speech } = useView();
  return (
    <label class="search">
      <Icon name="search" />
      <input
        type="search"
        value={text}
        placeholder={cellWords[speech.language].filter}
        aria-label={speech.t("tree.filter")}
        onInput={(event) => setText(event.currentTarget.value)}
        onKeyDown={(event) => event.key === "Escape" && clear()}
      />
    </label>
  );
}

/** Whether what is shown is so now. */
function Link({ busy, ended }: { busy: boolean; ended: boolean }) {
  const { store, speech } = useView();
  const words = cellWords[speech.language];
  const [kind, text, hint] =
    ended ? (["ended", words.ended, words.endedHint] as const)
    : store.link === "down" ? (["offline", words.lost, words.lostHint] as const)
    : busy ? (["paused", words.busy, words.busyHint] as const)
    : (["live", words.live, undefined] as const);
  return (
    <>
      {store.session?.readOnly && (
        <span class="badge">
          <Icon name="lock" size={13} /> {speech.t("head.readOnly")}
        </span>
      )}
      <span class={`live live-${kind}`} role="status" title={hint}>
        <span class="dot" />
        <span class="word">{text}</span>
      </span>
    </>
  );
}
