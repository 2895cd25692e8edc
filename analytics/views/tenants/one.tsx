/** One tenant: its use over time, when its quota will be reached, what would be said of a request, and its form. */
import { data, send, Trouble } from "@shell/api";
import { count, type Key, percent, t, toSecond } from "@shell/i18n";
import { useLoad, usePolled } from "@shell/load";
import { Loading, TroubleNotice } from "@shell/parts";
import { Phrase } from "@shell/phrases";
import { quantity } from "@shell/quantity";
import { go, place } from "@shell/router";
import { Table } from "@shell/table";
import { useState } from "preact/hooks";
import type { Chart, Configured, Foretold, Judged, Reached, Step, Tenant } from "./model";
import { Labelled, TenantForm } from "./register";

export const RANGES = ["1h", "6h", "24h", "7d", "30d"] as const;
const POLL_MS = 30_000;

export function rangeOf(query: URLSearchParams): string {
  return RANGES.find((one) => one === query.get("range")) ?? "24h";
}

export function hrefOf(tenant: string, range = "24h"): string {
  const query = new URLSearchParams();
  if (tenant) query.set("tenant", tenant);
  if (tenant && range !== "24h") query.set("range", range);
  return query.size ? `/tenants?${query}` : "/tenants";
}

export function OneTenant({ tenant, changed }: { tenant: Tenant; changed: () => void }) {
  const range = rangeOf(place.value.query);
  return (
    <section class="card one" aria-labelledby="one">
      <h2 id="one">
        {t("tenants.one", { name: tenant.name })}
        <a class="small" href={hrefOf("")}>
          {t("tenants.one.close")}
        </a>
      </h2>
      <div class="range">
        <Labelled label={t("tenants.range")}>
          {(id) => (
            <select
              id={id}
              value={range}
              onChange={(event) => go(hrefOf(tenant.name, event.currentTarget.value), true)}
            >
              {RANGES.map((one) => (
                <option key={one} value={one} selected={one === range}>
                  {t(`tenants.range.${one}` as Key)}
                </option>
              ))}
            </select>
          )}
        </Labelled>
      </div>
      <OverTime name={tenant.name} range={range} />
      <Forecasts name={tenant.name} />
      <details>
        <summary>{t("tenants.try")}</summary>
        <Try tenant={tenant} />
      </details>
      {tenant.source === "object" && (
        <details>
          <summary>{t("tenants.change")}</summary>
          <Change name={tenant.name} changed={changed} />
        </details>
      )}
    </section>
  );
}

function OverTime({ name, range }: { name: string; range: string }) {
  const path = `/api/v1/tenants/${encodeURIComponent(name)}/chart?since=${range}`;
  const asked = usePolled(path, (signal) => data<Chart>(path, signal), POLL_MS);
  if (!asked.value)
    return asked.trouble ? (
      <TroubleNotice trouble={asked.trouble} retry={asked.again} />
    ) : (
      <Loading rows={3} />
    );
  const resources = Object.entries(asked.value.resources);
  if (resources.length === 0) return <p class="muted">{t("tenants.no.samples")}</p>;
  const [from, until] = [Date.parse(asked.value.from), Date.parse(asked.value.until)];
  return (
    <div class="lines">
      {resources.map(([resource, steps]) => (
        <Line key={resource} resource={resource} steps={steps} from={from} until={until} />
      ))}
    </div>
  );
}

const WIDTH = 300;
const HEIGHT = 60;

/** Mean use as an area, peaks as a line, quota and limit as lines across. */
function Line(props: { resource: string; steps: Step[]; from: number; until: number }) {
  const { resource, steps, from, until } = props;
  const newest = steps[steps.length - 1];
  const first = steps[0];
  if (!newest || !first) return null;
  const most = Math.max(1, ...steps.map((one) => Math.max(one.peak, one.limit)));
  const x = (one: Step) => (WIDTH * Math.max(0, Date.parse(one.time) - from)) / (until - from);
  const y = (value: number) => HEIGHT - (HEIGHT * value) / most;
  const points = (value: (one: Step) => number) =>
    steps.map((one) => `${x(one).toFixed(1)},${y(value(one)).toFixed(1)}`).join(" ");
  const peak = Math.max(...steps.map((one) => one.peak));
  const share = newest.quota > 0 ? peak / newest.quota : 0;
  return (
    <figure>
      <figcaption class="small">
        <strong>{resource}</strong> {quantity(resource, newest.used)}{" "}
        <span class="muted">{t("tenants.chart.peak", { share: percent(share) })}</span>
      </figcaption>
      <svg
        viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
        preserveAspectRatio="none"
        role="img"
        aria-label={t("tenants.chart", {
          resource,
          from: toSecond(first.time),
          used: quantity(resource, newest.used),
        })}
      >
        <polygon
          class="mean"
          points={`${x(first).toFixed(1)},${HEIGHT} ${points((one) => one.mean)} ${x(newest).toFixed(1)},${HEIGHT}`}
        />
        <polyline class="peak" points={points((one) => one.peak)} />
        <polyline class="quota" points={points((one) => one.quota)} />
        <polyline class="limit" points={points((one) => one.limit)} />
      </svg>
      <p class="muted small ends" aria-hidden="true">
        <span>{toSecond(new Date(from).toISOString())}</span>
        <span>{toSecond(new Date(until).toISOString())}</span>
      </p>
    </figure>
  );
}

