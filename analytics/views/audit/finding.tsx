/** One finding: what was found, by whom, the evidence, the fix, and what people said about it. */
import { data, send, Trouble } from "@shell/api";
import { type Key, moment, t } from "@shell/i18n";
import { useLoad } from "@shell/load";
import { Copy, Loading, TroubleNotice } from "@shell/parts";
import { Phrase } from "@shell/phrases";
import { Table } from "@shell/table";
import { useEffect, useState } from "preact/hooks";
import { type AuditEvent, type Finding, remedyOf, type State, said, target, titleOf, within } from "./model";
import { Attack, SeverityBadge, StateBadge } from "./parts";

type Evidence = AuditEvent & { request: unknown };

interface Whole {
  finding: Finding;
  events: Evidence[];
  missing_event_ids: string[];
  history: { time: string; state: State; who: string; why: string; until: string | null; similar: boolean }[];
}

export function OneFinding({ id, turn }: { id: string; turn: number }) {
  const path = `/api/v1/audit/findings/${encodeURIComponent(id)}`;
  const { value, trouble, again } = useLoad(`${path} ${turn}`, (signal) => data<Whole>(path, signal));
  useEffect(() => {
    if (value) document.title = `${titleOf(value.finding)} · Trimtab`;
  });
  if (!value) return trouble ? <TroubleNotice trouble={trouble} retry={again} /> : <Loading />;
  const finding = value.finding;
  return (
    <article class="audit-finding">
      <nav class="crumbs" aria-label={t("audit.crumbs")}>
        <a href={within("/audit")}>{t("audit.title")}</a>
        <span aria-hidden="true">/</span>
        <span>{finding.rule}</span>
      </nav>
      <h1>{titleOf(finding)}</h1>
      <p class="badges">
        <SeverityBadge severity={finding.severity} />
        <StateBadge state={finding.state} />
        <Attack ids={finding.attack} />
      </p>
      <p class="said">
        <Phrase text={finding.description} />
      </p>
      <dl class="facts">
        <Fact label="audit.who" value={finding.user} />
        <Fact label="audit.object" value={finding.object} />
        <Fact label="audit.when" value={moment(finding.time)} />
        <Fact label="audit.rule" value={finding.rule} />
      </dl>
      <div class="columns">
        <section class="panel">
          <h2>{t("audit.fix")}</h2>
          <Fix text={remedyOf(finding)} />
        </section>
        <Verdicts finding={finding} done={again} history={value.history} />
      </div>
      <section class="panel">
        <h2>{t("audit.evidence")}</h2>
        <EvidenceTable events={value.events} />
        {value.missing_event_ids.length > 0 && (
          <p class="aside">{t("audit.evidence.missing", { n: value.missing_event_ids.length })}</p>
        )}
      </section>
    </article>
  );
}

function Fact({ label, value }: { label: Key; value: string }) {
  return (
    <div>
      <dt>{t(label)}</dt>
      <dd>
        <span class="fact" title={value}>
          {value || "–"}
        </span>
      </dd>
    </div>
  );
}

function Fix({ text }: { text: string }) {
  return (
    <div class="audit-fix">
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it may scroll, and keys must reach it */}
      <pre tabIndex={0}>{text}</pre>
      <Copy text={text} label={t("audit.fix.copy")} />
    </div>
  );
}

function Verdicts({
  finding,
  done,
  history,
}: {
  finding: Finding;
  done: () => void;
  history: Whole["history"];
}) {
  return (
    <section class="panel">
      <h2>{t("audit.decide")}</h2>
      <Form finding={finding} done={done} />
      {history.length > 0 && (
        <ol class="audit-history">
          {history.map((entry) => (
            <li key={entry.time}>
              <StateBadge state={entry.state} /> {entry.who} · {moment(entry.time)}
              {entry.until && ` · ${t("audit.until.said", { time: moment(entry.until) })}`}
              {entry.similar && ` · ${t("audit.similar.said")}`}
              <span class="note">{entry.why}</span>
            </li>
          ))}
        </ol>
      )}
    </section>
  );
}

