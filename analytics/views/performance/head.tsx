import { count, duration, type Key, percent, t } from "@shell/i18n";
import { Icon } from "@shell/parts";
import { Sentence } from "@shell/phrases";
import { rate } from "./charts";
import type { Recommendation, Report, Trend } from "./model";

/** The key figures, each with its trend. */
export function Figures({ report }: { report: Report }) {
  const { latency_ms: latency, success_rate_interval: sure, attempts } = report;
  const ended = attempts.scheduled + attempts.unschedulable + attempts.error;
  const trend = (metric: string) => report.trends.find((each) => each.metric === metric);
  const soonest = report.capacity
    .filter((each) => each.days_until_full !== null)
    .sort((a, b) => (a.days_until_full ?? 0) - (b.days_until_full ?? 0))[0];
  return (
    <dl class="perf-figures" aria-label={t("performance.figures")}>
      <div>
        <dt>{t("performance.latency.average")}</dt>
        <dd>{latency.average === null ? t("none") : duration(latency.average)}</dd>
        {latency.p50 !== null && (
          <dd class="small muted">
            p50 {duration(latency.p50)}, p95 {duration(latency.p95 ?? 0)}, p99 {duration(latency.p99 ?? 0)}
          </dd>
        )}
        <Direction trend={trend("latency")} say={(value) => duration(Math.abs(value))} badUp />
      </div>
      <div>
        <dt>{t("performance.throughput")}</dt>
        <dd>{rate(report.throughput_pods_per_second)}</dd>
        <dd class="small muted">{t("performance.pods", { n: report.pods_scheduled })}</dd>
        <Direction trend={trend("throughput")} say={(value) => rate(Math.abs(value))} />
      </div>
      <div>
        <dt>{t("performance.success")}</dt>
        <dd>{report.success_rate === null ? t("none") : percent(report.success_rate)}</dd>
        {sure && (
          <dd class="small muted">
            {t("performance.success.note", { low: percent(sure[0]), high: percent(sure[1]), n: ended })}
          </dd>
        )}
        <Direction trend={trend("success_rate")} say={(value) => percent(Math.abs(value))} />
      </div>
      <div>
        <dt>{t("performance.marks")}</dt>
        <dd>{count(report.anomalies.filter((each) => !each.change).length)}</dd>
        <dd class="small muted">{t("performance.marks.note", { n: report.change_points.length })}</dd>
      </div>
      <div>
        <dt>{t("performance.full")}</dt>
        <dd>
          {soonest
            ? t("performance.days", { n: Number((soonest.days_until_full ?? 0).toPrecision(2)) })
            : t("none")}
        </dd>
        <dd class="small muted">
          {soonest
            ? t("performance.full.note", {
                resource: t(`performance.resource.${soonest.resource}` as Key),
                share: percent(soonest.requested_ratio),
              })
            : t(report.capacity.length ? "performance.full.never" : "performance.full.unknown")}
        </dd>
      </div>
    </dl>
  );
}

function Direction({
  trend,
  say,
  badUp = false,
}: {
  trend: Trend | undefined;
  say: (value: number) => string;
  badUp?: boolean;
}) {
  if (!trend) return <dd class="small muted">{t("performance.trend.few")}</dd>;
  const bad = trend.direction !== "flat" && (trend.direction === "rising") === badUp;
  return (
    <dd class={`small perf-trend ${trend.direction === "flat" ? "" : bad ? "bad" : "good"}`}>
      <span aria-hidden="true">{{ rising: "↗", falling: "↘", flat: "→" }[trend.direction]}</span>{" "}
      {trend.direction === "flat"
        ? t("performance.trend.flat")
        : t(trend.direction === "rising" ? "performance.trend.rising" : "performance.trend.falling", {
            amount: say(trend.change_per_hour),
          })}
    </dd>
  );
}

/** What to do: evidence, and the setting to change. */
export function Advice({ recommendations }: { recommendations: Recommendation[] }) {
  return (
    <section aria-labelledby="perf-advice">
      <h2 id="perf-advice">{t("performance.advice")}</h2>
      {recommendations.length === 0 ? (
        <p class="perf-well">
          <Icon name="check" /> {t("performance.advice.none")}
        </p>
      ) : (
        <ol class="perf-advice">
          {recommendations.map((each) => (
            <li key={each.id} class={each.severity}>
              <h3>
                <span class={`perf-mark ${each.severity}`}>
                  {t(`performance.severity.${each.severity}` as Key)}
                </span>{" "}
                <Sentence said={each} part="title" english={each.title} />
              </h3>
              <p>
                <Sentence said={each} part="detail" english={each.detail} />
              </p>
              <p>
                <strong>{t("performance.setting")}</strong>{" "}
                {t(`performance.where.${each.setting.where}` as Key)}:{" "}
                {each.setting.href ? (
                  <a href={each.setting.href}>
                    <code>{each.setting.name}</code>
                  </a>
                ) : (
                  <code>{each.setting.name}</code>
                )}
              </p>
              <details>
                <summary>{t("performance.evidence")}</summary>
                {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it may scroll */}
                <pre class="evidence" tabIndex={0}>
                  {JSON.stringify(each.evidence, null, 2)}
                </pre>
              </details>
            </li>
          ))}
        </ol>
      )}
    </section>
  );
}
