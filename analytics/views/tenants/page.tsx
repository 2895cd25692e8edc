/** Who shares the cluster: a card for each tenant, what is wrong, and how evenly it is shared. */
import { data } from "@shell/api";
import { count, duration, type Key, moment, percent, t } from "@shell/i18n";
import { usePolled } from "@shell/load";
import { Loading, Notice, TroubleNotice } from "@shell/parts";
import { Phrase } from "@shell/phrases";
import { quantity } from "@shell/quantity";
import { place } from "@shell/router";
import { Table } from "@shell/table";
import { useEffect, useState } from "preact/hooks";
import type { Everybody, Finding, Resource, Tenant, Violation } from "./model";
import { hrefOf, OneTenant } from "./one";
import { OtherPromises } from "./promises";
import { TenantForm } from "./register";
import "./tenants.css";
import "./catalogue";

const POLL_MS = 5000;

export function TenantsPage() {
  const path = "/api/v1/tenants";
  const asked = usePolled(path, (signal) => data<Everybody>(path, signal), POLL_MS);
  const found = asked.value;
  const chosen = found?.tenants.find((one) => one.name === place.value.query.get("tenant"));
  useEffect(() => {
    document.title = `${t("tenants.title")} · Trimtab`;
  });
  return (
    <div class="tenants">
      <div class="title">
        <div>
          <h1>{t("tenants.title")}</h1>
          <p class="muted">{t("tenants.lead")}</p>
        </div>
      </div>
      {found && <Register done={asked.again} />}
      {found === undefined ? (
        asked.trouble ? (
          asked.trouble.kind === "missing" ? (
            <Notice title={t("tenants.nowhere")}>
              <p>{asked.trouble.message}</p>
            </Notice>
          ) : (
            <TroubleNotice trouble={asked.trouble} retry={asked.again} />
          )
        ) : (
          <Loading />
        )
      ) : found.tenants.length === 0 ? (
        <Notice title={t("tenants.empty.title")}>
          <p>{t("tenants.empty.advice")}</p>
        </Notice>
      ) : (
        <>
          {chosen && <OneTenant key={chosen.name} tenant={chosen} changed={asked.again} />}
          <Figures found={found} />
          <Findings findings={found.findings} />
          <div class="grid">
            {found.tenants.map((tenant) => (
              <Card key={tenant.name} tenant={tenant} />
            ))}
          </div>
          <Violations />
          <OtherPromises />
        </>
      )}
    </div>
  );
}

function Register({ done }: { done: () => void }) {
  const [registered, setRegistered] = useState("");
  const [turn, setTurn] = useState(0);
  return (
    <details class="register">
      <summary>{t("tenants.register")}</summary>
      <p class="muted small">{t("tenants.register.lead")}</p>
      <TenantForm
        key={turn}
        done={(name) => {
          setRegistered(name);
          setTurn((old) => old + 1);
          done();
        }}
      />
      <p role="status">{registered && t("tenants.registered", { name: registered })}</p>
    </details>
  );
}

function Figures({ found }: { found: Everybody }) {
  const { jain_index: even, wait_p50_s: wait } = found.fairness;
  const over = found.tenants.filter((tenant) => tenant.violations.length > 0).length;
  const bursting = found.tenants.filter((tenant) => tenant.burst.length > 0).length;
  return (
    <section class="figures" aria-label={t("tenants.figures")}>
      <Figure
        label={t("tenants.title")}
        value={count(found.tenants.length)}
        note={t("tenants.bursting", { n: bursting })}
      />
      <Figure label={t("tenants.over")} value={count(over)} note={t("tenants.over.note")} />
      <Figure
        label={t("tenants.even")}
        value={even === null ? "–" : percent(even)}
        note={t("tenants.even.note")}
      />
      <Figure
        label={t("tenants.wait")}
        value={wait === null ? "–" : waited(wait)}
        note={t("tenants.wait.note")}
      />
    </section>
  );
}

function Figure({ label, value, note }: { label: string; value: string; note: string }) {
  return (
    <div class="figure words">
      <span class="label">{label}</span>
      <span class="value">{value}</span>
      <span class="note">{note}</span>
    </div>
  );
}

/** Times of pods are whole seconds. */
function waited(wait: number): string {
  return wait < 1 ? t("tenants.at.once") : duration(1000 * wait);
}

function Findings({ findings }: { findings: Finding[] }) {
  if (findings.length === 0) return null;
  return (
    <ul class="findings" aria-label={t("tenants.findings")}>
      {findings.map((one) => (
        <li key={one.rule + one.tenant + one.message}>
          <span class={`badge ${one.severity === "info" ? "" : "warn"}`}>
            {t(`tenants.severity.${one.severity}` as Key)}
          </span>
          <span>
            {one.tenant && <strong>{one.tenant}: </strong>}
            <Phrase text={one.message} />
          </span>
        </li>
      ))}
    </ul>
  );
}

