/** Is the whole chain well: scheduler, extender, policy, watch, journal? */
import { count, t } from "@shell/i18n";
import { type Said, Sentence } from "@shell/phrases";
import { Card, useAnswer } from "./card";

interface Answer {
  scheduler: string;
  health: "healthy" | "degraded" | "unhealthy";
  checks: (Said & { name: string; ok: boolean; detail: string; remedy?: string })[];
}

const MARK = { healthy: "good", degraded: "warn", unhealthy: "bad" } as const;

export function Health() {
  const asked = useAnswer<Answer>("/api/analysis/health");
  return (
    <Card
      name="health"
      href="/analyzer"
      asked={asked}
      show={({ health, checks, scheduler }) => {
        const failed = checks.filter((check) => !check.ok);
        return {
          mark: MARK[health] ?? "plain",
          sentence:
            failed.length === 0
              ? t("overview.health.said", { n: count(checks.length), scheduler })
              : t("overview.health.failed", { n: count(failed.length), of: count(checks.length) }),
          children: failed.length > 0 && (
            <ul class="lines">
              {failed.map((check) => (
                <li key={check.name}>
                  <Sentence said={check} part="detail" english={check.detail} />
                  {check.remedy && (
                    <span class="note small">
                      <Sentence said={check} part="remedy" english={check.remedy} />
                    </span>
                  )}
                </li>
              ))}
            </ul>
          ),
        };
      }}
    />
  );
}
