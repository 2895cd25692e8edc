/** Which pods wait, for how long, and what would end it. */
import { count, t, toSecond } from "@shell/i18n";
import { Card, useAnswer } from "./card";

interface Pod {
  namespace: string;
  name: string;
  since: string;
  reason: string;
  gated: boolean;
  shape: string;
}

interface Answer {
  pending: { total: number; pods: Pod[] };
  largest: Record<string, { node: string; cpu: string; memory: string } | null>;
}

const MOST = 4;

export function Waiting() {
  const asked = useAnswer<Answer>("/api/v1/heatmap/fragmentation");
  return (
    <Card
      name="waiting"
      href="/heatmap"
      asked={asked}
      show={({ pending, largest }) => ({
        mark: pending.total === 0 ? "good" : "warn",
        sentence:
          pending.total === 0
            ? t("overview.waiting.none")
            : t("overview.waiting.said", { n: count(pending.total) }),
        children: (
          <>
            <ul class="lines">
              {pending.pods.slice(0, MOST).map((pod) => (
                <li key={`${pod.namespace}/${pod.name}`}>
                  <a
                    href={`/decisions/pod/${encodeURIComponent(pod.namespace)}/${encodeURIComponent(pod.name)}`}
                  >
                    {pod.namespace}/{pod.name}
                  </a>{" "}
                  <span class="muted">
                    {t(pod.gated ? "overview.waiting.gated" : "overview.waiting.since", {
                      time: toSecond(pod.since),
                      shape: pod.shape,
                    })}
                  </span>
                </li>
              ))}
            </ul>
            {largest.cpu && (
              <p class="muted small">
                {t("overview.waiting.largest", {
                  cpu: largest.cpu.cpu,
                  memory: largest.cpu.memory,
                  node: largest.cpu.node,
                })}
              </p>
            )}
          </>
        ),
      })}
    />
  );
}
