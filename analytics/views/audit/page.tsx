/** The audit page: what happened around scheduling, and what of it is suspicious. */
import { data } from "@shell/api";
import { moment, t } from "@shell/i18n";
import { follow } from "@shell/live";
import { useLoad } from "@shell/load";
import { Copy, Loading, Notice, TroubleNotice } from "@shell/parts";
import { useEffect, useState } from "preact/hooks";
import "./audit.css";
import { OneFinding } from "./finding";
import { Findings } from "./findings";
import { type Status, within } from "./model";
import { Events, LatencyTab, Patterns, Rules } from "./tables";
import "./catalogue";

const TABS = ["findings", "events", "patterns", "latency", "rules"] as const;
type Tab = (typeof TABS)[number];
const AGAIN_MS = 15_000;

export function AuditPage({ rest }: { rest: string }) {
  const [first = "", second = ""] = rest.split("/");
  const turn = useTurns();
  const status = useLoad(`audit status ${turn}`, (signal) => data<Status>("/api/v1/audit/status", signal));
  useEffect(() => {
    if (!second) document.title = `${t("audit.title")} · Trimtab`;
  });
  if (first === "findings" && second) return <OneFinding id={second} turn={turn} />;
  const tab: Tab = TABS.find((name) => name === first) ?? "findings";
  if (!status.value) {
    return status.trouble ? <TroubleNotice trouble={status.trouble} retry={status.again} /> : <Loading />;
  }
  const nothing = status.value.events === 0 && tab !== "rules";
  return (
    <>
      <div class="title">
        <div>
          <h1>{t("audit.title")}</h1>
          <p class="muted">{t("audit.lead")}</p>
        </div>
        <Reading status={status.value} />
      </div>
      <Troubles status={status.value} />
      <nav class="audit-tabs" aria-label={t("audit.tabs")}>
        {TABS.map((name) => (
          <a
            key={name}
            href={within(name === "findings" ? "/audit" : `/audit/${name}`)}
            aria-current={name === tab ? "page" : undefined}
          >
            {t(`audit.tab.${name}`)}
          </a>
        ))}
      </nav>
      {nothing ? <Nothing configured={status.value.configured} /> : <Shown tab={tab} turn={turn} />}
    </>
  );
}

function Shown({ tab, turn }: { tab: Tab; turn: number }) {
  switch (tab) {
    case "events":
      return <Events turn={turn} />;
    case "patterns":
      return <Patterns turn={turn} />;
    case "latency":
      return <LatencyTab turn={turn} />;
    case "rules":
      return <Rules turn={turn} />;
    default:
      return <Findings turn={turn} />;
  }
}

/** Grows when there is something new: the stream tells of findings, and events are looked for now and then. */
function useTurns(): number {
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    const next = () => {
      if (!document.hidden) setTurn((old) => old + 1);
    };
    const timer = window.setInterval(next, AGAIN_MS);
    const unfollow = follow((event) => {
      if (event === "findings" || event === "resync") next();
    });
    return () => {
      window.clearInterval(timer);
      unfollow();
    };
  }, []);
  return turn;
}

function Reading({ status }: { status: Status }) {
  if (status.events === 0) return null;
  return (
    <p class="muted small">
      {t("audit.read", { n: status.events })}
      {status.newest && ` · ${t("audit.newest", { time: moment(status.newest) })}`}
    </p>
  );
}

function Troubles({ status }: { status: Status }) {
  const wrong = status.rules.problem;
  const told = wrong ? [t("audit.rules.problem", { problem: wrong })] : [];
  for (const log of status.logs) {
    told.push(
      ...(log.error ? [log.error] : []),
      ...(log.bad_lines > 0
        ? [`${t("audit.bad", { n: log.bad_lines, path: log.path })} ${log.troubles.at(-1) ?? ""}`]
        : []),
    );
  }
  return told.length === 0 ? null : (
    <div class="refused audit-troubles" role="status">
      {told.map((text) => (
        <p key={text}>{text}</p>
      ))}
    </div>
  );
}

const FLAGS = `--audit-policy-file=/etc/kubernetes/audit-policy.yaml
--audit-log-path=/var/log/audit/audit.log
--audit-log-maxsize=100
--audit-log-maxbackup=10`;

function Nothing({ configured }: { configured: boolean }) {
  if (configured) {
    return (
      <Notice title={t("audit.waiting")}>
        <p>{t("audit.waiting.advice")}</p>
      </Notice>
    );
  }
  return (
    <Notice title={t("audit.off")}>
      <ol class="audit-steps">
        <li>
          {t("audit.off.policy")} <code>deploy/examples/audit-policy.yaml</code>
        </li>
        <li>
          {t("audit.off.flags")}
          <div class="audit-fix">
            {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it may scroll, and keys must reach it */}
            <pre tabIndex={0}>{FLAGS}</pre>
            <Copy text={FLAGS} label={t("audit.off.copy")} />
          </div>
        </li>
        <li>
          {t("audit.off.here")} <code>--audit-log=/var/log/audit/audit.log</code>
        </li>
        <li>
          {t("audit.off.webhook")} <code>--audit-token-file=FILE</code>
        </li>
      </ol>
    </Notice>
  );
}
