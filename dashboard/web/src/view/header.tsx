/** The head of the page: which program this is, whether it is live, and how the page looks. */
import { uptime } from "../format";
import { tagOf, type Language } from "../i18n";
import type { Key } from "../words.en";
import { useStore, useTick, useView } from "./context";
import { Icon } from "./icons";

export type Theme = "auto" | "light" | "dark";
export type Tab = "tree" | "history" | "sessions";
const TABS: Tab[] = ["tree", "history", "sessions"];
const NEXT: Record<Theme, Theme> = { auto: "light", light: "dark", dark: "auto" };
const SIGN: Record<Theme, string> = { auto: "auto", light: "sun", dark: "moon" };

interface Props {
  tab: Tab;
  theme: Theme;
  onTab(tab: Tab): void;
  onTheme(theme: Theme): void;
  onLanguage(language: Language): void;
}

export function Header({ tab, theme, onTab, onTheme, onLanguage }: Props) {
  const { store, speech } = useView();
  const { t, language } = speech;
  useStore(store);
  useTick();
  const { session } = store;
  const other = language === "zh" ? "en" : "zh";
  const started = session ? Date.parse(session.startedAt) : NaN;
  return (
    <header class="head">
      <div class="brand">
        <svg class="logo" width="26" height="26" viewBox="0 0 26 26" aria-hidden="true">
          <path d="M7 5v12.5a3 3 0 0 0 3 3h4.5M7 11h7.5" fill="none" stroke="currentColor" stroke-width="2" stroke-linecap="round" />
          <circle cx="7" cy="5" r="3" fill="currentColor" />
          <circle cx="18" cy="11" r="3.6" class="logo-a" />
          <circle cx="18" cy="20.5" r="3.6" class="logo-b" />
          <path d="M17.2 9.4v3.2l2.4-1.6zM16.9 19.4h2.2v2.2h-2.2z" class="logo-c" />
        </svg>
        <h1>{session?.program ?? "gotask"}</h1>
        {session && (
          <p class="facts">
            <span>PID {session.pid}</span>
            {!Number.isNaN(started) && <span class="tabular">{t("head.uptime", { time: uptime((store.now - started) / 1000) })}</span>}
            <span class="wide">{session.host}</span>
            <span class="wide">Python {session.python}</span>
          </p>
        )}
        {session?.readOnly && (
          <span class="badge">
            <Icon name="lock" size={13} /> {t("head.readOnly")}
          </span>
        )}
      </div>
      <nav class="tabs" aria-label={t("app.views")}>
        {TABS.map((one) => (
          <button key={one} class="tab" aria-current={one === tab ? "page" : undefined} onClick={() => onTab(one)}>
            {t(`app.${one}`)}
          </button>
        ))}
      </nav>
      <div class="tools">
        {store.link !== "unauthorised" && <LiveDot />}
        {store.link !== "unauthorised" && <button
          class="tool"
          aria-pressed={store.paused}
          title={t(store.paused ? "head.resume" : "head.pause")}
          aria-label={t(store.paused ? "head.resume" : "head.pause")}
          onClick={() => store.pause(!store.paused)}
        >
          <Icon name={store.paused ? "play" : "pause"} />
        </button>}
        <button
          class="tool"
          title={t("head.theme", { name: t(`theme.${theme}`) })}
          aria-label={t("head.theme", { name: t(`theme.${theme}`) })}
          onClick={() => onTheme(NEXT[theme])}
        >
          <Icon name={SIGN[theme]} />
        </button>
        <button
          class="tool words"
          lang={tagOf(other)}
          title={t("head.languageTitle")}
          onClick={() => onLanguage(other)}
        >
          {t("head.language")}
        </button>
      </div>
    </header>
  );
}

function LiveDot() {
  const { store, speech } = useView();
  const kind = store.paused ? "paused" : store.link === "live" ? "live" : store.link === "connecting" ? "connecting" : "offline";
  return (
    <span class={`live live-${kind}`} role="status">
      <span class="dot" />
      {speech.t(`head.${kind}` as Key)}
    </span>
  );
}
