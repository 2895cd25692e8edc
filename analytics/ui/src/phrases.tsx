/** Sentences that the API says in English, in the reader's language: by the phrase that it names, and its values.
 *
 * They are loaded for those who read another language only, and stand in English until then. */
import { effect, signal } from "@preact/signals";
import { count, duration, figures, language, percent, toSecond } from "./i18n";

export interface Said {
  /** Empty or absent: nobody but the API has words for it. */
  phrase?: string;
  values?: Record<string, string | number | null>;
}

const phrases = signal<Record<string, string>>({});

effect(() => {
  if (language.value === "zh" && !phrases.peek()["measure.latency"])
    import("../phrases/zh.json").then(
      (read) => {
        phrases.value = read.default;
      },
      () => {}, // they stay in English
    );
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