/** What of its quota others use now, and what it uses of theirs. */
function Loans({ tenant }: { tenant: Tenant }) {
  const told = (which: "borrowed" | "lent") =>
    tenant.resources
      .filter((one) => one[which] !== "0")
      .map((one) => `${one.resource} ${quantity(one.resource, one[which])}`)
      .join(", ");
  const [borrowed, lent] = [told("borrowed"), told("lent")];
  if (!borrowed && !lent) return null;
  return (
    <p class="small">
      {borrowed && t("tenants.borrows", { what: borrowed })} {lent && t("tenants.lends", { what: lent })}
    </p>
  );
}

/** How much of what its pods request they really use. */
function Efficiency({ tenant }: { tenant: Tenant }) {
  if (!tenant.measured) return null;
  const parts = Object.entries(tenant.measured)
    .filter(([, one]) => one.efficiency !== null)
    .map(([resource, one]) => `${resource} ${percent(one.efficiency ?? 0)}`);
  return parts.length > 0 ? <p class="small">{t("tenants.efficiency", { what: parts.join(", ") })}</p> : null;
}

function Card({ tenant }: { tenant: Tenant }) {
  return (
    <section class="card" aria-labelledby={`tenant-${tenant.name}`}>
      <h2 id={`tenant-${tenant.name}`}>
        <a href={hrefOf(tenant.name)}>{tenant.name}</a>
        {tenant.violations.length > 0 ? (
          <span class="badge warn">{t("tenants.is.over", { resources: tenant.violations.join(", ") })}</span>
        ) : (
          tenant.burst.length > 0 && (
            <span class="badge">{t("tenants.is.bursting", { resources: tenant.burst.join(", ") })}</span>
          )
        )}
      </h2>
      <p class="muted small">
        {t("tenants.about", {
          namespaces: tenant.namespaces.join(", ") || "–",
          pods: count(tenant.pods),
          waiting: count(tenant.pending_pods),
        })}
      </p>
      {tenant.resources.length === 0 ? (
        <p>{t("tenants.unlimited")}</p>
      ) : (
        <div class="bars">
          {tenant.resources.map((one) => (
            <Bar key={one.resource} one={one} />
          ))}
        </div>
      )}
      <Loans tenant={tenant} />
      <Efficiency tenant={tenant} />
      <p class="muted small">
        {tenant.dominant.resource &&
          t("tenants.dominant", {
            share: percent(tenant.dominant.share),
            resource: tenant.dominant.resource,
          })}{" "}
        {tenant.wait_p95_s !== null && t("tenants.waited", { wait: waited(tenant.wait_p95_s) })}
      </p>
    </section>
  );
}

/** Used of the limit; the mark is the quota. */
function Bar({ one }: { one: Resource }) {
  const used = one.used_ratio ?? 0;
  const most = Math.max(one.limit_ratio ?? 1, used, 1);
  const above = used > (one.limit_ratio ?? 1) ? "over" : used > 1 ? "above" : "";
  return (
    <>
      <span class="small">{one.resource}</span>
      <svg
        viewBox="0 0 100 8"
        preserveAspectRatio="none"
        role="img"
        aria-label={t("tenants.bar", {
          used: quantity(one.resource, one.used),
          quota: quantity(one.resource, one.quota),
          limit: quantity(one.resource, one.limit),
        })}
      >
        <rect class="track" width="100" height="8" rx="1" />
        <rect class={`used ${above}`} width={(100 * used) / most} height="8" rx="1" />
        {most > 1 && <rect class="mark" x={100 / most - 0.4} width="0.8" height="8" />}
      </svg>
      <span class="small">
        {quantity(one.resource, one.used)} / {quantity(one.resource, one.quota)}
        {one.limit !== one.quota && (
          <span class="muted"> ({t("tenants.to", { times: count(one.limit_ratio ?? 1) })})</span>
        )}
      </span>
    </>
  );
}

function Violations() {
  const path = "/api/v1/tenants/violations?limit=20";
  const found = usePolled(
    path,
    (signal) => data<{ violations: Violation[] }>(path, signal),
    2 * POLL_MS,
  ).value;
  if (!found || found.violations.length === 0) return null;
  return (
    <section aria-labelledby="violations">
      <h2 id="violations">{t("tenants.violations")}</h2>
      <Table
        caption={t("tenants.violations")}
        quiet
        columns={[t("list.time"), t("tenants.tenant"), t("tenants.what"), t("tenants.newest")]}
      >
        {found.violations.map((one) => (
          <tr key={one.time + one.tenant + one.resource}>
            <td>{moment(one.time)}</td>
            <td>{one.tenant}</td>
            <td>
              {t(`tenants.change.${one.change}` as Key, {
                resource: one.resource,
                used: quantity(one.resource, one.used),
                limit: quantity(one.resource, one.limit),
              })}
            </td>
            <td class="mono">{one.newest_pod}</td>
          </tr>
        ))}
      </Table>
    </section>
  );
}
