/** One decision as tables: the same data as the flowchart, and more of it. */
import { count, type Key, milliseconds, moment, t, worded } from "@shell/i18n";
import { Verdict, Wide } from "@shell/parts";
import { Phrase, said } from "@shell/phrases";
import { type ComponentChildren, Fragment } from "preact";
import type { BestNode, PhaseStory, PluginStory, Rejection, ScorePart, Story } from "./model";

const SAMPLE_SHOWN = 6;
const NOTE_LENGTH_MAX = 200;
const QUIET = ["Success", "Skip"];

function Panel({ title, children }: { title: string; children: ComponentChildren }) {
  return (
    <section class="panel">
      <h2>{title}</h2>
      {children}
    </section>
  );
}

export function Phases({ phases }: { phases: PhaseStory[] }) {
  return (
    <Panel title={t("one.phases")}>
      <Wide>
        <table>
          <thead>
            <tr>
              <th scope="col">{t("one.plugin")}</th>
              <th scope="col">{t("one.code")}</th>
              <th scope="col" class="number">
                {t("one.in")}
              </th>
              <th scope="col" class="number">
                {t("one.rejected")}
              </th>
              <th scope="col" class="number">
                {t("one.time")}
              </th>
            </tr>
          </thead>
          {phases.map((phase) => (
            <PhaseRows key={phase.phase + phase.time} phase={phase} />
          ))}
        </table>
      </Wide>
    </Panel>
  );
}

function PhaseRows({ phase }: { phase: PhaseStory }) {
  const name = t(`phase.${phase.phase}` as Key) ?? phase.phase;
  const notes = [
    phase.nominated ? t("one.nominated") : "",
    phase.nodes_unknown ? t("one.unknown", { n: phase.nodes_unknown }) : "",
    phase.phase === "bind" || phase.phase === "permit" ? phase.node : "",
    said(phase.message),
  ].filter(Boolean);
  return (
    <tbody>
      <tr class="group">
        <th scope="rowgroup">
          {name}
          {notes.length > 0 && <Note text={notes.join(" · ")} />}
        </th>
        <td>
          <Code code={phase.code} />
        </td>
        <td class="number">{count(phase.nodes_in)}</td>
        <td class="number">{count(Math.max(0, phase.nodes_in - phase.nodes_out))}</td>
        <td class="number">{phase.waits ? t("one.waiting") : milliseconds(phase.duration_ms)}</td>
      </tr>
      {phase.plugins.map((plugin) => (
        <PluginRow key={plugin.plugin + plugin.phase} plugin={plugin} />
      ))}
    </tbody>
  );
}

function PluginRow({ plugin }: { plugin: PluginStory }) {
  return (
    <tr>
      <th scope="row" class="member">
        {plugin.plugin} <span class="muted small">{plugin.phase}</span>
        {plugin.mode !== "enforce" && <span class="badge">{plugin.mode}</span>}
        {plugin.message && <Note text={said(plugin.message)} />}
      </th>
      <td>
        <Code code={plugin.code} />
      </td>
      <td class="number">{count(plugin.nodes_in)}</td>
      <td class={plugin.rejected ? "number strong" : "number muted"}>{count(plugin.rejected)}</td>
      <td class="number">{milliseconds(plugin.duration_ms)}</td>
    </tr>
  );
}

/** A text as long as a list of all nodes begins with its first words and unfolds. */
function Note({ text }: { text: string }) {
  if (text.length <= NOTE_LENGTH_MAX) return <span class="muted small note">{text}</span>;
  return (
    <details class="muted small note long">
      <summary>{text}</summary>
    </details>
  );
}

/** Words that are written together may part where the next one begins. */
function Code({ code }: { code: string }) {
  const words = code.split(/(?=[A-Z])/);
  return (
    <span class={QUIET.includes(code) ? "muted small" : "small strong"}>
      {words.map((word) => (
        <Fragment key={word}>
          {word}
          <wbr />
        </Fragment>
      ))}
    </span>
  );
}

