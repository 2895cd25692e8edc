/** What a JSON Schema says about one argument: its kind, unit, bounds and default in words. */
import { count, t } from "@shell/i18n";
import type { Schema } from "./model";
import { shown } from "./words";

export type FieldKind =
  | "choice"
  | "boolean"
  | "integer"
  | "number"
  | "text"
  | "choices"
  | "texts"
  | "group"
  | "secret"
  | "json";

export function resolved(schema: Schema, root: Schema): Schema {
  const name = schema.$ref?.split("/").at(-1);
  const found = name ? root.$defs?.[name] : undefined;
  if (!found) return schema;
  const { $ref: _, ...own } = schema;
  return { ...found, ...own };
}

/** "A number, or nothing" is a number that need not be set. */
function plain(schema: Schema, root: Schema): Schema {
  const { anyOf, ...own } = resolved(schema, root);
  const some = (anyOf ?? []).filter((part) => part.type !== "null");
  const [only] = some;
  if (!anyOf) return own;
  return only && some.length === 1 ? { ...resolved(only, root), ...own } : { ...own, anyOf };
}

export function properties(schema: Schema, root: Schema): [string, Schema][] {
  return Object.entries(resolved(schema, root).properties ?? {}).map(([name, part]) => [
    name,
    plain(part, root),
  ]);
}

export function kindOf(schema: Schema, root: Schema): FieldKind {
  if (schema.enum) return "choice";
  if (schema.type === "boolean") return "boolean";
  if (schema.type === "integer" || schema.type === "number") return schema.type;
  if (schema.type === "string") return "text";
  if (schema.type === "array" && schema.items) {
    const items = resolved(schema.items, root);
    if (items.enum) return "choices";
    if (items.type === "string") return "texts";
  }
  if (schema.anyOf?.some((part) => resolved(part, root).properties?.secretRef)) return "secret";
  if (schema.type === "object" && Object.keys(schema.properties ?? {}).length > 0) return "group";
  return "json";
}

/** The unit, where name or description tell it. */
export function unitOf(name: string, schema: Schema): string {
  if (/Seconds$/.test(name)) return "s";
  if (/Milliseconds$|Millis$/.test(name)) return "ms";
  if (/Bytes$/.test(name)) return "B";
  if (/Percent(age)?$/.test(name) || /^Percent\b/.test(schema.description ?? "")) return "%";
  return /[tT]hreshold$/.test(name) && schema.maximum === 100 ? "%" : "";
}

const ANY = 2 ** 53;

/** 0 – 100; > 0, ≤ 1,000; empty where anything goes. */
export function boundsOf({ minimum, maximum, exclusiveMinimum, exclusiveMaximum, items }: Schema): string {
  const low = minimum !== undefined && minimum > -ANY ? minimum : undefined;
  const high = maximum !== undefined && maximum < ANY ? maximum : undefined;
  if (low !== undefined && high !== undefined) return `${count(low)} – ${count(high)}`;
  return [
    low === undefined ? "" : `≥ ${count(low)}`,
    exclusiveMinimum === undefined ? "" : `> ${count(exclusiveMinimum)}`,
    high === undefined ? "" : `≤ ${count(high)}`,
    exclusiveMaximum === undefined ? "" : `< ${count(exclusiveMaximum)}`,
    items?.minimum === undefined ? "" : `≥ ${count(items.minimum)}`,
  ]
    .filter(Boolean)
    .join(", ");
}

/** Why a typed text is no such number; empty: it is one. */
export function wrongNumber(text: string, schema: Schema): string {
  const value = Number(text);
  if (text.trim() === "" || !Number.isFinite(value)) return t("policy.wrong.number");
  if (schema.type === "integer" && !Number.isInteger(value)) return t("policy.wrong.integer");
  const outside =
    (schema.minimum !== undefined && value < schema.minimum) ||
    (schema.maximum !== undefined && value > schema.maximum) ||
    (schema.exclusiveMinimum !== undefined && value <= schema.exclusiveMinimum) ||
    (schema.exclusiveMaximum !== undefined && value >= schema.exclusiveMaximum);
  return outside ? t("policy.wrong.bounds", { bounds: boundsOf(schema) }) : "";
}

const REFERENCE = /^([a-z0-9][-a-z0-9.]*)\/([-._a-zA-Z0-9]+)$/;
/** What stands for a value that is not shown. */
const MASK = "********";

/** NAME/KEY of a Secret; a value itself is written in the YAML only, where it is seen what one does. */
export function readSecret(text: string): { value: unknown; wrong: string } {
  const [, name, key] = REFERENCE.exec(text) ?? [];
  if (name && key) return { value: { secretRef: { name, key } }, wrong: "" };
  return { value: text, wrong: text === MASK ? "" : t("policy.wrong.secret") };
}

export function secretText(value: unknown): string {
  const { secretRef } = (value ?? {}) as { secretRef?: { name?: string; key?: string } };
  return secretRef ? `${secretRef.name}/${secretRef.key}` : shown(value);
}

export function wrongText(text: string, schema: Schema): string {
  if (schema.pattern && !new RegExp(schema.pattern).test(text))
    return t("policy.wrong.pattern", {
      title: schema.title ?? schema.pattern,
      example: shown(schema.examples?.[0]),
    });
  return "";
}
