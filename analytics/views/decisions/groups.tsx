/** Statistics by plugin, tenant, node and more, and how often the scheduler took our first choice. */
import { data } from "@shell/api";
import { count, type Key, milliseconds, percent, seconds, t } from "@shell/i18n";
import { useLoad } from "@shell/load";
import { Loading, TroubleNotice, Wide } from "@shell/parts";
import { said } from "@shell/phrases";
import { go, place } from "@shell/router";
import { useState } from "preact/hooks";
import type { Agreement, AgreementGroups, Group, Groups, PartLatency } from "./model";

const BY = ["plugin", "reason", "tenant", "namespace", "owner", "node", "scheduler", "revision"] as const;
type By = (typeof BY)[number];
const PLACES = ["first", "tied", "second", "further", "untold", "elsewhere"] as const;

/** The address with another `by`, and all else as it is; empty: closed. */
function choose(by: string): void {
  const query = new URLSearchParams(place.value.query);
  if (by) query.set("by", by);
  else query.delete("by");
  go(query.size ? `/decisions?${query}` : "/decisions", true);
}

/** `filters`: those of the list, as a query. */
export function Statistics({ filters }: { filters: string }) {
  const named = place.value.query.get("by") ?? "";
  const by = BY.find((one) => one === named);
  return (
    <details
      class="panel"
      open={by !== undefined}
      onToggle={(event) => {
        if (event.currentTarget.open !== (by !== undefined)) choose(event.currentTarget.open ? "plugin" : "");
      }}
    >
      <summary>
        <h2>{t("groups.title")}</h2>
      </summary>
      {by && <Told by={by} filters={filters} />}
    </details>
  );
}

function Told({ by, filters }: { by: By; filters: string }) {
  const path = `/api/v1/decisions/statistics?by=${by}${filters && `&${filters}`}`;
  const groups = useLoad(path, (signal) => data<Groups>(path, signal));
  const since = place.value.query.get("since");
  return (
    <>
      <div class="decisions-by">
        <label>
          <span>{t("groups.by")}</span>
          <select name="by" value={by} onChange={(event) => choose(event.currentTarget.value)}>
            {BY.map((one) => (
              <option key={one} value={one}>
                {t(`groups.by.${one}`)}
              </option>
            ))}
          </select>
        </label>
        {!since && <span class="muted small">{t("groups.recent")}</span>}
      </div>
      {groups.trouble && <TroubleNotice trouble={groups.trouble} retry={groups.again} />}
      {groups.value === undefined ? (
        !groups.trouble && <Loading rows={4} />
      ) : groups.value.groups.length === 0 ? (
        <p class="muted">{t("groups.none")}</p>
      ) : (
        <GroupTable told={groups.value} />
      )}
      <AgreementCard since={since} />
    </>
  );
}

function GroupTable({ told }: { told: Groups }) {
  const nodes = told.by === "plugin" || told.by === "reason";
  return (
    <>
      <Wide>
        <table class="decisions-groups">
          <caption class="sr-only">{t("groups.caption")}</caption>
          <thead>
            <tr>
              <th scope="col">{t(`groups.by.${told.by as By}`)}</th>
              <th scope="col" class="number">
                {t("stats.total")}
              </th>
              <th scope="col" class="number">
                {t("stats.rate")}
              </th>
              <th scope="col" class="number">
                {t("stats.unschedulable")}
              </th>
              <th scope="col" class="number">
                {t("stats.error")}
              </th>
              {nodes && (
                <th scope="col" class="number">
                  {t("groups.nodes")}
                </th>
              )}
              <th scope="col" class="number" title={t("groups.queue.note")}>
                {t("groups.queue")}
              </th>
              <th scope="col" class="number" title={t("groups.own.note")}>
                {t("groups.own")}
              </th>
              <th scope="col" class="number" title={t("groups.bind.note")}>
                {t("groups.bind")}
              </th>
            </tr>
          </thead>
          <tbody>
            {told.groups.map((group) => (
              <GroupRow
                key={group.group + (group.reason ?? "")}
                group={group}
                by={told.by as By}
                nodes={nodes}
              />
            ))}
          </tbody>
        </table>
      </Wide>
      <p class="aside">
        {t("groups.aside")} {told.more && t("groups.more", { n: told.groups.length })}
      </p>
    </>
  );
}

function GroupRow({ group, by, nodes }: { group: Group; by: By; nodes: boolean }) {
  const filtered = by === "owner" || by === "tenant" ? "" : group.group;
  const name = group.group || t("groups.nobody");
  return (
    <tr>
      <th scope="row">
        {filtered ? (
          <a href={filteredBy(by, group)}>{by === "reason" ? said(group.reason ?? "") : name}</a>
        ) : (
          name
        )}
        {by === "reason" && <span class="note muted small">{group.group}</span>}
      </th>
      <td class="number">{count(group.decisions)}</td>
      <td class="number">{group.success_rate === null ? t("none") : percent(group.success_rate)}</td>
      <td class="number">{count(group.unschedulable)}</td>
      <td class="number">{count(group.error)}</td>
      {nodes && <td class="number">{count(group.nodes ?? 0)}</td>}
      <td class="number">{both(group.latency.queue, seconds)}</td>
      <td class="number">{both(group.latency.own, milliseconds)}</td>
      <td class="number">{both(group.latency.bind, milliseconds)}</td>
    </tr>
  );
}

