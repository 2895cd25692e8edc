/** A form for a tenant's configuration: registers a new one, or changes one that is kept as an object. */
import { send, Trouble } from "@shell/api";
import { t } from "@shell/i18n";
import { TroubleNotice } from "@shell/parts";
import type { ComponentChildren } from "preact";
import { useId, useState } from "preact/hooks";
import { type Configured, RESOURCES } from "./model";

interface Props {
  /** Absent: a new one. */
  tenant?: Configured;
  done: (name: string) => void;
}

const PREEMPTION = ["LowerPriority", "Never"];
const SCHEDULING = ["BestEffort", "Guaranteed"];
const EXAMPLES: Record<string, string> = {
  cpu: "10",
  memory: "20Gi",
  storage: "100Gi",
  gpu: "2",
  pods: "100",
};

export function TenantForm({ tenant, done }: Props) {
  const [busy, setBusy] = useState(false);
  const [trouble, setTrouble] = useState<Trouble>();
  const [bursts, setBursts] = useState(tenant?.policies.allowBurstable ?? false);
  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    const body = configured(new FormData(event.currentTarget as HTMLFormElement), tenant);
    setBusy(true);
    setTrouble(undefined);
    try {
      const json = { body: JSON.stringify(body) };
      if (tenant) await send("PUT", `/api/tenants/${encodeURIComponent(tenant.name)}`, json);
      else await send("POST", "/api/tenants", json);
      done(body.name);
    } catch (error) {
      setTrouble(error instanceof Trouble ? error : new Trouble("failed", String(error)));
    } finally {
      setBusy(false);
    }
  };
  return (
    <form class="edit" onSubmit={submit}>
      {!tenant && (
        <Labelled label={t("tenants.form.name")}>
          {(id) => <input id={id} name="name" required maxLength={253} autocomplete="off" />}
        </Labelled>
      )}
      <Labelled label={t("tenants.form.namespaces")} note={t("tenants.form.namespaces.note")}>
        {(id) => (
          <input
            id={id}
            name="namespaces"
            required
            autocomplete="off"
            defaultValue={tenant?.namespaces.join(", ") ?? ""}
          />
        )}
      </Labelled>
      {RESOURCES.map((name) => (
        <Labelled key={name} label={name} note={t("tenants.form.such", { example: EXAMPLES[name] ?? "" })}>
          {(id) => (
            <input
              id={id}
              name={`quota.${name}`}
              autocomplete="off"
              inputMode={name === "pods" ? "numeric" : "text"}
              defaultValue={String(tenant?.quota[name] ?? "")}
            />
          )}
        </Labelled>
      ))}
      <Labelled label={t("tenants.form.priority")}>
        {(id) => (
          <input
            id={id}
            name="priority"
            type="number"
            step="1"
            defaultValue={String(tenant?.priority ?? 0)}
          />
        )}
      </Labelled>
      <Labelled label={t("tenants.form.bursts")}>
        {(id) => (
          <input
            id={id}
            name="bursts"
            type="checkbox"
            checked={bursts}
            onChange={(event) => setBursts(event.currentTarget.checked)}
          />
        )}
      </Labelled>
      {bursts && (
        <Labelled label={t("tenants.form.ratio")}>
          {(id) => (
            <input
              id={id}
              name="ratio"
              type="number"
              min="1"
              step="any"
              defaultValue={String(tenant?.policies.maxBurstRatio ?? 1.5)}
            />
          )}
        </Labelled>
      )}
      <Choice
        name="preemption"
        label={t("tenants.form.preemption")}
        options={PREEMPTION}
        value={tenant?.policies.preemptionPolicy}
      />
      <Choice
        name="scheduling"
        label={t("tenants.form.scheduling")}
        options={SCHEDULING}
        value={tenant?.policies.schedulingPolicy}
      />
      <button type="submit" disabled={busy}>
        {tenant ? t("tenants.form.change") : t("tenants.form.register")}
      </button>
      {trouble && <TroubleNotice trouble={trouble} retry={() => setTrouble(undefined)} />}
    </form>
  );
}

function Choice(props: { name: string; label: string; options: string[]; value: string | undefined }) {
  return (
    <Labelled label={props.label}>
      {(id) => (
        <select id={id} name={props.name}>
          {props.options.map((one) => (
            <option key={one} value={one} selected={one === (props.value ?? props.options[0])}>
              {one}
            </option>
          ))}
        </select>
      )}
    </Labelled>
  );
}

export function Labelled(props: {
  label: string;
  note?: string;
  children: (id: string) => ComponentChildren;
}) {
  const id = useId();
  return (
    <div class="labelled">
      <label for={id}>{props.label}</label>
      {props.children(id)}
      {props.note && <span class="muted small">{props.note}</span>}
    </div>
  );
}

/** What the form says; fields that are empty are left out, so that they limit nothing. */
function configured(form: FormData, tenant: Configured | undefined): Configured {
  const said = (name: string) => String(form.get(name) ?? "").trim();
  const quota: Record<string, string | number> = {};
  for (const name of RESOURCES) {
    const amount = said(`quota.${name}`);
    if (amount) quota[name] = name === "pods" && /^\d+$/.test(amount) ? Number(amount) : amount;
  }
  const bursts = form.has("bursts");
  return {
    name: tenant?.name ?? said("name"),
    namespaces: said("namespaces")
      .split(/[\s,]+/)
      .filter(Boolean),
    quota,
    priority: Number(said("priority") || 0),
    policies: {
      allowBurstable: bursts,
      maxBurstRatio: bursts ? Number(said("ratio") || 1) : 1,
      preemptionPolicy: said("preemption"),
      schedulingPolicy: said("scheduling"),
    },
  };
}
