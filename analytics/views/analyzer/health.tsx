import { type Key, t } from "@shell/i18n";
import { Icon } from "@shell/parts";
import { Sentence } from "@shell/phrases";
import type { Check, Health } from "./model";

/** Is the scheduler well? Every check with what it saw. */
export function Checks({ health }: { health: Health }) {
  return (
    <section aria-labelledby="analyzer-checks">
      <h2 id="analyzer-checks">
        {t("analyzer.checks")}{" "}
        <span class={`analyzer-mark ${health.health}`}>{t(`analyzer.health.${health.health}` as Key)}</span>
      </h2>
      <ul class="analyzer-checks">
        {health.checks.map((check) => (
          <One key={check.name} check={check} />
        ))}
      </ul>
    </section>
  );
}

function One({ check }: { check: Check }) {
  const grade = check.ok ? "healthy" : check.severity === "critical" ? "unhealthy" : "degraded";
  return (
    <li>
      <span class={`analyzer-mark ${grade}`}>
        <Icon name={check.ok ? "check" : "alert"} />
        <span class="sr-only">{t(check.ok ? "analyzer.check.ok" : "analyzer.check.failed")}</span>
      </span>
      <span>
        <strong>{t(`analyzer.check.${check.name}` as Key)}</strong>{" "}
        <span class="muted">
          <Sentence said={check} part="detail" english={check.detail} />
        </span>
        {check.remedy && (
          <span class="note small">
            <Sentence said={check} part="remedy" english={check.remedy} />
          </span>
        )}
      </span>
    </li>
  );
}
