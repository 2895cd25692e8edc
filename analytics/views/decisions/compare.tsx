/** Two decisions side by side. */
import { data } from "@shell/api";
import { count, type Key, milliseconds, moment, t } from "@shell/i18n";
import { useLoad } from "@shell/load";
import { Loading, Notice, TroubleNotice, Verdict, Wide } from "@shell/parts";
import { said } from "@shell/phrases";
import { go } from "@shell/router";
import type { ComponentChildren } from "preact";
import { useEffect } from "preact/hooks";
import type { CompareSide, Comparison } from "./model";

export function comparePath(a: string, b: string): string {
  return `/decisions/compare?${new URLSearchParams({ a, b })}`;
}

export function Compare({ a, b }: { a: string; b: string }) {
  useEffect(() => {
    document.title = `${t("compare.title")} · Trimtab`;
  });
  if (!a || !b)
    return (
      <Notice
        title={t("compare.choose.title")}
        action={{ label: t("one.back"), run: () => go("/decisions") }}
      >
        <p>{t("compare.choose.advice")}</p>
      </Notice>
    );
  return <Asked a={a} b={b} />;
}

function Asked({ a, b }: { a: string; b: string }) {
  const path = `/api/v1/decisions/compare?${new URLSearchParams({ a, b })}`;
  const told = useLoad(path, (signal) => data<Comparison>(path, signal));
  if (told.value === undefined)
    return told.trouble ? <TroubleNotice trouble={told.trouble} retry={told.again} /> : <Loading />;
  return <Told told={told.value} />;
}

/** As `say` of compare.py, in the reader's language. */
function sentence({ a, b, verdict, because }: Comparison): string {
  const nodes = { a: a.node, b: b.node };
  const ends = { a: t(`outcome.${a.outcome}` as Key), b: t(`outcome.${b.outcome}` as Key) };
  const what =
    verdict === "same" && !a.node
      ? t("compare.said.alike", ends)
      : verdict === "other"
        ? t("compare.said.other", ends)
        : t(`compare.said.${verdict}` as Key, nodes);
  const { kind, detail } = because;
  const told = (value: string) => (kind === "pod" ? feature(detail, value) : value || t("none"));
  const why = t(`compare.because.${kind}` as Key, {
    what: kind === "rejections" ? detail.replace(/(?<=\().*(?=\)$)/s, said) : detail,
    a: told(because.a),
    b: told(because.b),
  });
  return `${what} ${why}`;
}

function Told({ told }: { told: Comparison }) {
  const { a, b, candidates } = told;
  return (
    <article>
      <nav class="crumbs" aria-label={t("one.back")}>
        <a href="/decisions">{t("one.back")}</a>
      </nav>
      <div class="title">
        <div>
          <h1>{t("compare.title")}</h1>
          <p class="said">{sentence(told)}</p>
        </div>
        <a href={comparePath(b.id, a.id)}>{t("compare.swap")}</a>
      </div>
      <Section title={t("compare.both")}>
        <Wide>
          <table class="decisions-compare">
            <Head />
            <tbody>
              <Line name={t("list.pod")} a={<Pod side={a} />} b={<Pod side={b} />} />
              <Line
                name={t("list.time")}
                a={<time dateTime={a.time}>{moment(a.time)}</time>}
                b={<time dateTime={b.time}>{moment(b.time)}</time>}
              />
              <Line name={t("one.attempt")} a={count(a.attempt)} b={count(b.attempt)} />
              <Line
                name={t("list.verdict")}
                a={<Verdict outcome={a.outcome} />}
                b={<Verdict outcome={b.outcome} />}
              />
              <Line name={t("list.node")} a={a.node || t("none")} b={b.node || t("none")} mono />
              <Line
                name={t("one.revision")}
                a={a.revision || t("none")}
                b={b.revision || t("none")}
                mono
                unlike={a.revision !== b.revision}
              />
              <Line
                name={t("compare.passed")}
                a={t("compare.of", { out: a.nodes_out, in: a.nodes_in })}
                b={t("compare.of", { out: b.nodes_out, in: b.nodes_in })}
                unlike={a.nodes_out !== b.nodes_out || a.nodes_in !== b.nodes_in}
              />
            </tbody>
          </table>
        </Wide>
      </Section>
      <Section title={t("compare.pod")}>
        {!told.features_known ? (
          <p class="muted">{t("compare.pod.unknown")}</p>
        ) : told.pod.length === 0 ? (
          <p class="muted">{t("compare.pod.same")}</p>
        ) : (
          <Wide>
            <table class="decisions-compare">
              <Head />
              <tbody>
                {told.pod.map((one) => (
                  <Line
                    key={one.name}
                    name={one.name}
                    a={feature(one.name, one.a)}
                    b={feature(one.name, one.b)}
                    mono
                  />
                ))}
              </tbody>
            </table>
          </Wide>
        )}
      </Section>
      <Section title={t("compare.rejections")}>
        {told.rejections.length === 0 ? (
          <p class="muted">{t("compare.rejections.same")}</p>
        ) : (
          <Wide>
            <table class="decisions-compare">
              <Head difference />
              <tbody>
                {told.rejections.map((one) => (
                  <Numbers
                    key={one.plugin + one.reason}
                    name={said(one.reason)}
                    note={one.plugin}
                    a={count(one.a)}
                    b={count(one.b)}
                    difference={signed(one.difference)}
                  />
                ))}
              </tbody>
            </table>
          </Wide>
        )}
      </Section>
      <Section title={t("compare.scores")}>
        {told.scores.length === 0 ? (
          <p class="muted">{t("one.best.none")}</p>
        ) : (
          <Wide>
            <table class="decisions-compare">
              <Head difference />
              <tbody>
                {told.scores.map((one) => (
                  <Numbers
                    key={one.node}
                    name={one.node}
                    note={one.plugins.map((p) => `${p.name} ${text(p.a)} → ${text(p.b)}`).join(" · ")}
                    a={one.a === null ? t("none") : count(one.a)}
                    b={one.b === null ? t("none") : count(one.b)}
                    difference={one.difference === null ? t("none") : signed(one.difference)}
                    chosen={[one.node === a.node ? "a" : "", one.node === b.node ? "b" : ""].join("")}
                  />
                ))}
              </tbody>
            </table>
          </Wide>
        )}
      </Section>
      <Section title={t("compare.candidates")}>
        {candidates.known ? (
          <p>
            {t("compare.candidates.said", {
              both: candidates.both,
              a: candidates.only_a_count,
              b: candidates.only_b_count,
            })}
            {candidates.only_a.length > 0 && (
              <span class="note muted small mono">
                {t("compare.a")}: {candidates.only_a.join(", ")}
              </span>
            )}
            {candidates.only_b.length > 0 && (
              <span class="note muted small mono">
                {t("compare.b")}: {candidates.only_b.join(", ")}
              </span>
            )}
          </p>
        ) : (
          <p class="muted">{t("compare.candidates.unknown")}</p>
        )}
      </Section>
      <Section title={t("compare.durations")}>
        <Wide>
          <table class="decisions-compare">
            <Head difference />
            <tbody>
              {told.durations.map((one) => (
                <Numbers
                  key={one.phase}
                  name={t(`phase.${one.phase}` as Key)}
                  a={one.a === null ? t("none") : milliseconds(one.a)}
                  b={one.b === null ? t("none") : milliseconds(one.b)}
                  difference={
                    one.difference === null
                      ? t("none")
                      : `${one.difference < 0 ? "−" : "+"}${milliseconds(Math.abs(one.difference))}`
                  }
                />
              ))}
            </tbody>
          </table>
        </Wide>
      </Section>
    </article>
  );
}

