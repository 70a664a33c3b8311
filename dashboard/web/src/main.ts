/** Where the view is put: into an element, or the page of its own. */
import { h, render as draw } from "preact";
import { httpTransport } from "./http";
import { Store } from "./store";
import { CSS, PAGE_CSS } from "./style";
import type { Transport } from "./types";
import { App } from "./view/app";
import { memory, sheet } from "./host";

/** Show the dashboard in this element; the answer takes it away again. */
export function mount(element: HTMLElement, transport: Transport, onLanguage?: (tag: string) => void): () => void {
  const root = element.shadowRoot ?? element.attachShadow({ mode: "open" });
  root.adoptedStyleSheets = [sheet(CSS)];
  const store = new Store(transport);
  draw(h(App, { store, memory, host: element, ...(onLanguage ? { onLanguage } : {}) }), root);
  return () => draw(null, root);
}

/** The page of its own: with the token of the address, if there is one, exchanged and erased first. */
export async function boot(): Promise<void> {
  document.adoptedStyleSheets = [sheet(PAGE_CSS)];
  const transport = httpTransport(new URL(".", document.baseURI).href);
  const enter = async () => {
    const token = new URLSearchParams(location.hash.slice(1)).get("token");
    if (!token) return false;
    history.replaceState(null, "", location.pathname + location.search);
    await transport.login!(token).catch(() => false);
    return true;
  };
  await enter();
  const element = document.createElement("div");
  element.className = "gotask";
  document.body.append(element);
  const show = () =>
    mount(element, transport, (tag) => {
      document.documentElement.lang = tag;
    });
  let leave = show();
  addEventListener("hashchange", async () => {
    if (!(await enter())) return;
    leave();
    leave = show();
  });
}
