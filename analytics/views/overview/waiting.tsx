/** Which pods wait, why, and which of them wait in vain. */
import { count, language, t } from "@shell/i18n";
import { quoting } from "@shell/phrases";
import { Card, useAnswer } from "./card";

interface Cause {
  cause: string;
  title: string;
  lasting: string;
  label: string;
  count: number;
  sentence: string;
}

const MOST = 4;

export function Waiting() {
  const asked = useAnswer<{ total: number; causes: Cause[] }>(`/api/v1/pods/pending?lang=${language.value}`);
  return (
    <Card
      name="waiting"
      href="/pending"
      asked={asked}
      show={({ total, causes }) => {
        const never = causes
          .filter((one) => one.lasting === "never")
          .reduce((sum, one) => sum + one.count, 0);
        if (total === 0) return { mark: "good", sentence: t("overview.waiting.none") };
        const values = { n: count(total), never: count(never) };
        return {
          mark: never > 0 ? "bad" : "warn",
          sentence: t(never > 0 ? "overview.waiting.never" : "overview.waiting.said", values),
          children: (
            <ul class="lines">
              {causes.slice(0, MOST).map((one) => (
                <li key={one.cause}>
                  <a href={`/pending?cause=${one.cause}`}>{one.title}</a>{" "}
                  <span class="muted">
                    {one.label}, {count(one.count)}
                  </span>
                  <span class="note small">{quoting(one.sentence)}</span>
                </li>
              ))}
            </ul>
          ),
        };
      }}
    />
  );
}