/** The list of just these decisions. */
function filteredBy(by: By, group: Group): string {
  const query = new URLSearchParams(place.value.query);
  query.delete("continue");
  if (by === "reason") {
    query.set("plugin", group.group);
    query.set("reason", group.reason ?? "");
  } else query.set(by, group.group);
  return `/decisions?${query}`;
}

/** Median and 99th percentile. */
function both(part: PartLatency | null, told: (value: number) => string): string {
  return part ? `${told(part.p50_ms)} / ${told(part.p99_ms)}` : t("none");
}

function AgreementCard({ since }: { since: string | null }) {
  const span = since ? `since=${encodeURIComponent(since)}` : "";
  const path = `/api/v1/decisions/agreement${span && `?${span}`}`;
  const agreement = useLoad(path, (signal) => data<Agreement>(path, signal));
  const [open, setOpen] = useState(false);
  if (agreement.trouble && agreement.value === undefined)
    return <TroubleNotice trouble={agreement.trouble} retry={agreement.again} />;
  const told = agreement.value;
  if (told === undefined) return <Loading rows={2} />;
  return (
    <section class="decisions-agreement" aria-label={t("agreement.title")}>
      <h3>{t("agreement.title")}</h3>
      {told.decisions === 0 ? (
        <p class="muted">{t("agreement.none")}</p>
      ) : (
        <>
          <p>
            <strong class="decisions-ratio">
              {told.agreement_ratio === null ? t("none") : percent(told.agreement_ratio)}
            </strong>{" "}
            {t("agreement.said", { n: told.decisions })}
            {told.ahead_average !== null && ` ${t("agreement.ahead", { score: told.ahead_average })}`}
          </p>
          <dl class="facts">
            {PLACES.filter((one) => told[one] > 0).map((one) => (
              <div key={one}>
                <dt title={t(`agreement.${one}.note`)}>{t(`agreement.${one}`)}</dt>
                <dd>{count(told[one])}</dd>
              </div>
            ))}
            {told.unscored > 0 && (
              <div>
                <dt title={t("agreement.unscored.note")}>{t("agreement.unscored")}</dt>
                <dd>{count(told.unscored)}</dd>
              </div>
            )}
          </dl>
          <details onToggle={(event) => setOpen(event.currentTarget.open)}>
            <summary>{t("agreement.by")}</summary>
            {open && <AgreementBy span={span} />}
          </details>
        </>
      )}
      <p class="aside">{t("agreement.aside")}</p>
    </section>
  );
}

const GROUPED = ["plugins", "revision", "scheduler"] as const;

function AgreementBy({ span }: { span: string }) {
  const [by, setBy] = useState<(typeof GROUPED)[number]>("plugins");
  const path = `/api/v1/decisions/agreement?by=${by}${span && `&${span}`}`;
  const told = useLoad(path, (signal) => data<AgreementGroups>(path, signal));
  return (
    <>
      <div class="decisions-by">
        <label>
          <span>{t("groups.by")}</span>
          <select
            name="agreement-by"
            value={by}
            onChange={(event) => setBy(event.currentTarget.value as typeof by)}
          >
            {GROUPED.map((one) => (
              <option key={one} value={one}>
                {t(`agreement.by.${one}`)}
              </option>
            ))}
          </select>
        </label>
      </div>
      {told.trouble && <TroubleNotice trouble={told.trouble} retry={told.again} />}
      {told.value && (
        <Wide>
          <table>
            <thead>
              <tr>
                <th scope="col">{t(`agreement.by.${by}`)}</th>
                <th scope="col" class="number">
                  {t("stats.total")}
                </th>
                <th scope="col" class="number">
                  {t("agreement.ratio")}
                </th>
                {PLACES.map((one) => (
                  <th key={one} scope="col" class="number">
                    {t(`agreement.${one}` as Key)}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {told.value.groups.map((group) => (
                <tr key={group.group}>
                  <th scope="row">{group.group.replaceAll(",", ", ") || t("groups.nobody")}</th>
                  <td class="number">{count(group.decisions)}</td>
                  <td class="number">
                    {group.agreement_ratio === null ? t("none") : percent(group.agreement_ratio)}
                  </td>
                  {PLACES.map((one) => (
                    <td key={one} class="number">
                      {count(group[one])}
                    </td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </Wide>
      )}
    </>
  );
}
