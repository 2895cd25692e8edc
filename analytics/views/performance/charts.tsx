import { count, duration, figures, percent, t } from "@shell/i18n";
import { Chart, type Line } from "./chart";
import type { Report, SeriesAnswer } from "./model";

export function rate(value: number): string {
  return t("performance.throughput.value", { n: figures(value) });
}

export function amount(value: number): string {
  return count(Math.round(value * 10) / 10);
}

/** The measures over time, one picture each (R-156). */
export function Charts({ report, series }: { report: Report; series: SeriesAnswer }) {
  const times = series.times.map((time) => Date.parse(time));
  const line = (name: string, label: string): Line => ({
    name,
    label,
    values: series.series[name] ?? [],
  });
  const about = (...metrics: string[]) => ({
    anomalies: report.anomalies.filter((each) => metrics.includes(each.metric) && !each.change),
    changes: report.change_points.filter((each) => metrics.includes(each.metric)),
    forecast: report.forecast.filter((each) => each.metric === metrics[0]),
  });
  const common = {
    times,
    stepMs: series.step_s * 1000,
    revisions: series.revisions.map((each) => ({ at: Date.parse(each.time), revision: each.revision })),
  };
  const quality = report.forecast_quality;
  return (
    <section aria-labelledby="perf-charts">
      <h2 id="perf-charts">{t("performance.charts")}</h2>
      <div class="perf-charts">
        <Chart
          title={t("performance.latency")}
          lines={[line("latency_p50", "p50"), line("latency_p95", "p95"), line("latency_p99", "p99")]}
          say={duration}
          {...common}
          {...about("latency_p99")}
        />
        <Chart
          title={t("performance.latency.average")}
          lines={[line("latency", t("performance.average"))]}
          say={duration}
          {...common}
          {...about("latency")}
        />
        <Chart
          title={t("performance.throughput")}
          lines={[line("throughput", t("performance.throughput"))]}
          say={rate}
          tick={figures}
          {...common}
          {...about("throughput")}
        />
        <Chart
          title={t("performance.success")}
          lines={[line("success_rate", t("performance.success"))]}
          say={percent}
          most={1}
          {...common}
          {...about("success_rate")}
        />
        <Chart
          title={t("performance.pending")}
          lines={[line("pending", t("performance.pending"))]}
          say={amount}
          {...common}
          {...about("pending")}
        />
        <Chart
          title={t("performance.extender")}
          lines={[line("extender_p99", "p99")]}
          say={duration}
          {...common}
          {...about("extender_p99")}
        />
      </div>
      <p class="muted small">
        {quality.length === 0
          ? t("performance.forecast.none")
          : t("performance.forecast.quality", {
              errors: quality
                .map(
                  (each) => `${t(`performance.metric.${each.metric}` as never)} ${percent(each.error_ratio)}`,
                )
                .join(", "),
            })}
      </p>
    </section>
  );
}
