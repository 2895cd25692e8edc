import { effect } from "@preact/signals";
import en from "../locales/en.json";
import zh from "../locales/zh.json";
import { stored } from "./storage";

export type Language = "en" | "zh";
type Words = Record<keyof typeof en, string>;

/** What there are words for: the shell's own and, by merging, those of each view. */
export interface Catalogue extends Words {}
export type Key = keyof Catalogue;

const catalogues: Record<Language, Record<string, string>> = { en, zh };

/** Adds the words of a view, which come with the view's code: nobody loads those of the other pages. */
export function learn(words: Record<Language, Record<string, string>>): void {
  Object.assign(catalogues.en, words.en);
  Object.assign(catalogues.zh, words.zh);
}

export const language = stored<Language>(
  "trimtab.language",
  ["en", "zh"],
  navigator.languages.some((name) => name.toLowerCase().startsWith("zh")) ? "zh" : "en",
);

effect(() => {
  document.documentElement.lang = language.value === "zh" ? "zh-CN" : "en";
});

/** The text of a key in the chosen language, with `{name}` filled in. */
export function t(key: Key, values: Record<string, string | number> = {}): string {
  const text = catalogues[language.value][key] ?? key;
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => {
    const value = values[name];
    return value === undefined ? whole : typeof value === "number" ? count(value) : value;
  });
}

/** The same where the catalogue may have no words for it: what a newer program names, say. */
export function worded(key: string, otherwise: string, values?: Record<string, string | number>): string {
  return key in catalogues[language.value] ? t(key as Key, values) : otherwise;
}

const locale = () => (language.value === "zh" ? "zh-CN" : "en-GB");

export function count(value: number): string {
  return new Intl.NumberFormat(locale()).format(value);
}

/** Three significant figures, and all of a whole number. */
export function figures(value: number): string {
  return count(Math.abs(value) >= 100 ? Math.round(value) : Number(value.toPrecision(3)));
}

export function percent(ratio: number): string {
  return new Intl.NumberFormat(locale(), { style: "percent", maximumFractionDigits: 1 }).format(ratio);
}

/** Milliseconds with three significant figures: 0.42, 8.13, 135. */
export function milliseconds(value: number): string {
  if (value === 0) return "0 ms";
  if (value > 0 && value < 0.0005) return "< 0.001 ms";
  const digits = value >= 100 ? 0 : value >= 10 ? 1 : value >= 1 ? 2 : 3;
  return `${new Intl.NumberFormat(locale(), { minimumFractionDigits: digits, maximumFractionDigits: digits }).format(value)} ms`;
}

/** Milliseconds as seconds with one digit: 2.5 s, 31.0 s; below one second as they are. */
export function seconds(value: number): string {
  if (value < 1000) return milliseconds(value);
  return `${new Intl.NumberFormat(locale(), { minimumFractionDigits: 1, maximumFractionDigits: 1 }).format(value / 1000)} s`;
}

/** In the unit that suits it, with three significant figures: 250 ms, 1.5 s, 2 min, 3.2 h. */
export function duration(ms: number): string {
  const size = Math.abs(ms);
  if (size < 1000) return milliseconds(ms);
  if (size < 120_000) return `${figures(ms / 1000)} s`;
  if (size < 7_200_000) return `${figures(ms / 60_000)} min`;
  return `${figures(ms / 3_600_000)} h`;
}

/** Time of day; with the date when it is not today. */
export function moment(iso: string, now = new Date()): string {
  const at = new Date(iso);
  const time = new Intl.DateTimeFormat(locale(), {
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
    fractionalSecondDigits: 3,
    hourCycle: "h23",
  }).format(at);
  if (at.toDateString() === now.toDateString()) return time;
  return `${new Intl.DateTimeFormat(locale(), { month: "short", day: "numeric" }).format(at)} ${time}`;
}

/** A sentence with its times as people read them. */
export function withTimes(sentence: string): string {
  return sentence.replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, (iso) => toSecond(iso));
}

export function toSecond(iso: string): string {
  return moment(iso).replace(/[.,]\d{3}$/, "");
}
