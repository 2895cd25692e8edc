/** Somebody else saved while this draft was being written: their change, and ours put on top of it. */
import { data } from "@shell/api";
import { t } from "@shell/i18n";
import { useLoad } from "@shell/load";
import { useState } from "preact/hooks";
import { Changes } from "./controls";
import type { Overview, Revisions } from "./model";
import { type Draft, draft } from "./state";
import { changes, merge, ops } from "./tree";
import type * as Yaml from "./yaml";

export function inConflict(edit: Draft, overview: Overview): boolean {
  return overview.hash !== edit.base.hash && overview.hash !== edit.base.before;
}

export function Conflict({ edit, overview, yaml }: { edit: Draft; overview: Overview; yaml: typeof Yaml }) {
  const [both, setBoth] = useState<string[]>();
  const path = "/api/v1/policy/revisions?view=full&limit=1";
  const last = useLoad(overview.hash, (signal) => data<Revisions>(path, signal)).value?.revisions[0];
  const base = yaml.parse(edit.base.text).tree;
  const theirs = yaml.parse(overview.text).tree;
  const ours = yaml.parse(edit.text);
  const reapply = () => {
    const merged = merge(base, ours.tree, theirs);
    draft.value = {
      base: { text: overview.text, hash: overview.hash },
      text: yaml.edited(overview.text, ops(theirs, merged.tree)),
    };
    setBoth(merged.both);
  };
  return (
    <div class="banner conflict" role="alert">
      <h2>{t("policy.conflict")}</h2>
      {last && (
        <p>
          {t("policy.conflict.who", { actor: last.actor })} {last.why && `“${last.why}”`}
        </p>
      )}
      <h3>{t("policy.conflict.theirs")}</h3>
      <Changes list={changes(base, theirs)} />
      {both && both.length > 0 && (
        <p class="warning">{t("policy.conflict.both", { where: both.join(", ") })}</p>
      )}
      {ours.faults.length > 0 && <p class="warning">{t("policy.conflict.unreadable")}</p>}
      <div class="buttons">
        <button
          type="button"
          class="act main"
          aria-disabled={ours.faults.length > 0}
          onClick={() => ours.faults.length === 0 && reapply()}
        >
          {t("policy.conflict.reapply")}
        </button>
        <button
          type="button"
          onClick={() => {
            draft.value = { base: { text: overview.text, hash: overview.hash }, text: overview.text };
          }}
        >
          {t("policy.conflict.discard")}
        </button>
      </div>
    </div>
  );
}
