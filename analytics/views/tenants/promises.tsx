/** What other systems promise to the same namespaces. What contradicts a quota stands among the findings. */
import { data } from "@shell/api";
import { count, t } from "@shell/i18n";
import { usePolled } from "@shell/load";
import { Phrase } from "@shell/phrases";
import { Table } from "@shell/table";
import type { Promised, Promises } from "./model";

const POLL_MS = 15_000;
const SHOWN = 100;

export function OtherPromises() {
  const path = `/api/v1/tenants/promises?limit=${SHOWN}`;
  const found = usePolled(path, (signal) => data<Promises>(path, signal), POLL_MS).value;
  if (!found || (found.total === 0 && found.problems.length === 0)) return null;
  const served = found.systems.filter((one) => one.served && one.promises > 0);
  return (
    <details class="promises">
      <summary>
        <h2 id="promises">{t("tenants.promises")}</h2>{" "}
        <span class="muted small">
          {served.map((one) => `${one.kind} ${count(one.promises)}`).join(" · ")}
        </span>
      </summary>
      <p class="muted small">{t("tenants.promises.lead")}</p>
      {found.problems.length > 0 && (
        <ul class="small" aria-label={t("tenants.promises.problems")}>
          {found.problems.map((one) => (
            <li key={one.kind + one.name} lang="en">
              <strong>
                {one.kind} {one.name}
              </strong>{" "}
              <span class="mono">{one.path}</span>: {one.message}
            </li>
          ))}
        </ul>
      )}
      <Table
        caption={t("tenants.promises")}
        quiet
        columns={[
          t("tenants.promises.by"),
          t("tenants.promises.for"),
          t("tenants.promises.sure"),
          t("tenants.promises.most"),
          t("tenants.promises.cohort"),
        ]}
      >
        {found.promises.map((one) => (
          <Row key={one.kind + one.name} one={one} />
        ))}
      </Table>
      {found.total > found.promises.length && (
        <p class="muted small">
          {t("tenants.promises.more", { n: count(found.total - found.promises.length) })}
        </p>
      )}
    </details>
  );
}

function Row({ one }: { one: Promised }) {
  return (
    <tr>
      <th scope="row">
        {one.kind} <span class="mono">{one.name}</span>
        {one.only && (
          <span class="muted small">
            {" "}
            (<Phrase text={one.only} />)
          </span>
        )}
      </th>
      <td>{one.tenants.length > 0 ? one.tenants.join(", ") : one.namespaces.join(", ") || "–"}</td>
      <td>{amounts(one.guaranteed)}</td>
      <td>{amounts(one.limit)}</td>
      <td>{one.cohort || "–"}</td>
    </tr>
  );
}

function amounts(of: Record<string, string | number>): string {
  const parts = Object.entries(of).map(([name, amount]) => `${name} ${amount}`);
  return parts.join(", ") || "–";
}
