/** What is stored against what is in effect, replica by replica, and what may be done with the scheduler. */
import { data, send } from "@shell/api";
import { moment, t } from "@shell/i18n";
import { usePolled } from "@shell/load";
import { Icon } from "@shell/parts";
import { useEffect, useState } from "preact/hooks";
import { Act, Commands, Confirm, curl } from "./controls";
import type { Breaker, Overview, Replica } from "./model";
import { act, POLL_MS, type Steering } from "./state";

/** A replica runs another policy than the stored one. */
export function behind(overview: Overview): Replica[] {
  return overview.effective.filter((one) => one.hash !== overview.desired.hash || one.status !== "True");
}

export function Banner({ overview }: { overview: Overview }) {
  const late = behind(overview);
  if (overview.desired.problems.length > 0) {
    return (
      <div class="banner bad" role="alert">
        <p class="strong">{t("policy.banner.refused")}</p>
        <ul>
          {overview.desired.problems.map((problem) => (
            <li key={problem.path + problem.message}>
              <code>{problem.path}</code> {problem.message}
            </li>
          ))}
        </ul>
      </div>
    );
  }
  if (overview.effective.length === 0) {
    return (
      <div class="banner" role="status">
        <p>{t("policy.banner.nobody")}</p>
      </div>
    );
  }
  if (late.length === 0) return null;
  return (
    <div class="banner" role="status">
      <p class="strong">{t("policy.banner.behind", { n: late.length, of: overview.effective.length })}</p>
      <p>{late.map((one) => one.replica).join(", ")}</p>
    </div>
  );
}

/** Plugins that failed too often and are left out, until they are tried again. */
export function Breakers() {
  const path = "/api/v1/extender";
  const asked = usePolled(path, (signal) => data<{ breakers: Breaker[] }>(path, signal), 2 * POLL_MS);
  const out = asked.value?.breakers ?? [];
  if (out.length === 0) return null;
  return (
    <div class="banner bad" role="status">
      <p class="strong">{t("policy.breakers", { n: out.length })}</p>
      <ul>
        {out.map((one) => (
          <li key={one.plugin}>
            <strong>{one.plugin}</strong>{" "}
            {one.retry_at
              ? t("policy.breaker.open", { n: one.failures, at: moment(one.retry_at) })
              : t("policy.breaker.half", { n: one.failures })}{" "}
            <span lang="en">{one.last_error}</span>
          </li>
        ))}
      </ul>
    </div>
  );
}

export function StatusPanel({ steering, busy }: { steering: Steering; busy: boolean }) {
  const { overview, session } = steering;
  const [asking, setAsking] = useState(false);
  if (!overview) return null;
  return (
    <section class="card status" aria-labelledby="status-title">
      <div class="bar-of">
        <h2 id="status-title">{t("policy.status")}</h2>
        <button type="button" onClick={steering.refresh} aria-busy={busy}>
          {t("policy.refresh")}
        </button>
      </div>
      <dl class="pairs">
        <div>
          <dt>{t("policy.stored")}</dt>
          <dd class="mono" title={overview.revision}>
            {overview.revision.slice(0, 12)}
          </dd>
        </div>
        {overview.form !== "document" && (
          <div>
            <dt>{t("policy.form")}</dt>
            <dd>{t(overview.form === "flat" ? "policy.form.flat" : "policy.form.unreadable")}</dd>
          </div>
        )}
      </dl>
      <ul class="replicas" aria-label={t("policy.replicas")}>
        {overview.effective.map((one) => {
          const same = one.hash === overview.desired.hash && one.status === "True";
          return (
            <li key={one.replica}>
              <span class={`verdict ${same ? "scheduled" : "error"}`}>
                <Icon name={same ? "check" : "alert"} />
                {t(
                  same
                    ? "policy.effective"
                    : one.status === "True"
                      ? "policy.effective.not"
                      : "policy.effective.refused",
                )}
              </span>
              <span class="name">{one.replica.replace(/^https?:\/\//, "")}</span>
              <span class="mono muted small" title={one.revision}>
                {one.revision.slice(0, 12) || t("none")}
              </span>
            </li>
          );
        })}
      </ul>
      {[...overview.warnings, ...(steering.plugins?.warnings ?? [])].map((warning) => (
        <p key={warning} class="small warning">
          {warning}
        </p>
      ))}
      <div class="buttons">
        <Act session={session} right="restart" run={() => setAsking(true)}>
          {t("policy.restart")}
        </Act>
      </div>
      {asking && <ConfirmRestart close={() => setAsking(false)} />}
    </section>
  );
}

function ConfirmRestart({ close }: { close: () => void }) {
  const path = "/api/v1/scheduler/restart";
  const [would, setWould] = useState("");
  const [refused, setRefused] = useState("");
  useEffect(() => {
    send<{ data: { namespace: string; deployment: string } }>("POST", `${path}?dryRun=All`)
      .then(({ data }) => setWould(`${data.namespace}/${data.deployment}`))
      .catch((trouble: unknown) => setRefused(trouble instanceof Error ? trouble.message : String(trouble)));
  }, []);
  return (
    <Confirm
      title={t("policy.restart.title")}
      action={t("policy.restart")}
      cancel={close}
      done={async (reason) => {
        close();
        await act("POST", path, { reason });
      }}
    >
      <p class="muted">{t("policy.restart.advice")}</p>
      {would && <p class="mono">{would}</p>}
      {refused && <p class="wrong">{refused}</p>}
      <Commands lines={["kubectl trimtab scheduler restart", curl("POST", path)]} />
    </Confirm>
  );
}
