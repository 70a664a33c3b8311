/** What the page shows when there is no tree to show, and the bars that say that something is not as it should be. */
import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { duration, uptime } from "../format";
import { Problem } from "../types";
import { useStore, useTick, useView } from "./context";
import { Icon } from "./icons";

export function Blank({ kind, children }: { kind: "empty" | "filtered" | "loading" | "down"; children?: ComponentChildren }) {
  const { store, speech } = useView();
  const { t } = speech;
  useTick();
  const time = uptime((Date.now() - store.heard) / 1000);
  const sign = { empty: "logo", filtered: "filter", loading: "auto", down: "plug" }[kind];
  return (
    <div class={`blank blank-${kind}`}>
      <span class="sign">
        <Icon name={sign} size={34} />
      </span>
      <h2>{t(`${kind}.title`)}</h2>
      <p>{t(`${kind}.text`, { n: store.rows.size, time })}</p>
      {children}
    </div>
  );
}

/** Instead of a tree: it is not there yet, or the filter leaves nothing of it. */
export function NoTree({ clear }: { clear(): void }) {
  const { store, speech } = useView();
  if (!store.ready) return <Blank kind="loading" />;
  return (
    <Blank kind="filtered">
      <button class="button" onClick={clear}>
        {speech.t("tree.clear")}
      </button>
    </Blank>
  );
}

/** Only what needs saying; mostly nothing. */
export function Bars() {
  const { store, speech } = useView();
  const { t } = speech;
  useStore(store);
  useTick();
  const { status, link } = store;
  const blocked = status.loopBlockedFor;
  return (
    <div class="bars" role="status">
      {link === "down" && store.ready && (
        <p class="bar-line bad">
          <Icon name="plug" /> <strong>{t("down.title")}.</strong> {t("down.text", { time: uptime((Date.now() - store.heard) / 1000) })}
        </p>
      )}
      {link === "asleep" && <p class="bar-line">{t("asleep.text")}</p>}
      {blocked !== null && blocked !== undefined && link === "live" && (
        <p class="bar-line warn">
          <Icon name="warn" /> <strong>{t("blocked.text", { time: duration(blocked + (Date.now() - store.heard) / 1000) })}</strong>{" "}
          {status.loopBlockedAt && <code>{t("blocked.at", { place: status.loopBlockedAt })}</code>}
        </p>
      )}
      {status.dropped > 0 && (
        <p class="bar-line warn">
          <Icon name="warn" /> {t("dropped.text", { n: status.dropped })}
        </p>
      )}
      {store.restarted && (
        <p class="bar-line">
          <Icon name="restart" /> {t("restarted.text")}
          <button class="link" onClick={() => store.dismissRestarted()}>
            {t("restarted.close")}
          </button>
        </p>
      )}
    </div>
  );
}

export function TokenPage() {
  const { store, speech } = useView();
  const { t } = speech;
  const [token, setToken] = useState("");
  const [wrong, setWrong] = useState<"" | "token.wrong" | "token.wait" | "down.title">(store.transport.refused ? "token.wrong" : "");
  const submit = async (event: Event) => {
    event.preventDefault();
    const said = await store.transport.login!(token.trim()).then(
      (right) => (right ? "" : "token.wrong"),
      (error) => (error instanceof Problem ? "token.wait" : "down.title"),
    );
    setWrong(said);
    if (!said) store.connect();
  };
  return (
    <main class="token">
      <form onSubmit={submit}>
        <span class="sign">
          <Icon name="lock" size={30} />
        </span>
        <h2>{t("token.title")}</h2>
        <p>
          {store.session && t("token.again")} {t("token.text")}
        </p>
        <label>
          <span>{t("token.label")}</span>
          <input
            type="password"
            name="token"
            autocomplete="off"
            required
            value={token}
            aria-invalid={wrong !== ""}
            aria-describedby="token-wrong"
            onInput={(event) => setToken(event.currentTarget.value)}
          />
        </label>
        <p id="token-wrong" class="wrong" role="alert">
          {wrong && t(wrong)}
        </p>
        <button class="button primary" type="submit">
          {t("token.open")}
        </button>
      </form>
    </main>
  );
}