function Forecasts({ name }: { name: string }) {
  const path = `/api/v1/tenants/${encodeURIComponent(name)}/forecast`;
  const asked = useLoad(path, (signal) => data<{ resources: Foretold[] }>(path, signal));
  const found = asked.value?.resources ?? [];
  if (found.length === 0) return null;
  return (
    <Table
      caption={t("tenants.forecast")}
      columns={[
        t("tenants.resource"),
        t("tenants.forecast.quota"),
        t("tenants.forecast.limit"),
        t("tenants.forecast.unused"),
      ]}
    >
      {found.map((one) => (
        <tr key={one.resource}>
          <th scope="row">{one.resource}</th>
          <td>{reached(one.quota_reached, one.method)}</td>
          <td>{reached(one.limit_reached, one.method)}</td>
          <td>
            {quantity(one.resource, one.unused_day)}{" "}
            <span class="muted">/ {quantity(one.resource, one.quota)}</span>
          </td>
        </tr>
      ))}
    </Table>
  );
}

function reached(when: Reached | null, method: string | null): string {
  if (method === null) return t("tenants.forecast.unknown");
  if (when === null) return t("tenants.forecast.never");
  if (when.days === null || when.time === null)
    return t("tenants.forecast.perhaps", { time: when.earliest ? toSecond(when.earliest) : "–" });
  if (when.days === 0) return t("tenants.forecast.now");
  return t("tenants.forecast.in", { days: count(when.days), time: toSecond(when.time) });
}

function Try({ tenant }: { tenant: Tenant }) {
  const [verdict, setVerdict] = useState<Judged>();
  const [trouble, setTrouble] = useState<Trouble>();
  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget as HTMLFormElement);
    const requests: Record<string, string> = {};
    for (const name of ["cpu", "memory", "storage", "gpu"]) {
      const amount = String(form.get(name) ?? "").trim();
      if (amount) requests[name] = amount;
    }
    const body = JSON.stringify({ namespace: form.get("namespace"), resources: { requests } });
    setTrouble(undefined);
    setVerdict(undefined);
    try {
      const path = `/api/tenants/${encodeURIComponent(tenant.name)}/validate`;
      setVerdict((await send<{ data: Judged }>("POST", path, { body })).data);
    } catch (error) {
      setTrouble(error instanceof Trouble ? error : new Trouble("failed", String(error)));
    }
  };
  return (
    <form class="edit" onSubmit={submit}>
      <Labelled label={t("tenants.try.namespace")}>
        {(id) => (
          <select id={id} name="namespace">
            {tenant.namespaces.map((one) => (
              <option key={one}>{one}</option>
            ))}
          </select>
        )}
      </Labelled>
      {["cpu", "memory", "storage", "gpu"].map((name) => (
        <Labelled key={name} label={name}>
          {(id) => <input id={id} name={name} autocomplete="off" defaultValue={name === "cpu" ? "1" : ""} />}
        </Labelled>
      ))}
      <button type="submit">{t("tenants.try.ask")}</button>
      <p role="status" class="verdict-of-try">
        {verdict && (
          <>
            <strong>{verdict.allowed ? t("tenants.try.yes") : t("tenants.try.no")}</strong>{" "}
            {verdict.allowed && verdict.burst && t("tenants.try.burst")}
            {verdict.reason && <Phrase text={verdict.reason} />}
          </>
        )}
      </p>
      {trouble && <TroubleNotice trouble={trouble} retry={() => setTrouble(undefined)} />}
    </form>
  );
}

function Change({ name, changed }: { name: string; changed: () => void }) {
  const path = "/api/tenants?limit=10000";
  const asked = useLoad(`${path}#${name}`, (signal) => data<{ tenants: Configured[] }>(path, signal));
  const [sure, setSure] = useState(false);
  const [trouble, setTrouble] = useState<Trouble>();
  const tenant = asked.value?.tenants.find((one) => one.name === name);
  if (!tenant)
    return asked.trouble ? (
      <TroubleNotice trouble={asked.trouble} retry={asked.again} />
    ) : (
      <Loading rows={3} />
    );
  const remove = async () => {
    if (!sure) {
      setSure(true);
      return;
    }
    try {
      await send("DELETE", `/api/tenants/${encodeURIComponent(name)}`);
      go(hrefOf(""), true);
      changed();
    } catch (error) {
      setTrouble(error instanceof Trouble ? error : new Trouble("failed", String(error)));
    }
  };
  return (
    <>
      <TenantForm
        tenant={tenant}
        done={() => {
          asked.again();
          changed();
        }}
      />
      <p>
        <button type="button" class="quiet" onClick={remove}>
          {sure ? t("tenants.remove.sure", { name }) : t("tenants.remove")}
        </button>
      </p>
      {trouble && <TroubleNotice trouble={trouble} retry={() => setTrouble(undefined)} />}
    </>
  );
}