function Section({ title, children }: { title: string; children: ComponentChildren }) {
  return (
    <section class="panel">
      <h2>{title}</h2>
      {children}
    </section>
  );
}

function Head({ difference }: { difference?: boolean }) {
  return (
    <thead>
      <tr>
        <th scope="col">
          <span class="sr-only">{t("compare.what")}</span>
        </th>
        <th scope="col" class={difference ? "number" : ""}>
          {t("compare.a")}
        </th>
        <th scope="col" class={difference ? "number" : ""}>
          {t("compare.b")}
        </th>
        {difference && (
          <th scope="col" class="number">
            {t("compare.difference")}
          </th>
        )}
      </tr>
    </thead>
  );
}

interface LineProps {
  name: string;
  a: ComponentChildren;
  b: ComponentChildren;
  mono?: boolean;
  unlike?: boolean;
}

function Line({ name, a, b, mono, unlike }: LineProps) {
  return (
    <tr class={unlike ? "chosen" : ""}>
      <th scope="row">{name}</th>
      <td class={mono ? "mono" : ""}>{a}</td>
      <td class={mono ? "mono" : ""}>{b}</td>
    </tr>
  );
}

interface NumbersProps {
  name: string;
  note?: string;
  a: string;
  b: string;
  difference: string;
  /** Holds a or b where that one chose this node. */
  chosen?: string;
}

function Numbers({ name, note, a, b, difference, chosen = "" }: NumbersProps) {
  return (
    <tr>
      <th scope="row">
        {name}
        {note && <span class="note muted small">{note}</span>}
      </th>
      <td class="number">
        {chosen.includes("a") && <span class="badge">{t("one.chosen")}</span>} {a}
      </td>
      <td class="number">
        {chosen.includes("b") && <span class="badge">{t("one.chosen")}</span>} {b}
      </td>
      <td class="number strong">{difference}</td>
    </tr>
  );
}

function Pod({ side }: { side: CompareSide }) {
  return (
    <a class="podlink" href={`/decisions/${encodeURIComponent(side.id)}`}>
      <span class="muted small">{side.namespace}/</span>
      {side.pod}
    </a>
  );
}

function signed(value: number): string {
  return value < 0 ? `−${count(-value)}` : `+${count(value)}`;
}

/** Of a pod. Tolerations are the API's words, all else is the pod's own. */
function feature(name: string, value: unknown): string {
  if (!Array.isArray(value) && typeof value !== "string") return text(value);
  if (!name.startsWith("placement.tolerations")) return text(value);
  return [value].flat().join(", ").split(", ").map(said).join(", ") || t("none");
}

function text(value: unknown): string {
  if (value === null || value === undefined || value === "") return t("none");
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}
