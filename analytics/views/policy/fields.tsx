/** Form fields made from a JSON Schema: kind, unit, bounds, default and doc come from it. */
import { t } from "@shell/i18n";
import { Phrase } from "@shell/phrases";
import type { ComponentChildren } from "preact";
import { useEffect, useId, useState } from "preact/hooks";
import type { Schema } from "./model";
import {
  boundsOf,
  kindOf,
  properties,
  readSecret,
  resolved,
  secretText,
  unitOf,
  wrongNumber,
  wrongText,
} from "./schema";
import { at, equal, isMapping, type Path } from "./tree";
import { shown } from "./words";

interface FieldProps {
  name: string;
  path: Path;
  schema: Schema;
  root: Schema;
  /** The arguments as they are set. */
  args: unknown;
  defaults: unknown;
  /** Set, or without a value take away. */
  set: (path: Path, value?: unknown) => void;
}

export function Fields({ schema, root, path, ...rest }: Omit<FieldProps, "name">) {
  return (
    <>
      {properties(schema, root).map(([name, part]) => (
        <Field key={name} name={name} path={[...path, name]} schema={part} root={root} {...rest} />
      ))}
    </>
  );
}

export function Field(props: FieldProps) {
  const { name, path, schema, root, args, defaults, set } = props;
  const id = useId();
  const value = at(args, path);
  const fallback = at(defaults, path) ?? schema.default;
  const kind = kindOf(schema, root);
  if (kind === "group") {
    return (
      <fieldset class="nest">
        <legend>{name}</legend>
        {schema.description && (
          <p class="muted small">
            <Phrase text={schema.description} />
          </p>
        )}
        <Fields schema={schema} root={root} path={path} args={args} defaults={defaults} set={set} />
      </fieldset>
    );
  }
  const put = (next?: unknown) => set(path, next);
  const common = { id, value, fallback, schema, put };
  const hints = [unitOf(name, schema), boundsOf(schema)].filter(Boolean);
  return (
    <Frame
      id={id}
      grouped={kind === "choices"}
      name={name}
      schema={schema}
      hints={hints}
      fallback={fallback}
      set={value !== undefined}
      put={put}
    >
      {kind === "choice" ? (
        <Choice {...common} options={schema.enum ?? []} />
      ) : kind === "boolean" ? (
        <Choice {...common} options={[true, false]} />
      ) : kind === "integer" || kind === "number" ? (
        <Typed {...common} read={(text) => readNumber(text, schema)} numeric />
      ) : kind === "text" ? (
        <Typed {...common} read={(text) => ({ value: text, wrong: wrongText(text, schema) })} />
      ) : kind === "texts" ? (
        <Typed {...common} read={(text) => ({ value: listOf(text), wrong: "" })} write={listText} />
      ) : kind === "secret" ? (
        <Typed {...common} fallback={t("policy.secret")} read={readSecret} write={secretText} />
      ) : kind === "choices" ? (
        <Several {...common} options={(schema.items ? resolved(schema.items, root).enum : undefined) ?? []} />
      ) : (
        <Typed {...common} read={readJson} write={(given) => JSON.stringify(given)} />
      )}
    </Frame>
  );
}

function Frame({
  id,
  grouped,
  name,
  schema,
  hints,
  fallback,
  set,
  put,
  children,
}: {
  id: string;
  grouped: boolean;
  name: string;
  schema: Schema;
  hints: string[];
  fallback: unknown;
  set: boolean;
  put: (value?: unknown) => void;
  children: ComponentChildren;
}) {
  return (
    <div class={`arg ${set ? "set" : ""}`}>
      <div class="arg-head">
        {grouped ? <span id={`${id}-name`}>{name}</span> : <label for={id}>{name}</label>}
        {hints.length > 0 && <span class="muted small">{hints.join(" · ")}</span>}
        {set && (
          <button type="button" class="quiet small" onClick={() => put()}>
            {t("policy.unset", { value: Array.isArray(fallback) ? "…" : shown(fallback) })}
            <span class="sr-only"> {name}</span>
          </button>
        )}
      </div>
      {children}
      {schema.description && (
        <p id={`${id}-doc`} class="muted small">
          <Phrase text={schema.description} />
        </p>
      )}
    </div>
  );
}

