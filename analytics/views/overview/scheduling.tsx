/** Are pods being placed, how fast, and what keeps nodes from being taken? */
import { count, milliseconds, percent, t } from "@shell/i18n";
import { Phrase } from "@shell/phrases";
import { Card, useAnswer } from "./card";

interface Stats {
  total: number;
  scheduled: number;
  success_rate: number | null;
  phases: Record<string, { p50_ms: number; p99_ms: number }>;
  rejections: { plugin: string; reason: string; decisions: number }[];
}

const MOST = 3;
const WELL = 0.9;

export function Scheduling() {
  const asked = useAnswer<Stats>("/api/stats?since=15m");
  return (
    <Card
      name="scheduling"
      href="/decisions"
      asked={asked}
      show={(stats) => {
        const rate = stats.success_rate ?? 0;
        if (stats.total === 0) return { mark: "plain", sentence: t("overview.scheduling.none") };
        return {
          mark: rate >= WELL ? "good" : "warn",
          sentence: t("overview.scheduling.said", {
            scheduled: stats.scheduled,
            total: stats.total,
            share: percent(rate),
          }),
          children: <Details stats={stats} />,
        };
      }}
    />
  );
}

function Details({ stats }: { stats: Stats }) {
  return (
    <>
      <dl class="pairs">
        {Object.entries(stats.phases).map(([phase, { p50_ms, p99_ms }]) => (
          <div key={phase}>
            <dt>{phase}</dt>
            <dd>
              {t("overview.scheduling.latency", { p50: milliseconds(p50_ms), p99: milliseconds(p99_ms) })}
            </dd>
          </div>
        ))}
      </dl>
      {stats.rejections.length > 0 && (
        <>
          <h3>{t("overview.scheduling.rejections")}</h3>
          <ul class="lines">
            {stats.rejections.slice(0, MOST).map((one) => (
              <li key={one.plugin + one.reason}>
                <a href={`/decisions?plugin=${encodeURIComponent(one.plugin)}`}>{one.plugin}</a>{" "}
                <Phrase text={one.reason} />{" "}
                <span class="muted">{t("overview.scheduling.decisions", { n: count(one.decisions) })}</span>
              </li>
            ))}
          </ul>
        </>
      )}
    </>
  );
}
