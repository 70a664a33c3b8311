/** What every host of the view needs of its browser. */
import type { Memory } from "./view/shell";

const PREFIX = "gotask.";

/** What the reader chose, kept by the browser where it lets us. */
export const memory: Memory = {
  get(name) {
    try {
      return localStorage.getItem(PREFIX + name);
    } catch {
      return null;
    }
  },
  set(name, value) {
    try {
      localStorage.setItem(PREFIX + name, value);
    } catch {
      // Not kept then.
    }
  },
};

export function sheet(text: string): CSSStyleSheet {
  const made = new CSSStyleSheet();
  made.replaceSync(text);
  return made;
}