export function Rejections({ rejections }: { rejections: Rejection[] }) {
  const most = Math.max(1, ...rejections.map((rejection) => rejection.nodes));
  return (
    <Panel title={t("one.reasons")}>
      {rejections.length === 0 ? (
        <p class="muted">{t("one.reasons.none")}</p>
      ) : (
        <Wide>
          <table class="reasons">
            <thead>
              <tr>
                <th scope="col" class="number">
                  {t("one.nodes")}
                </th>
                <th scope="col">{t("one.reason")}</th>
              </tr>
            </thead>
            <tbody>
              {rejections.map((rejection) => (
                <tr
                  key={
                    rejection.call + rejection.plugin + rejection.phase + rejection.mode + rejection.reason
                  }
                >
                  <td class="number strong">
                    {count(rejection.nodes)}
                    <meter class="share" min={0} max={most} value={rejection.nodes} aria-hidden="true" />
                  </td>
                  <td>
                    <strong>
                      <Phrase text={rejection.reason} />
                    </strong>
                    <span class="note muted small">
                      {rejection.plugin}
                      {rejection.call !== "filter" && ` · ${t(`phase.${rejection.call}` as Key)}`}
                      {rejection.mode !== "enforce" && ` (${rejection.mode})`}
                    </span>
                    <Sample rejection={rejection} />
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </Wide>
      )}
    </Panel>
  );
}

function Sample({ rejection }: { rejection: Rejection }) {
  const shown = (rejection.sample ?? []).slice(0, SAMPLE_SHOWN);
  if (shown.length === 0) return null;
  const more = rejection.nodes - shown.length;
  return (
    <span class="note small mono">
      {shown.join(", ")} {more > 0 && <span class="muted">{t("one.sample.more", { n: more })}</span>}
    </span>
  );
}

export function BestNodes({ story }: { story: Story }) {
  const plugins = [...new Set(story.scores.flatMap((best) => Object.keys(best.parts)))];
  return (
    <Panel title={t("one.best")}>
      {story.scores.length === 0 ? (
        <p class="muted">{t("one.best.none")}</p>
      ) : (
        <>
          <Wide>
            <table class="scores">
              <thead>
                <tr>
                  <th scope="col" class="number">
                    {t("one.rank")}
                  </th>
                  <th scope="col">{t("one.node")}</th>
                  <th scope="col" class="number">
                    {t("one.total")}
                  </th>
                  {plugins.map((plugin) => (
                    <th key={plugin} scope="col" class="number">
                      {plugin}
                      <Weight scores={story.scores} plugin={plugin} />
                    </th>
                  ))}
                </tr>
              </thead>
              <tbody>
                {story.scores.map((best, at) => (
                  <tr key={best.node} class={best.node === story.node ? "chosen" : ""}>
                    <td class="number muted">{at + 1}</td>
                    <th scope="row" class="mono">
                      {best.node}
                      {best.node === story.node && <span class="badge good">{t("one.chosen")}</span>}
                    </th>
                    <td class="number strong">{count(best.score)}</td>
                    {plugins.map((plugin) => (
                      <td key={plugin} class="number">
                        <Part part={best.parts[plugin]} />
                      </td>
                    ))}
                  </tr>
                ))}
              </tbody>
            </table>
          </Wide>
          <p class="aside">{t("one.best.how")}</p>
        </>
      )}
    </Panel>
  );
}

function Weight({ scores, plugin }: { scores: BestNode[]; plugin: string }) {
  const weight = scores[0]?.parts[plugin]?.weight;
  return weight == null ? null : <span class="note muted small">{t("one.weight", { n: weight })}</span>;
}

function Part({ part }: { part: ScorePart | undefined }) {
  if (!part) return <span class="muted">{t("none")}</span>;
  return (
    <>
      <span class="muted small">
        {count(part.raw)} → {count(part.normalized)}
        {part.weight != null && ` × ${count(part.weight)}`} ={" "}
      </span>
      {count(part.weighted)}
    </>
  );
}

export function Leases({ leases: told }: { leases: Story["leases"] }) {
  if (told.length === 0) return null;
  const leases = [...new Map(told.map((lease) => [JSON.stringify(lease), lease])).values()];
  return (
    <Panel title={t("one.leases")}>
      <Wide>
        <table>
          <thead>
            <tr>
              <th scope="col">{t("one.plugin")}</th>
              <th scope="col">{t("one.action")}</th>
              <th scope="col">{t("one.detail")}</th>
            </tr>
          </thead>
          <tbody>
            {leases.map((lease) => (
              <tr key={lease.plugin + lease.action + lease.detail}>
                <th scope="row">{lease.plugin}</th>
                <td>{worded(`one.action.${lease.action}`, lease.action)}</td>
                <td class="muted">{lease.detail || t("none")}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </Wide>
    </Panel>
  );
}

export function Attempts({ story }: { story: Story }) {
  if (story.attempts.length < 2) return null;
  return (
    <Panel title={t("one.attempts")}>
      <AttemptTable story={story} />
    </Panel>
  );
}

/** `all`: none of them is the one that is shown. */
export function AttemptTable({ story, all = false }: { story: Story; all?: boolean }) {
  return (
    <Wide>
      <table>
        <thead>
          <tr>
            <th scope="col" class="number">
              {t("one.attempt")}
            </th>
            <th scope="col">{t("list.time")}</th>
            <th scope="col">{t("list.verdict")}</th>
            <th scope="col">{t("list.node")}</th>
          </tr>
        </thead>
        <tbody>
          {story.attempts.map((attempt) => (
            <tr key={attempt.id} class={attempt.id === story.id && !all ? "chosen" : ""}>
              <td class="number">{attempt.attempt}</td>
              <td class="time">
                {attempt.id === story.id && !all ? (
                  <>
                    {moment(attempt.time)} <span class="muted small">{t("one.this")}</span>
                  </>
                ) : (
                  <a href={`/decisions/${encodeURIComponent(attempt.id)}`}>{moment(attempt.time)}</a>
                )}
              </td>
              <td>
                <Verdict outcome={attempt.outcome} />
                {all && attempt.message && <span class="note muted small">{said(attempt.message)}</span>}
              </td>
              <td class="mono">{attempt.node || t("none")}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Wide>
  );
}
