/** The form of one plugin: when it counts, and its arguments. It edits the draft's text. */
import { t } from "@shell/i18n";
import { useState } from "preact/hooks";
import { argsPath, entriesOf, MULTI_POINT, namesOf, profilePath } from "./entries";
import { Field, Fields } from "./fields";
import type { CatalogueEntry, Schema } from "./model";
import type { Steering } from "./state";
import { at, type Op, type Path } from "./tree";

const DURATION = "^([0-9]+(\\.[0-9]+)?(us|ms|s|m|h))+$";
const MOMENT = "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\\.[0-9]+)?(Z|[+-][0-9]{2}:[0-9]{2})$";

/** The fields of an entry under `enabled`, as extender/policy/document.py has them. */
function entrySchema(): Schema {
  return {
    properties: {
      weight: {
        type: "integer",
        minimum: 1,
        maximum: 1_000_000,
        default: 1,
        description: t("policy.doc.weight"),
      },
      mode: { enum: ["enforce", "shadow"], default: "enforce", description: t("policy.doc.mode") },
      canary: {
        type: "object",
        description: t("policy.doc.canary"),
        properties: {
          percent: {
            type: "number",
            minimum: 0,
            maximum: 100,
            default: 100,
            description: t("policy.doc.percent"),
          },
          namespaces: { type: "array", items: { type: "string" }, description: t("policy.doc.namespaces") },
        },
      },
      from: {
        type: "string",
        pattern: MOMENT,
        title: t("policy.moment"),
        examples: ["2030-01-01T10:00:00Z"],
        description: t("policy.doc.from"),
      },
      until: {
        type: "string",
        pattern: MOMENT,
        title: t("policy.moment"),
        examples: ["2030-01-01T10:00:00Z"],
        description: t("policy.doc.until"),
      },
      deadline: {
        type: "string",
        pattern: DURATION,
        title: t("policy.duration"),
        examples: ["5ms"],
        description: t("policy.doc.deadline"),
      },
      onFailure: { enum: ["open", "closed"], default: "open", description: t("policy.doc.failure") },
    },
  };
}

interface FormProps {
  steering: Steering;
  about: CatalogueEntry;
  tree: unknown;
  form: string;
  edit: (ops: Op[]) => void;
}

export function ArgumentForm({ steering, about, tree, form, edit }: FormProps) {
  const names = namesOf(about.name, steering.catalogue);
  const { path, exists } = argsPath(tree, form, steering.profile, names);
  const args = exists ? at(tree, path) : undefined;
  const schema = about.argsSchema;
  const some = Object.keys(args ?? {}).length > 0 || hasFields(schema);
  const set = (below: Path, value?: unknown) => {
    if (exists) edit([{ path: [...path, ...below], value }]);
    else if (value !== undefined) edit([{ path, value: { name: about.name, args: nested(below, value) } }]);
  };
  return (
    <section aria-labelledby="args-title">
      <h3 id="args-title">{t("policy.args")}</h3>
      {some ? (
        <Fields schema={schema} root={schema} path={[]} args={args} defaults={about.defaults} set={set} />
      ) : (
        <p class="muted">{t("policy.args.none")}</p>
      )}
    </section>
  );
}

function hasFields(schema: Schema): boolean {
  const name = schema.$ref?.split("/").at(-1) ?? "";
  return Object.keys(schema.properties ?? schema.$defs?.[name]?.properties ?? {}).length > 0;
}

function nested(path: Path, value: unknown): unknown {
  return path.reduceRight<unknown>((inner, key) => ({ [key]: inner }), value);
}

export function EntryForm({ steering, about, tree, form, edit }: FormProps) {
  const [chosen, setChosen] = useState("");
  if (form === "flat") return <p class="muted">{t("policy.form.flat.advice")}</p>;
  const entries = entriesOf(tree, steering.profile, namesOf(about.name, steering.catalogue));
  const placed = entries.find((one) => one.phase === chosen) ?? entries[0];
  const schema = entrySchema();
  const list = [...profilePath(tree, steering.profile), "plugins", MULTI_POINT, "enabled"];
  const add = () => {
    const there = at(tree, list);
    edit([{ path: [...list, Array.isArray(there) ? there.length : 0], value: { name: about.name } }]);
  };
  return (
    <section aria-labelledby="entry-title">
      <h3 id="entry-title">{t("policy.counts")}</h3>
      {!placed ? (
        <div class="nothing">
          <p class="muted">{t("policy.counts.off")}</p>
          <button type="button" onClick={add}>
            {t("policy.counts.add")}
          </button>
        </div>
      ) : (
        <>
          {entries.length > 1 && (
            <label class="field">
              <span>{t("policy.counts.entry")}</span>
              <select value={placed.phase} onChange={(event) => setChosen(event.currentTarget.value)}>
                {entries.map((one) => (
                  <option key={one.phase} value={one.phase}>
                    {one.phase === MULTI_POINT ? t("policy.counts.all") : one.phase}
                  </option>
                ))}
              </select>
            </label>
          )}
          {entries.length === 1 && (
            <p class="muted small">
              {placed.phase === MULTI_POINT
                ? t("policy.counts.all")
                : t("policy.counts.in", { phase: placed.phase })}
            </p>
          )}
          {Object.entries(schema.properties ?? {}).map(([name, part]) => (
            <Field
              key={`${placed.phase}/${name}`}
              name={name}
              path={[name]}
              schema={part}
              root={schema}
              args={placed.entry}
              defaults={{}}
              set={(below, value) => edit(opsOf(tree, [...placed.path, ...below], below, placed.path, value))}
            />
          ))}
          <div class="buttons">
            <button
              type="button"
              onClick={() => edit([{ path: [...placed.path, "until"], value: later(1) }])}
            >
              {t("policy.until.hour")}
            </button>
            <button
              type="button"
              onClick={() => edit([{ path: [...placed.path, "until"], value: later(24) }])}
            >
              {t("policy.until.day")}
            </button>
          </div>
        </>
      )}
    </section>
  );
}

/** A canary of which nothing is left goes as a whole: an empty one would still read as one. */
function opsOf(tree: unknown, path: Path, below: Path, entry: Path, value: unknown): Op[] {
  const canary = at(tree, [...entry, "canary"]);
  const last = below[0] === "canary" && value === undefined && Object.keys(canary ?? {}).length <= 1;
  return last ? [{ path: [...entry, "canary"] }] : [{ path, value }];
}

function later(hours: number): string {
  return new Date(Date.now() + hours * 3_600_000).toISOString().replace(/\.\d+Z$/, "Z");
}
