/** The first tab: what the rules found, over time and as a list. */
import { data } from "@shell/api";
import { Choice } from "@shell/choice";
import { count, milliseconds, moment, t } from "@shell/i18n";
import { useLoad } from "@shell/load";
import { Loading, Notice, TroubleNotice } from "@shell/parts";
import { place } from "@shell/router";
import { Table } from "@shell/table";
import {
  asked,
  choose,
  type Finding,
  LIMIT,
  type Rule,
  range,
  SEVERITIES,
  type Severity,
  STATES,
  type State,
  startOf,
  type Timeline,
  titleOf,
  within,
} from "./model";
import { Attack, Paging, RangeChoice, SeverityBadge, StateBadge } from "./parts";
import { TimelineChart } from "./timeline";

interface List {
  findings: Finding[];
  total: number;
  continue?: string;
}

export function Findings({ turn }: { turn: number }) {
  const span = startOf(range());
  const over = useLoad(`timeline ${span} ${turn}`, (signal) =>
    data<Timeline>(`/api/v1/audit/timeline?${span || "start=2000-01-01"}`, signal),
  );
  const token = place.value.query.get("continue") ?? "";
  const filters = asked(["severity", "state", "rule", "user"]);
  const path = `/api/v1/audit/findings?limit=${LIMIT}${filters && `&${filters}`}${token && `&continue=${encodeURIComponent(token)}`}`;
  const list = useLoad(`${path} ${turn}`, (signal) => data<List>(path, signal));
  return (
    <>
      {over.value && <Figures timeline={over.value} />}
      {over.value && over.value.steps.length > 0 && <TimelineChart timeline={over.value} />}
      <Filters />
      {list.value ? (
        <>
          <Listed findings={list.value.findings} />
          <Paging shown={list.value.findings.length} total={list.value.total} next={list.value.continue} />
        </>
      ) : list.trouble ? (
        <TroubleNotice trouble={list.trouble} retry={list.again} />
      ) : (
        <Loading />
      )}
    </>
  );
}

function Figures({ timeline }: { timeline: Timeline }) {
  return (
    <dl class="figures audit-figures">
      {SEVERITIES.map((name) => (
        <div key={name} class="figure">
          <dt class="label">
            <SeverityBadge severity={name} />
          </dt>
          <dd class="value">{count(timeline.totals[name])}</dd>
        </div>
      ))}
      <div class="figure">
        <dt class="label">{t("audit.bindings")}</dt>
        <dd class="value">{count(timeline.total_bindings)}</dd>
      </div>
      <div class="figure">
        <dt class="label">{t("audit.latency.mean")}</dt>
        <dd class="value">
          {timeline.average_latency_ms === null ? "–" : milliseconds(timeline.average_latency_ms)}
        </dd>
      </div>
    </dl>
  );
}

function Filters() {
  const rules = useLoad("audit rules", (signal) => data<{ rules: Rule[] }>("/api/v1/audit/rules", signal))
    .value?.rules;
  const titles = new Map(rules?.map((rule) => [rule.rule, `${rule.rule} ${titleOf(rule)}`]));
  return (
    <search class="filters" aria-label={t("filter.label")}>
      <div class="row">
        <RangeChoice />
        <Choice
          choose={choose}
          name="severity"
          label="audit.severity"
          options={SEVERITIES}
          told={(option) => t(`audit.severity.${option as Severity}`)}
        />
        <Choice
          choose={choose}
          name="state"
          label="audit.state"
          options={STATES}
          told={(option) => t(`audit.state.${option as State}`)}
        />
        <Choice
          choose={choose}
          name="rule"
          label="audit.rule"
          options={rules?.map((rule) => rule.rule) ?? []}
          told={(option) => titles.get(option) ?? option}
        />
      </div>
    </search>
  );
}

function Listed({ findings }: { findings: Finding[] }) {
  if (findings.length === 0) {
    return (
      <Notice title={t("audit.findings.empty")}>
        <p>{t("audit.findings.empty.advice")}</p>
      </Notice>
    );
  }
  return (
    <Table
      name="audit-findings"
      caption={t("audit.findings.caption")}
      quiet
      columns={[
        t("audit.severity"),
        t("audit.finding"),
        [t("audit.who"), "wide"],
        [t("audit.attack"), "wide"],
        [t("list.time"), "middle"],
      ]}
    >
      {findings.map((finding) => (
        <tr key={finding.id} class={finding.state}>
          <td>
            <SeverityBadge severity={finding.severity} />
            {finding.state !== "open" && (
              <span class="note">
                <StateBadge state={finding.state} />
              </span>
            )}
          </td>
          <td>
            <a class="strong" href={within(`/audit/findings/${finding.id}`)}>
              {titleOf(finding)}
            </a>
            <span class="note muted small name">
              {finding.rule} · {finding.object}
            </span>
            <span class="narrow muted small">
              {finding.user} · {moment(finding.time)}
            </span>
          </td>
          <td class="wide name">{finding.user}</td>
          <td class="wide">
            <Attack ids={finding.attack} />
          </td>
          <td class="time middle">
            <time dateTime={finding.time} title={finding.time}>
              {moment(finding.time)}
            </time>
          </td>
        </tr>
      ))}
    </Table>
  );
}
