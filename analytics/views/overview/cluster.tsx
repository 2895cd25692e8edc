/** What the nodes offer, what is requested of it, and what is used. */
import { count, percent, t } from "@shell/i18n";
import { Bar, Card, useAnswer } from "./card";

interface Amount {
  requested_ratio: number | null;
  utilization_ratio: number | null;
}

interface Utilization {
  cpu: Amount;
  memory: Amount;
  known: boolean;
  why_not: string;
  nodes: { total: number; unschedulable: string[]; not_ready: string[] };
  pods: { running: number; pending: number };
}

export function Cluster() {
  const asked = useAnswer<Utilization>("/api/analysis/utilization");
  return (
    <Card
      name="cluster"
      href="/heatmap"
      asked={asked}
      show={(found) => {
        const { total, not_ready: down, unschedulable: closed } = found.nodes;
        const sentence =
          down.length > 0
            ? t("overview.cluster.down", { n: count(down.length), total, names: down.slice(0, 3).join(", ") })
            : t("overview.cluster.said", { total, pods: count(found.pods.running) });
        return {
          mark: total === 0 ? "plain" : down.length > 0 ? "warn" : "good",
          sentence: total === 0 ? t("overview.cluster.none") : sentence,
          children: (
            <>
              {total > 0 && (
                <div class="bars">
                  {(["cpu", "memory"] as const).map((name) => (
                    <Amounts key={name} name={name} amount={found[name]} />
                  ))}
                </div>
              )}
              {closed.length > 0 && (
                <p class="muted small">
                  {t("overview.cluster.closed", {
                    n: count(closed.length),
                    names: closed.slice(0, 3).join(", "),
                  })}
                </p>
              )}
              {!found.known && found.why_not && (
                <p class="muted small" lang="en">
                  {found.why_not}
                </p>
              )}
            </>
          ),
        };
      }}
    />
  );
}

function Amounts({ name, amount }: { name: "cpu" | "memory"; amount: Amount }) {
  const requested = amount.requested_ratio ?? 0;
  const used = amount.utilization_ratio;
  return (
    <Bar
      label={t(`overview.cluster.${name}`)}
      value={
        used === null
          ? t("overview.cluster.requested", { share: percent(requested) })
          : t("overview.cluster.both", { share: percent(requested), used: percent(used) })
      }
      share={requested}
      used={used ?? 0}
    />
  );
}
