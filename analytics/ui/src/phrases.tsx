/** Sentences that the API says in English, in the reader's language: by the phrase that it names and its values, or,
 * where it names none, by the English itself, with `{name}` for what differs from one to the next.
 *
 * They are loaded for those who read another language only, and stand in English until then. */
import { computed, effect, signal } from "@preact/signals";
import { count, duration, figures, language, percent, toSecond } from "./i18n";

export interface Said {
  /** Empty or absent: nobody but the API has words for it. */
  phrase?: string;
  values?: Record<string, string | number | null>;
}

type Load = () => Promise<{ default: Record<string, string> }>;

const phrases = signal<Record<string, string>>({});
const wanted = signal<Load[]>([]);
const begun = new Set<Load>();
const kept = new Map<string, string | undefined>();

/** Phrases that a page says; nobody loads those of the other pages. */
export function learnPhrases(...loads: Load[]): void {
  wanted.value = [...new Set([...wanted.peek(), ...loads])];
}

/** Those that the programs name, what the extender says, and what plugins are. */
export const NAMED: Load = () => import("../phrases/zh.json");
export const SAYS: Load = () => import("../phrases/says");
export const ABOUT: Load = () => import("../phrases/about");

effect(() => {
  if (language.value !== "zh") return;
  for (const load of wanted.value) {
    if (begun.has(load)) continue;
    begun.add(load);
    load().then(
      (read) => {
        kept.clear();
        phrases.value = { ...phrases.peek(), ...read.default };
      },
      () => begun.delete(load), // they stay in English
    );
  }
});

type Value = string | number | null | undefined;

/** `+31%`, or from what to what where a share says nothing. */
function change(share: Value, values: NonNullable<Said["values"]>): string {
  if (typeof share !== "number" || Math.abs(share) >= 10)
    return `${figures(Number(values.before))} → ${figures(Number(values.after))}`;
  return `${share < 0 ? "−" : "+"}${percent(Math.abs(share))}`;
}

/** A measure's value in its own unit. */
function inUnit(value: number, unit: Value): string {
  if (unit === "ms") return duration(value);
  return unit === "ratio" ? percent(value) : `${figures(value)} ${unit}`;
}

function told(form: string, value: Value, values: NonNullable<Said["values"]>): string {
  if (form === "change") return change(value, values);
  if (form === "measure") return phrases.value[`measure.${value}`] ?? String(value);
  if (form === "time") return toSecond(String(value));
  if (form === "said") return said(String(value));
  if (typeof value !== "number") return value ?? "–";
  if (form === "percent") return percent(value);
  if (form === "ms") return duration(value);
  if (form === "s") return duration(1000 * (value < 1 ? value : Number(value.toPrecision(3))));
  if (form === "days") return figures(value);
  return form === "in" ? inUnit(value, values.unit) : count(value);
}

/** One sentence: `part` of its phrase where there is one in the reader's language, else as the API said it. */
export function Sentence({ said, part, english }: { said: Said; part: string; english: string }) {
  const phrase = language.value === "zh" && said.phrase ? phrases.value[`${said.phrase}.${part}`] : undefined;
  if (phrase === undefined) return <span lang="en">{english}</span>;
  const values = said.values ?? {};
  return (
    <span>
      {phrase.replace(/\{(\w+)(?::(\w+))?\}/g, (_whole, name: string, form = "") =>
        told(form, values[name], values),
      )}
    </span>
  );
}

interface Form {
  strict: RegExp;
  loose: RegExp;
  names: string[];
  phrase: string;
}

const PLACE = /\{([\w.]+)\}/g;
const MOST_KEPT = 2000;
const LONGEST = 2000;
/** What stands in a place is rarely a list or a sentence of its own. */
const NAME = "((?:(?![:;,] ).)+?)";
const ANYTHING = "(.+?)";

/** Phrases with places in their English, those that say most without them first. */
const forms = computed<Form[]>(() =>
  Object.entries(phrases.value)
    .filter(([english]) => english.search(PLACE) >= 0)
    .sort(([a], [b]) => b.replace(PLACE, "").length - a.replace(PLACE, "").length)
    .map(([english, phrase]) => ({
      strict: patternOf(english, phrase, NAME),
      loose: patternOf(english, phrase, ANYTHING),
      names: namesOf(english),
      phrase,
    })),
);

function namesOf(english: string): string[] {
  return [...english.matchAll(PLACE)].map((place) => place[1] ?? "");
}

/** Where something is said in a place, it may be anything. */
function patternOf(english: string, phrase: string, place: string): RegExp {
  const parts = english.split(PLACE).map((part, at) => {
    if (at % 2 === 0) return part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
    return phrase.includes(`{${part}:`) ? ANYTHING : place;
  });
  return new RegExp(`^${parts.join("")}$`, "s");
}

/** What the API said in English, in the reader's language; as it is where nobody has put it in words. */
export function said(english: string): string {
  return (language.value === "zh" ? translated(english) : undefined) ?? english;
}

function translated(english: string): string | undefined {
  const exact = phrases.value[english];
  if (exact !== undefined) return exact;
  if (kept.has(english)) return kept.get(english);
  const found = shortened(english) ?? formed(english);
  if (kept.size >= MOST_KEPT) kept.clear();
  kept.set(english, found);
  return found;
}

function formed(english: string): string | undefined {
  if (english.length > LONGEST) return undefined;
  for (const how of ["strict", "loose"] as const) {
    for (const form of forms.value) {
      const values = form[how].exec(english)?.slice(1);
      if (values) return filled(form, values);
    }
  }
  return undefined;
}

function filled({ names, phrase }: Form, values: string[]): string {
  return phrase.replace(/\{([\w.]+)(?::(\w+))?\}/g, (_whole, name: string, form = "") => {
    const value = values[names.indexOf(name)] ?? "";
    if (form === "said") return said(value);
    return form === "each" ? each(value) : value;
  });
}

/** A list of what is said; one of it may have a comma in it. */
function each(list: string): string {
  const parts = list.split("; ").flatMap((whole) => {
    const parts = whole.split(", ");
    return parts.every(known) || !known(whole) ? parts : [whole];
  });
  return parts
    .map((part) => part.replace(COUNTED, (_part, n = "", what) => (n && `${n} × `) + said(what)))
    .join("；");
}

/** `3 Insufficient cpu`: how many, and what. */
const COUNTED = /^(?:(\d+) )?(.+)$/s;

function known(part: string): boolean {
  const what = COUNTED.exec(part)?.[2] ?? part;
  return what in phrases.value || forms.value.some((form) => form.strict.test(what));
}

/** Labels of charts are cut in the middle. */
function shortened(english: string): string | undefined {
  const [head, tail] = english.split("…");
  if (!head || !tail) return undefined;
  const whole = Object.keys(phrases.value).find(
    (one) => one.length > english.length && one.startsWith(head) && one.endsWith(tail),
  );
  return whole && phrases.value[whole];
}

/** A Chinese sentence of the API that ends with what somebody said in English. */
export function quoting(sentence: string): string {
  return sentence.replace(/(?<=[（：])[ -~]+(?=[）。]*$)/, (english) => said(english));
}

/** What the API said, on a page: with the English, which stands in logs and events, for whoever points at it. */
export function Phrase({ text }: { text: string }) {
  const words = said(text);
  return words === text ? <span lang="en">{text}</span> : <span title={text}>{words}</span>;
}
