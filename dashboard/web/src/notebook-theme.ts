/** Whether the notebook around is light or dark. */
import type { Theme } from "./view/header";

/** JupyterLab and VS Code say it on the body, Colab on the document; else it is as the system is. */
export function notebookTheme(): Theme {
  const { body, documentElement } = document;
  const jupyter = body.dataset["jpThemeLight"];
  if (jupyter) return jupyter === "true" ? "light" : "dark";
  const kind = body.dataset["vscodeThemeKind"] ?? "";
  if (kind) return /light/.test(kind) ? "light" : "dark";
  return documentElement.getAttribute("theme") === "dark" ? "dark" : "auto";
}

/** Hear when it changes; the answer ends it. */
export function watchTheme(hear: (theme: Theme) => void): () => void {
  const watch = new MutationObserver(() => hear(notebookTheme()));
  for (const element of [document.body, document.documentElement]) {
    watch.observe(element, { attributeFilter: ["data-jp-theme-light", "data-vscode-theme-kind", "theme"] });
  }
  return () => watch.disconnect();
}
