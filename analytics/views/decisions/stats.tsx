import { count, milliseconds, percent, t } from "@shell/i18n";
import { said } from "@shell/phrases";
import type { Latency, Policy, Stats } from "./model";

/** The key figures over the chosen time. */
export function Figures({ stats, policy }: { stats: Stats | undefined; policy: Policy | undefined }) {
  const none = t("none");
  const top = stats?.rejections[0];
  return (
    <>
      <section class="figures" aria-label={t("stats.label")}>
        <Figure label={t("stats.total")} value={stats ? count(stats.total) : none} />
        <Figure
          label={t("stats.rate")}
          value={stats?.success_rate == null ? none : percent(stats.success_rate)}
          note={t("stats.rate.note")}
        />
        <Figure label={t("stats.unschedulable")} value={stats ? count(stats.unschedulable) : none} />
        <Figure label={t("stats.error")} value={stats ? count(stats.error) : none} />
        <Figure label={t("stats.filter")} value={latency(stats?.phases.filter)} />
        <Figure label={t("stats.score")} value={latency(stats?.phases.score)} />
        {policy && <InEffect policy={policy} />}
        {top && (
          <Figure
            label={t("stats.rejection")}
            value={said(top.reason)}
            note={t("stats.rejection.note", { plugin: top.plugin, n: top.count })}
            words
          />
        )}
      </section>
      {policy?.refused && (
        <p class="refused" role="status">
          {t("policy.refused", { why: policy.refused })}
        </p>
      )}
    </>
  );
}

function InEffect({ policy }: { policy: Policy }) {
  if (!policy.reachable)
    return <Figure label={t("policy.label")} value={t("none")} note={t("policy.unreachable")} words />;
  return <Figure label={t("policy.label")} value={policy.revision || t("none")} note={policy.source} words />;
}

function latency(phase: Latency | undefined): string {
  return phase
    ? `${milliseconds(phase.p50_ms).replace(" ms", "")} / ${milliseconds(phase.p99_ms)}`
    : t("none");
}

function Figure({
  label,
  value,
  note,
  words,
}: {
  label: string;
  value: string;
  note?: string;
  words?: boolean;
}) {
  return (
    <div class={words ? "figure words" : "figure"}>
      <span class="label">{label}</span>
      <span class="value" title={words ? value : undefined}>
        {value}
      </span>
      {note && <span class="note">{note}</span>}
    </div>
  );
}
