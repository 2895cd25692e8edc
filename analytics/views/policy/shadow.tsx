/** What plugins in shadow would have changed. */
import { data } from "@shell/api";
import { count, type Key, percent, t, toSecond } from "@shell/i18n";
import { usePolled } from "@shell/load";
import { Loading, Notice, TroubleNotice } from "@shell/parts";
import { go, place } from "@shell/router";
import type { ShadowNumbers, ShadowPlugin } from "./model";
import { POLL_MS } from "./state";

const SINCE = ["15m", "1h", "6h", "24h", "7d"] as const;

export function Shadow() {
  const since = place.value.query.get("since") ?? "";
  const path = `/api/v1/policy/shadow${since ? `?since=${encodeURIComponent(since)}` : ""}`;
  const report = usePolled(path, (signal) => data<{ plugins: ShadowPlugin[] }>(path, signal), POLL_MS);
  return (
    <section aria-labelledby="shadow-title">
      <div class="bar-of">
        <div>
          <h2 id="shadow-title">{t("policy.shadow")}</h2>
          <p class="muted small">{t("policy.shadow.lead")}</p>
        </div>
        <label class="field">
          <span>{t("filter.since")}</span>
          <select
            name="since"
            value={since}
            onChange={(event) => {
              const chosen = event.currentTarget.value;
              go(chosen ? `/policy/shadow?since=${chosen}` : "/policy/shadow", true);
            }}
          >
            <option value="">{t("since.all")}</option>
            {SINCE.map((one) => (
              <option key={one} value={one}>
                {t(`since.${one}` as Key)}
              </option>
            ))}
          </select>
        </label>
      </div>
      {report.value === undefined ? (
        report.trouble ? (
          <TroubleNotice trouble={report.trouble} retry={report.again} />
        ) : (
          <Loading />
        )
      ) : report.value.plugins.length === 0 ? (
        <Notice title={t("policy.shadow.empty")}>
          <p>{t("policy.shadow.empty.advice")}</p>
        </Notice>
      ) : (
        report.value.plugins.map((plugin) => <Report key={plugin.plugin} plugin={plugin} />)
      )}
    </section>
  );
}

function share(value: number | null): string {
  return value === null ? t("none") : percent(value / 100);
}

function micros(value: number | null): string {
  return value === null ? t("none") : `${count(Math.round(value))} µs`;
}

/** The report in one sentence. */
function sentence(found: ShadowNumbers): string {
  if (found.seen === 0) return t("policy.shadow.said.none");
  const parts: string[] = [];
  if (found.would_reject_all.pods > 0)
    parts.push(t("policy.shadow.said.rejected", { share: share(found.would_reject_all.percent) }));
  const some = found.would_reject.pods - found.would_reject_all.pods;
  if (some > 0) parts.push(t("policy.shadow.said.fewer", { share: percent(some / found.seen) }));
  if (found.moved.placements > 0)
    parts.push(t("policy.shadow.said.moved", { share: share(found.moved.percent) }));
  if (parts.length === 0) parts.push(t("policy.shadow.said.nothing"));
  parts.push(t("policy.shadow.said.cost", { time: micros(found.cost_us.p50) }));
  return t("policy.shadow.said", { what: parts.join(t("policy.comma")) });
}

function Report({ plugin }: { plugin: ShadowPlugin }) {
  const asked = t("policy.shadow.asked", { n: plugin.seen });
  const skipped = Object.values(plugin.skipped).reduce((sum, one) => sum + one, 0);
  return (
    <article class="card report" aria-label={plugin.plugin}>
      <h3>
        <a href={`/policy/edit?plugin=${encodeURIComponent(plugin.plugin)}`}>{plugin.plugin}</a>
      </h3>
      <p class="said">{sentence(plugin)}</p>
      <p class="muted small">
        {asked}
        {skipped > 0 && ` · ${t("policy.shadow.skipped", { n: skipped })}`}
        {plugin.failed > 0 && ` · ${t("policy.shadow.failed", { n: plugin.failed })}`} ·{" "}
        {t("policy.shadow.span", { from: toSecond(plugin.since), to: toSecond(plugin.until) })}
      </p>
      <Parts
        caption={t("policy.shadow.namespaces")}
        rows={plugin.namespaces.map((part) => ({ name: part.namespace || t("policy.shadow.others"), part }))}
      />
      {plugin.examples.length > 0 && (
        <details>
          <summary>{t("policy.shadow.examples", { n: plugin.examples.length })}</summary>
          <ul class="examples">
            {plugin.examples.slice(0, 10).map((one) => (
              <li key={one.decision}>
                <a href={`/decisions/${encodeURIComponent(one.decision)}`}>
                  {one.pod.namespace}/{one.pod.name}
                </a>{" "}
                <span class="muted">
                  {one.rejected_all
                    ? t("policy.shadow.example.all")
                    : one.moved
                      ? t("policy.shadow.example.moved", one.moved)
                      : t("policy.shadow.example.some", { n: one.rejected })}
                </span>
              </li>
            ))}
          </ul>
        </details>
      )}
    </article>
  );
}

function Parts({ caption, rows }: { caption: string; rows: { name: string; part: ShadowNumbers }[] }) {
  return (
    <table class="policy numbers">
      <caption class="sr-only">{caption}</caption>
      <thead>
        <tr>
          <th scope="col">{t("list.namespace")}</th>
          <th scope="col" class="number">
            {t("policy.shadow.seen")}
          </th>
          <th scope="col" class="number">
            {t("policy.shadow.rejected")}
          </th>
          <th scope="col" class="number">
            {t("policy.shadow.fewer")}
          </th>
          <th scope="col" class="number">
            {t("policy.shadow.moved")}
          </th>
          <th scope="col" class="number">
            {t("policy.shadow.cost")}
          </th>
        </tr>
      </thead>
      <tbody>
        {rows.map(({ name, part }) => (
          <tr key={name}>
            <th scope="row">{name}</th>
            <td class="number" data-label={t("policy.shadow.seen")}>
              {count(part.seen)}
            </td>
            <td class="number" data-label={t("policy.shadow.rejected")}>
              {share(part.would_reject_all.percent)}
            </td>
            <td class="number" data-label={t("policy.shadow.fewer")}>
              {share(part.would_reject.percent)}
            </td>
            <td class="number" data-label={t("policy.shadow.moved")}>
              {share(part.moved.percent)}
            </td>
            <td class="number" data-label={t("policy.shadow.cost")}>
              {micros(part.cost_us.p50)}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
