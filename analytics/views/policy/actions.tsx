/** Switching a plugin on or off in chosen phases. */
import { send } from "@shell/api";
import { t } from "@shell/i18n";
import { useEffect, useState } from "preact/hooks";
import { Act, Changes, Commands, Confirm, curl, Reason } from "./controls";
import type { Changed, Done } from "./model";
import { phasesOf } from "./phases";
import { act, jsonOf, missing, profileQuery, type Steering } from "./state";

export interface Switch {
  plugin: string;
  phases: string[];
}

export function pathOfSwitch(plugin: string, action: "enable" | "disable", profile: string): string {
  return `/api/v1/plugins/${encodeURIComponent(plugin)}/${action}${profileQuery(profile)}`;
}

export function ActionPanel({
  steering,
  disable,
}: {
  steering: Steering;
  disable: (wanted: Switch, reason: string) => void;
}) {
  const names = steering.plugins?.supported_plugins ?? [];
  const [plugin, setPlugin] = useState("");
  const chosen = plugin || names[0] || "";
  const offered = phasesOf(chosen, steering);
  const [left, setLeft] = useState<ReadonlySet<string>>(new Set());
  const [reason, setReason] = useState("");
  const [wrong, setWrong] = useState(false);
  const phases = offered.filter((phase) => !left.has(phase));
  const wanted = { plugin: chosen, phases };
  const why = missing(steering.session, "change");

  const run = async (action: "enable" | "disable") => {
    setWrong(phases.length === 0);
    if (phases.length === 0) return;
    if (action === "disable") {
      disable(wanted, reason);
      return;
    }
    await act("POST", pathOfSwitch(chosen, action, steering.profile), { body: { phases }, reason });
    steering.refresh();
  };
  return (
    <section class="card" aria-labelledby="actions-title">
      <h2 id="actions-title">{t("policy.actions")}</h2>
      <label class="field">
        <span>{t("policy.plugin")}</span>
        <select
          name="plugin"
          value={chosen}
          onChange={(event) => {
            setPlugin(event.currentTarget.value);
            setLeft(new Set());
            setWrong(false);
          }}
        >
          {names.map((name) => (
            <option key={name} value={name}>
              {name}
            </option>
          ))}
        </select>
      </label>
      <fieldset class="phases" aria-describedby={wrong ? "actions-wrong" : undefined}>
        <legend>{t("policy.phases")}</legend>
        {offered.map((phase) => (
          <label key={phase}>
            <input
              type="checkbox"
              name="phase"
              value={phase}
              checked={!left.has(phase)}
              onChange={(event) => {
                const next = new Set(left);
                if (event.currentTarget.checked) next.delete(phase);
                else next.add(phase);
                setLeft(next);
                setWrong(false);
              }}
            />
            {phase}
          </label>
        ))}
      </fieldset>
      {wrong && (
        <p id="actions-wrong" class="wrong" role="alert">
          {t("policy.phases.none")}
        </p>
      )}
      <Reason value={reason} set={setReason} />
      <div class="buttons">
        <Act session={steering.session} right="change" kind="main" run={() => run("enable")}>
          {t("policy.enable")}
        </Act>
        <Act session={steering.session} right="change" kind="danger" run={() => run("disable")}>
          {t("policy.disable")}
        </Act>
      </div>
      {why && <p class="muted small why-not">{why}</p>}
      <Commands
        lines={[
          `kubectl trimtab plugin enable ${chosen} ${phases.join(",")}`,
          curl("POST", pathOfSwitch(chosen, "enable", steering.profile), { phases }),
          `kubectl trimtab plugin disable ${chosen} ${phases.join(",")}`,
          curl("POST", pathOfSwitch(chosen, "disable", steering.profile), { phases }),
        ]}
      />
    </section>
  );
}

/** Asks before a plugin is switched off, and shows what that would change. */
export function ConfirmDisable({
  wanted,
  given,
  steering,
  close,
}: {
  wanted: Switch;
  given: string;
  steering: Steering;
  close: () => void;
}) {
  const path = pathOfSwitch(wanted.plugin, "disable", steering.profile);
  const body = { phases: wanted.phases };
  const [would, setWould] = useState<Changed>();
  const [refused, setRefused] = useState("");
  useEffect(() => {
    const dry = `${path}${path.includes("?") ? "&" : "?"}dryRun=All`;
    send<Done<Changed>>("POST", dry, jsonOf(body))
      .then((done) => setWould(done.data))
      .catch((trouble: unknown) => setRefused(trouble instanceof Error ? trouble.message : String(trouble)));
  }, []);
  return (
    <Confirm
      title={t("policy.disable.title", { plugin: wanted.plugin, phases: wanted.phases.join(", ") })}
      action={t("policy.disable")}
      cancel={close}
      done={async (reason) => {
        close();
        await act("POST", path, { body, reason: reason || given });
        steering.refresh();
      }}
    >
      <p class="muted">{t("policy.disable.advice")}</p>
      {refused && <p class="wrong">{refused}</p>}
      {would?.warnings.map((warning) => (
        <p key={warning} class="warning">
          {warning}
        </p>
      ))}
      {would?.diff && <Changes list={would.diff.changes} />}
    </Confirm>
  );
}
