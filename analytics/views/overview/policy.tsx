/** Which policy is in effect, since when, what it turns on, and who changed it last. */
import { count, t, toSecond } from "@shell/i18n";
import { Card, useAnswer } from "./card";

interface InEffect {
  reachable: boolean;
  revision: string;
  loaded_at: string;
  refused: string;
  breakers: { plugin: string }[];
}

interface Plugins {
  enabled_plugins: Record<string, string[]>;
}

interface Entry {
  action: string;
  target: string;
  actor: string;
  reason: string;
  at: string;
}

const SHOWN = ["filter", "score"];
const SHORT = 12;

export function Policy() {
  const asked = useAnswer<InEffect>("/api/v1/extender");
  const plugins = useAnswer<Plugins>("/api/v1/plugins").value?.enabled_plugins;
  const newest = useAnswer<{ entries: Entry[] }>("/api/v1/policy/audit?limit=1").value?.entries[0];
  return (
    <Card
      name="policy"
      href="/policy"
      asked={asked}
      show={(policy) => ({
        ...said(policy),
        children: (
          <>
            {policy.refused && (
              <p class="small" lang="en">
                {policy.refused}
              </p>
            )}
            {plugins && (
              <dl class="pairs">
                {SHOWN.filter((phase) => plugins[phase]?.length).map((phase) => (
                  <div key={phase}>
                    <dt>{phase}</dt>
                    <dd>{plugins[phase]?.join(", ")}</dd>
                  </div>
                ))}
              </dl>
            )}
            {newest && (
              <p class="muted small">
                {t("overview.policy.changed", {
                  time: toSecond(newest.at),
                  who: newest.actor,
                  what: `${newest.action} ${newest.target}`,
                })}
                {newest.reason && ` ${t("overview.policy.because", { why: newest.reason })}`}
              </p>
            )}
          </>
        ),
      })}
    />
  );
}

function said(policy: InEffect) {
  if (!policy.reachable) return { mark: "bad" as const, sentence: t("overview.policy.unreachable") };
  const values = { revision: policy.revision.slice(0, SHORT), time: toSecond(policy.loaded_at) };
  if (policy.refused) return { mark: "bad" as const, sentence: t("overview.policy.refused", values) };
  if (policy.breakers.length > 0)
    return {
      mark: "warn" as const,
      sentence: t("overview.policy.open", { ...values, n: count(policy.breakers.length) }),
    };
  return { mark: "good" as const, sentence: t("overview.policy.said", values) };
}
