import { count, duration, figures, type Key, percent, t } from "@shell/i18n";
import { Icon } from "@shell/parts";
import { Sentence, said } from "@shell/phrases";
import type { Finding, Report } from "./model";

/** Score, health and the key figures. */
export function Head({ report }: { report: Report }) {
  const { performance, score, health, utilization } = report;
  const none = t("none");
  const latency = performance.average_latency_ms;
  return (
    <section class="analyzer-head" aria-label={t("analyzer.figures")}>
      <Score value={score.value} parts={score.parts} />
      <dl class="analyzer-figures">
        <div>
          <dt>{t("analyzer.health")}</dt>
          <dd>
            <span class={`analyzer-mark ${health.health}`}>
              <Icon name={health.health === "healthy" ? "check" : "alert"} />
              {t(`analyzer.health.${health.health}` as Key)}
            </span>
          </dd>
        </div>
        <div>
          <dt>{t("analyzer.latency")}</dt>
          <dd>{latency === null ? none : duration(latency)}</dd>
          {performance.latency_ms.p95 !== null && (
            <dd class="muted small">
              {t("analyzer.latency.note", {
                p95: duration(performance.latency_ms.p95),
                p99: duration(performance.latency_ms.p99 ?? 0),
              })}
            </dd>
          )}
        </div>
        <div>
          <dt>{t("analyzer.throughput")}</dt>
          <dd>{t("analyzer.throughput.value", { n: figures(performance.throughput_pods_per_second) })}</dd>
          <dd class="muted small">{t("analyzer.throughput.note", { n: performance.pods_scheduled })}</dd>
        </div>
        <div>
          <dt>{t("analyzer.success")}</dt>
          <dd>{performance.success_rate === null ? none : percent(performance.success_rate)}</dd>
          <dd class="muted small">
            {t("analyzer.success.note", {
              n: Object.values(performance.attempts).reduce((sum, each) => sum + each, 0),
            })}
          </dd>
        </div>
        <div>
          <dt>{t("analyzer.efficiency")}</dt>
          <dd>
            {utilization.efficiency_percent === null ? none : percent(utilization.efficiency_percent / 100)}
          </dd>
          <dd class="muted small">{t("analyzer.efficiency.note")}</dd>
        </div>
      </dl>
    </section>
  );
}

const RADIUS = 42;
const ROUND = 2 * Math.PI * RADIUS;

function Score({ value, parts }: { value: number | null; parts: Record<string, number | null> }) {
  const shown = value ?? 0;
  const grade = value === null ? "" : value >= 80 ? "healthy" : value >= 50 ? "degraded" : "unhealthy";
  const said = value === null ? t("none") : count(Math.round(value));
  return (
    <div class="analyzer-score">
      <svg viewBox="0 0 100 100" role="img" aria-label={t("analyzer.score.said", { value: said })}>
        <circle cx="50" cy="50" r={RADIUS} class="track" />
        <circle
          cx="50"
          cy="50"
          r={RADIUS}
          class={`arc ${grade}`}
          stroke-dasharray={`${(shown / 100) * ROUND} ${ROUND}`}
          transform="rotate(-90 50 50)"
        />
        <text x="50" y="50" text-anchor="middle" dominant-baseline="central">
          {said}
        </text>
      </svg>
      <table>
        <caption>{t("analyzer.score")}</caption>
        <tbody>
          {Object.entries(parts).map(([name, part]) => (
            <tr key={name}>
              <th scope="row">{t(`analyzer.part.${name}` as Key)}</th>
              <td>{part === null ? t("none") : percent(part)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

export function Findings({ findings }: { findings: Finding[] }) {
  return (
    <section aria-labelledby="analyzer-findings">
      <h2 id="analyzer-findings">{t("analyzer.findings")}</h2>
      {findings.length === 0 ? (
        <p class="analyzer-none">
          <Icon name="check" /> {t("analyzer.findings.none")}
        </p>
      ) : (
        <ol class="analyzer-findings">
          {findings.map((finding) => (
            <li key={finding.id} class={finding.severity}>
              <h3>
                <span class={`analyzer-mark ${finding.severity}`}>
                  {t(`analyzer.severity.${finding.severity}` as Key)}
                </span>{" "}
                <Sentence said={finding} part="title" english={finding.title} />
              </h3>
              <p>
                <Sentence said={finding} part="detail" english={finding.detail} />
              </p>
              <p>
                <strong>{t("analyzer.remedy")}</strong>{" "}
                <Sentence said={finding} part="remedy" english={finding.remedy} />
              </p>
              {Object.keys(finding.evidence).length > 0 && (
                <details>
                  <summary>{t("analyzer.evidence")}</summary>
                  <Evidence value={finding.evidence} />
                </details>
              )}
            </li>
          ))}
        </ol>
      )}
    </section>
  );
}

/** Figures as they came: names and values, nested ones as lists. */
function Evidence({ value }: { value: unknown }) {
  if (Array.isArray(value)) {
    return (
      <ul>
        {value.map((each, at) => (
          <li key={at}>
            <Evidence value={each} />
          </li>
        ))}
      </ul>
    );
  }
  if (typeof value === "object" && value !== null) {
    return (
      <dl class="evidence">
        {Object.entries(value).map(([name, inner]) => (
          <div key={name}>
            <dt class="mono small">{name}</dt>
            <dd>
              <Evidence value={inner} />
            </dd>
          </div>
        ))}
      </dl>
    );
  }
  return <span class="mono small">{typeof value === "number" ? count(value) : said(String(value))}</span>;
}