interface Part {
  id: string;
  value: unknown;
  fallback: unknown;
  schema: Schema;
  put: (value?: unknown) => void;
}

function doc({ id, schema }: { id: string; schema: Schema }) {
  return schema.description ? `${id}-doc` : undefined;
}

function Choice({ options, ...part }: Part & { options: readonly unknown[] }) {
  const { id, value, fallback, put } = part;
  const place = options.findIndex((option) => equal(option, value));
  const unknown = value !== undefined && place < 0;
  return (
    <select
      id={id}
      value={unknown ? "?" : String(place)}
      aria-describedby={doc(part)}
      onChange={(event) => {
        const chosen = Number(event.currentTarget.value);
        put(chosen < 0 ? undefined : options[chosen]);
      }}
    >
      <option value="-1">{t("policy.default", { value: shown(fallback) })}</option>
      {options.map((option, at) => (
        <option key={shown(option)} value={String(at)}>
          {option === "" ? '""' : shown(option)}
        </option>
      ))}
      {unknown && <option value="?">{shown(value)}</option>}
    </select>
  );
}

interface Read {
  value: unknown;
  wrong: string;
}

function readNumber(text: string, schema: Schema): Read {
  return { value: Number(text), wrong: wrongNumber(text, schema) };
}

function readJson(text: string): Read {
  try {
    return { value: JSON.parse(text), wrong: "" };
  } catch {
    return { value: undefined, wrong: t("policy.wrong.json") };
  }
}

function listOf(text: string): string[] {
  return text
    .split(",")
    .map((part) => part.trim())
    .filter(Boolean);
}

function listText(value: unknown): string {
  return Array.isArray(value) ? value.join(", ") : shown(value);
}

/** Something typed. What cannot be used is kept in sight, and not put into the policy. */
function Typed({
  read,
  write = (given) => (isMapping(given) || Array.isArray(given) ? JSON.stringify(given) : String(given)),
  numeric = false,
  ...part
}: Part & { read: (text: string) => Read; write?: (value: unknown) => string; numeric?: boolean }) {
  const { id, value, fallback, put } = part;
  const written = value === undefined ? "" : write(value);
  const [text, setText] = useState(written);
  const wrong = text === "" ? "" : read(text).wrong;
  // Only what was changed elsewhere replaces what is being typed.
  useEffect(() => {
    const same = text === "" ? value === undefined : equal(read(text).value, value);
    if (!same) setText(written);
  }, [written]);
  return (
    <>
      <input
        id={id}
        value={text}
        inputMode={numeric ? "decimal" : "text"}
        placeholder={fallback === undefined || fallback === null ? t("policy.unset.plain") : write(fallback)}
        autocomplete="off"
        spellcheck={false}
        aria-invalid={wrong !== ""}
        aria-describedby={[doc(part), wrong ? `${id}-wrong` : ""].filter(Boolean).join(" ") || undefined}
        onInput={(event) => {
          const next = event.currentTarget.value;
          setText(next);
          if (next === "") put();
          else {
            const found = read(next);
            if (!found.wrong) put(found.value);
          }
        }}
      />
      {wrong && (
        <p id={`${id}-wrong`} class="wrong small" role="alert">
          {wrong}
        </p>
      )}
    </>
  );
}

/** Any of some words; none chosen: the default. */
function Several({ options, ...part }: Part & { options: readonly unknown[] }) {
  const { id, value, fallback, put } = part;
  const chosen = Array.isArray(value) ? value : [];
  return (
    <fieldset class="phases" aria-labelledby={`${id}-name`} aria-describedby={doc(part)}>
      {options.map((option) => (
        <label key={shown(option)}>
          <input
            type="checkbox"
            checked={chosen.includes(option)}
            onChange={(event) => {
              const next = event.currentTarget.checked
                ? options.filter((one) => one === option || chosen.includes(one))
                : chosen.filter((one) => one !== option);
              put(next.length ? next : undefined);
            }}
          />
          {shown(option)}
        </label>
      ))}
      {chosen.length === 0 && (
        <span class="muted small">{t("policy.default", { value: shown(fallback) })}</span>
      )}
    </fieldset>
  );
}
