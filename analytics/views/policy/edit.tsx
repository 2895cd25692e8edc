/** Form and text side by side, what would change, and saving it. */
import { send, Trouble } from "@shell/api";
import { t } from "@shell/i18n";
import { Loading, Notice } from "@shell/parts";
import { Phrase } from "@shell/phrases";
import { go, place } from "@shell/router";
import { useEffect, useState } from "preact/hooks";
import { Conflict, inConflict } from "./conflict";
import { Act, Changes, Commands, Reason, Unified } from "./controls";
import { Editor, type Problem } from "./editor";
import { ArgumentForm, EntryForm } from "./form";
import type { Changed, Done, Overview } from "./model";
import { Preview } from "./preview";
import { draft, isChanged, outcome, type Steering, succeeded, told, withReason } from "./state";
import type { Op } from "./tree";
import { type Judged, useVerdict } from "./verdict";
import type * as Yaml from "./yaml";

export function Edit({ steering }: { steering: Steering }) {
  const { overview, yaml } = steering;
  // An untouched draft follows what is stored.
  useEffect(() => {
    if (overview && !isChanged(draft.value))
      draft.value = { base: { text: overview.text, hash: overview.hash }, text: overview.text };
  }, [overview?.hash]);
  if (!overview || !yaml || !draft.value) return <Loading />;
  return <Editing steering={steering} overview={overview} yaml={yaml} />;
}

function Editing({
  steering,
  overview,
  yaml,
}: {
  steering: Steering;
  overview: Overview;
  yaml: typeof Yaml;
}) {
  const edit = draft.value ?? { base: { text: "", hash: "" }, text: "" };
  const changed = isChanged(edit);
  const parsed = yaml.parse(edit.text);
  const unreadable = parsed.faults.length > 0;
  const judged = useVerdict(edit.text, overview.hash, unreadable || !changed);
  const problems: Problem[] = unreadable
    ? parsed.faults.map((fault) => ({ ...fault, path: "" }))
    : (changed ? (judged?.problems ?? []) : overview.desired.problems).map((detail) => ({
        line: parsed.lineOf(detail.path),
        ...detail,
      }));
  const write = (text: string) => {
    draft.value = { ...edit, text };
  };
  const apply = (ops: Op[]) => write(yaml.edited(edit.text, ops));
  const form =
    typeof parsed.tree === "object" && parsed.tree && "enabled_plugins" in parsed.tree
      ? "flat"
      : overview.form;
  return (
    <>
      {changed && inConflict(edit, overview) && <Conflict edit={edit} overview={overview} yaml={yaml} />}
      <div class="side">
        <section class="card form" aria-labelledby="form-title">
          <h2 id="form-title" class="sr-only">
            {t("policy.form.title")}
          </h2>
          <PluginForm
            steering={steering}
            tree={parsed.tree}
            form={form}
            unreadable={unreadable}
            edit={apply}
          />
        </section>
        <section class="card" aria-labelledby="yaml-title">
          <div class="bar-of">
            <h2 id="yaml-title">{t("policy.yaml")}</h2>
            <Standing changed={changed} unreadable={unreadable} problems={problems.length} judged={judged} />
          </div>
          <Editor text={edit.text} problems={problems} edit={write} />
        </section>
      </div>
      <Review
        steering={steering}
        changed={changed}
        judged={judged}
        usable={changed && problems.length === 0}
      />
    </>
  );
}

function Standing({
  changed,
  unreadable,
  problems,
  judged,
}: {
  changed: boolean;
  unreadable: boolean;
  problems: number;
  judged: Judged | undefined;
}) {
  const [kind, text] = problems
    ? (["bad", t("policy.standing.problems", { n: problems })] as const)
    : !changed
      ? (["", t("policy.standing.stored")] as const)
      : unreadable || !judged
        ? (["", t("policy.standing.checking")] as const)
        : judged.trouble
          ? (["bad", t("policy.standing.unknown")] as const)
          : (["good", t("policy.standing.valid")] as const);
  return (
    <span class={`standing ${kind}`} role="status">
      {text}
    </span>
  );
}

