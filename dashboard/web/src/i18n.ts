/** Words in the reader's language, plurals and dates by Intl. */
import { en, type Key } from "./words.en";
import { zh } from "./words.zh";

export type Language = "en" | "zh";
export type Words = Record<keyof typeof zh, string>;

const CATALOGUES: Record<Language, Words> = { en, zh };

export interface Speech {
  language: Language;
  tag: string;
  t(key: Key, values?: Record<string, string | number>): string;
  number(value: number): string;
  time(iso: string | null | undefined): string;
  moment(iso: string | null | undefined): string;
}

/** Sentences of a catalogue with their values filled in. A key with `n` among its values is looked up as `key.one` where that form exists. */
export function phrases<K extends string>(words: Record<K, string>, tag: string) {
  const plural = new Intl.PluralRules(tag);
  const numbers = new Intl.NumberFormat(tag);
  return (key: K, values: Record<string, string | number> = {}): string => {
    const n = values["n"];
    const one = typeof n === "number" && plural.select(n) === "one" ? words[`${key}.one` as K] : undefined;
    return (one ?? words[key]!).replace(/\{(\w+)\}/g, (_, name: string) => {
      const value = values[name];
      return typeof value === "number" ? numbers.format(value) : String(value ?? "");
    });
  };
}

/** The language, for `lang` and Intl. */
export const tagOf = (language: Language) => (language === "zh" ? "zh-CN" : "en-GB");

/** How this language says things. */
export function speech(language: Language): Speech {
  const tag = tagOf(language);
  const numbers = new Intl.NumberFormat(tag);
  const clock = new Intl.DateTimeFormat(tag, { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false });
  const full = new Intl.DateTimeFormat(tag, {
    year: "numeric",
    month: "short",
    day: "numeric",
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
    hour12: false,
  });
  const format = (how: Intl.DateTimeFormat) => (iso: string | null | undefined) => {
    const at = iso ? Date.parse(iso) : NaN;
    return Number.isNaN(at) ? "–" : how.format(at);
  };
  return { language, tag, t: phrases(CATALOGUES[language], tag), number: (value) => numbers.format(value), time: format(clock), moment: format(full) };
}

export function preferredLanguage(saved: string | null, browser: readonly string[]): Language {
  if (saved === "en" || saved === "zh") return saved;
  return browser[0]?.toLowerCase().startsWith("zh") ? "zh" : "en";
}
