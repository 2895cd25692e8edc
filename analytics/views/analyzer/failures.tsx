import { count, moment, t } from "@shell/i18n";
import { Phrase } from "@shell/phrases";
import { podPath } from "@shell/pod";
import { Table } from "@shell/table";
import type { Failures } from "./model";

/** Why pods failed, and which. */
export function Failed({ failures }: { failures: Failures }) {
  const { reasons, errors, pods } = failures;
  if (reasons.length + errors.length + pods.length === 0) return null;
  return (
    <section aria-labelledby="analyzer-failures">
      <h2 id="analyzer-failures">{t("analyzer.failures")}</h2>
      <div class="analyzer-pair">
        {(reasons.length > 0 || errors.length > 0) && (
          <Table
            caption={t("analyzer.reasons")}
            columns={[t("analyzer.reason"), [t("analyzer.attempts"), "number"]]}
          >
            {reasons.map((each) => (
              <tr key={each.plugin + each.reason}>
                <td>
                  <Phrase text={each.reason} /> <span class="note muted small">{each.plugin}</span>
                </td>
                <td class="number">{count(each.attempts)}</td>
              </tr>
            ))}
            {errors.map((each) => (
              <tr key={each.message}>
                <td>
                  <Phrase text={each.message || t("none")} />{" "}
                  <span class="note muted small">{t("outcome.error")}</span>
                </td>
                <td class="number">{count(each.attempts)}</td>
              </tr>
            ))}
          </Table>
        )}
        {pods.length > 0 && (
          <Table
            caption={t("analyzer.pods")}
            columns={[t("analyzer.pod"), [t("analyzer.attempts"), "number"], t("analyzer.last")]}
          >
            {pods.map((each) => (
              <tr key={each.uid}>
                <td>
                  <a class="podlink" href={podPath({ namespace: each.namespace, name: each.pod })}>
                    {each.namespace}/{each.pod}
                  </a>
                </td>
                <td class="number">{count(each.attempts)}</td>
                <td class="time">
                  <time dateTime={each.last}>{moment(each.last)}</time>
                </td>
              </tr>
            ))}
          </Table>
        )}
      </div>
    </section>
  );
}