function PluginForm({
  steering,
  tree,
  form,
  unreadable,
  edit,
}: {
  steering: Steering;
  tree: unknown;
  form: string;
  unreadable: boolean;
  edit: (ops: Op[]) => void;
}) {
  const { catalogue } = steering;
  const names = steering.plugins?.supported_plugins ?? catalogue?.map((entry) => entry.name) ?? [];
  const asked = place.value.query.get("plugin") ?? "";
  const chosen = names.includes(asked) ? asked : (names[0] ?? "");
  const about = catalogue?.find((entry) => entry.name === chosen);
  const choose = (name: string) => {
    const query = new URLSearchParams(place.value.query);
    query.set("plugin", name);
    go(`/policy/edit?${query}`, true);
  };
  return (
    <>
      <label class="field">
        <span>{t("policy.plugin")}</span>
        <select name="plugin" value={chosen} onChange={(event) => choose(event.currentTarget.value)}>
          {names.map((name) => (
            <option key={name} value={name}>
              {name}
            </option>
          ))}
        </select>
      </label>
      {about && (
        <p class="muted small">
          <Phrase text={about.doc} />
        </p>
      )}
      {unreadable ? (
        <p class="warning">{t("policy.form.waits")}</p>
      ) : about ? (
        <>
          <ArgumentForm key={`a/${chosen}`} {...{ steering, about, tree, form, edit }} />
          <EntryForm key={`e/${chosen}`} {...{ steering, about, tree, form, edit }} />
        </>
      ) : catalogue ? null : (
        <p class="muted">{t("policy.form.nobody")}</p>
      )}
    </>
  );
}

function Review({
  steering,
  changed,
  judged,
  usable,
}: {
  steering: Steering;
  changed: boolean;
  judged: Judged | undefined;
  usable: boolean;
}) {
  const [reason, setReason] = useState("");
  const [saving, setSaving] = useState(false);
  const edit = draft.value;
  if (!edit) return null;
  const save = async () => {
    if (!usable || saving) return;
    setSaving(true);
    outcome.value = undefined;
    const match = edit.base.hash === "*" ? "*" : `"${edit.base.hash}"`;
    try {
      const done = await send<Done<Changed>>("PUT", withReason("/api/v1/policy", reason), {
        body: edit.text,
        type: "application/yaml",
        headers: { "If-Match": match },
      });
      outcome.value = succeeded(done.message, done.data);
      const base = { text: edit.text, hash: done.data.hash ?? "", before: edit.base.hash };
      // What was typed while it was saved stays.
      draft.value = { base, text: draft.value?.text ?? edit.text };
      setReason("");
    } catch (trouble) {
      // Their change is shown instead of a bare refusal.
      const conflict = trouble instanceof Trouble && trouble.status === 409;
      outcome.value = conflict ? { ...told(trouble), message: t("policy.conflict.saved") } : told(trouble);
    }
    setSaving(false);
    steering.refresh();
  };
  if (!changed) {
    return (
      <section class="card" aria-labelledby="review-title">
        <h2 id="review-title">{t("policy.review")}</h2>
        <p class="muted">{t("policy.review.nothing")}</p>
      </section>
    );
  }
  return (
    <section class="card" aria-labelledby="review-title">
      <h2 id="review-title">{t("policy.review")}</h2>
      <div class="side">
        <div>
          <h3>{t("policy.diff")}</h3>
          {judged?.verdict ? (
            <>
              <Changes list={judged.verdict.diff.changes} />
              <Unified text={judged.verdict.diff.unified} />
              {judged.verdict.warnings.map((warning) => (
                <p key={warning} class="warning small">
                  {warning}
                </p>
              ))}
            </>
          ) : judged?.trouble ? (
            <Notice title={t("policy.standing.unknown")} kind="bad">
              <p>{judged.trouble.message}</p>
            </Notice>
          ) : judged || !usable ? (
            <p class="muted">{t("policy.review.broken")}</p>
          ) : (
            <Loading rows={3} />
          )}
        </div>
        <Preview text={edit.text} usable={usable} />
      </div>
      <div class="save">
        <Reason value={reason} set={setReason} />
        <div class="buttons">
          <Act session={steering.session} right="change" kind="main" run={save} busy={saving || !usable}>
            {t("policy.save")}
          </Act>
          <button
            type="button"
            onClick={() => {
              draft.value = { ...edit, text: edit.base.text };
            }}
          >
            {t("policy.discard")}
          </button>
        </div>
      </div>
      <Commands lines={commands(edit.base.hash)} />
    </section>
  );
}

function commands(hash: string): string[] {
  const url = `${window.location.origin}/api/v1/policy`;
  return [
    `kubectl trimtab policy apply -f policy.yaml --if-match ${hash}`,
    `curl -X PUT '${url}' -H 'Content-Type: application/yaml' -H 'If-Match: "${hash}"' --data-binary @policy.yaml`,
  ];
}
