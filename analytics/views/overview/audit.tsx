/** Did anything in the audit log look like misuse? */
import { count, t } from "@shell/i18n";
import { Card, useAnswer } from "./card";

interface Status {
  configured: boolean;
  events: number;
}

interface Timeline {
  totals: Record<"critical" | "high" | "medium" | "low", number>;
}

export function Audit() {
  const asked = useAnswer<Status>("/api/v1/audit/status");
  const totals = useAnswer<Timeline>("/api/v1/audit/timeline").value?.totals;
  return (
    <Card
      name="audit"
      href="/audit"
      asked={asked}
      show={(status) => {
        if (!status.configured) return { mark: "plain", sentence: t("overview.audit.none") };
        const found = totals ? Object.values(totals).reduce((sum, one) => sum + one, 0) : 0;
        if (!totals || found === 0)
          return { mark: "good", sentence: t("overview.audit.clear", { events: count(status.events) }) };
        const grave = totals.critical + totals.high;
        return {
          mark: grave > 0 ? "bad" : "warn",
          sentence: t("overview.audit.said", {
            n: count(found),
            grave: count(grave),
            events: count(status.events),
          }),
        };
      }}
    />
  );
}
