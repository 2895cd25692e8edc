/** How fast pods are placed, and what changed it since when. */
import { count, seconds, t, toSecond } from "@shell/i18n";
import { type Said, Sentence } from "@shell/phrases";
import { Card, useAnswer } from "./card";

interface Change extends Said {
  time: string;
  sentence: string;
}

interface Analysis {
  latency_ms: { p50: number | null; p95: number | null; p99: number | null };
  throughput_pods_per_second: number | null;
  pods_scheduled: number;
  anomalies: { time: string }[];
  change_points: Change[];
  recommendations: (Said & { id: string; severity: string; title: string })[];
}

const MOST = 2;
/** What it is told of comes once a minute, and an analysis is no light question. */
const EVERY_MS = 60_000;

export function Performance() {
  const asked = useAnswer<Analysis>("/api/analysis?start=6h", EVERY_MS);
  return (
    <Card
      name="performance"
      href="/performance"
      asked={asked}
      show={(found) => {
        const { p50, p99 } = found.latency_ms;
        if (p50 === null || p99 === null) return { mark: "plain", sentence: t("overview.performance.none") };
        const odd = found.anomalies.length;
        return {
          mark: odd > 0 ? "warn" : "good",
          sentence: t("overview.performance.said", { p50: seconds(p50), p99: seconds(p99) }),
          children: (
            <>
              <p class="muted small">{t("overview.performance.odd", { n: count(odd) })}</p>
              <ul class="lines">
                {found.change_points.slice(-MOST).map((one) => (
                  <li key={one.time + one.sentence}>
                    <Sentence said={one} part="title" english={one.sentence} />{" "}
                    <span class="muted">{toSecond(one.time)}</span>
                  </li>
                ))}
                {found.recommendations.slice(0, MOST).map((one) => (
                  <li key={one.id}>
                    <Sentence said={one} part="title" english={one.title} />
                  </li>
                ))}
              </ul>
            </>
          ),
        };
      }}
    />
  );
}