const DAYS = ["1", "7", "30", "90", ""] as const;

function Form({ finding, done }: { finding: Finding; done: () => void }) {
  const [why, setWhy] = useState("");
  const [days, setDays] = useState<string>("7");
  const [similar, setSimilar] = useState(false);
  const [busy, setBusy] = useState(false);
  const [trouble, setTrouble] = useState("");
  const say = async (what: "acknowledge" | "suppress" | "reopen") => {
    setBusy(true);
    setTrouble("");
    const until = days ? new Date(Date.now() + Number(days) * 86_400_000).toISOString() : undefined;
    const body = what === "suppress" ? { why, similar, ...(until ? { until } : {}) } : { why };
    try {
      await send("POST", `/api/v1/audit/findings/${finding.id}/${what}`, { body: JSON.stringify(body) });
      setWhy("");
      done();
    } catch (wrong) {
      setTrouble(wrong instanceof Trouble ? wrong.message : String(wrong));
    }
    setBusy(false);
  };
  const blocked = busy || why.trim() === "";
  return (
    <form class="audit-decide" onSubmit={(event) => event.preventDefault()}>
      <label>
        <span>{t("audit.why")}</span>
        <textarea
          rows={2}
          maxLength={1000}
          value={why}
          onInput={(event) => setWhy(event.currentTarget.value)}
          placeholder={t("audit.why.example")}
        />
      </label>
      <div class="row">
        <label>
          <span>{t("audit.until")}</span>
          <select value={days} onChange={(event) => setDays(event.currentTarget.value)}>
            {DAYS.map((value) => (
              <option key={value} value={value}>
                {value ? t("audit.until.days", { n: Number(value) }) : t("audit.until.ever")}
              </option>
            ))}
          </select>
        </label>
        <label class="check">
          <input
            type="checkbox"
            checked={similar}
            onChange={(event) => setSimilar(event.currentTarget.checked)}
          />
          <span>{t("audit.similar", { rule: finding.rule, user: finding.user })}</span>
        </label>
      </div>
      <div class="row">
        {finding.state === "open" && (
          <button type="button" disabled={blocked} onClick={() => say("acknowledge")}>
            {t("audit.acknowledge")}
          </button>
        )}
        {finding.state !== "suppressed" && (
          <button type="button" disabled={blocked} onClick={() => say("suppress")}>
            {t("audit.suppress")}
          </button>
        )}
        {finding.state !== "open" && (
          <button type="button" disabled={blocked} onClick={() => say("reopen")}>
            {t("audit.reopen")}
          </button>
        )}
      </div>
      {trouble && (
        <p class="refused" role="alert">
          {trouble}
        </p>
      )}
    </form>
  );
}

function EvidenceTable({ events }: { events: Evidence[] }) {
  return (
    <Table
      name="audit-evidence"
      caption={t("audit.evidence")}
      quiet
      columns={[t("list.time"), t("audit.request"), t("audit.who"), t("audit.code")]}
    >
      {events.map((event) => (
        <tr key={event.id}>
          <td class="time">{moment(event.time)}</td>
          <td class="name">
            <span class="strong">{event.verb}</span> {target(event)}
            {event.node && ` → ${event.node}`}
            <span class="note muted small">
              {event.kind ? `${said("kind", event.kind)} · ` : ""}
              {event.id}
            </span>
            {event.request !== null && (
              <details>
                <summary>{t("audit.sent")}</summary>
                {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, and keys must reach it */}
                <pre tabIndex={0}>{JSON.stringify(event.request, null, 2)}</pre>
              </details>
            )}
          </td>
          <td class="name">
            {event.user}
            {event.impersonated && ` → ${event.impersonated}`}
            <span class="note muted small">
              {event.address} · {event.user_agent}
            </span>
          </td>
          <td>{event.code}</td>
        </tr>
      ))}
    </Table>
  );
}
