/** One node: amounts, taints, and the pods on it. */
import { data } from "@shell/api";
import { count, moment, percent, t } from "@shell/i18n";
import { useLoad } from "@shell/load";

interface Amount {
  allocatable: string;
  requested: string;
  used: string | null;
  utilization_ratio: number | null;
}

interface Node {
  name: string;
  ready: boolean;
  schedulable: boolean;
  zone: string;
  pool: string;
  measured_at: string;
  cpu: Amount;
  memory: Amount;
  pods: { allocatable: number; running: number };
  taints: { key: string; value: string; effect: string }[];
  placed: { namespace: string; name: string; priority: number; shape: string; terminating: boolean }[];
}

export function NodePanel({ name, live }: { name: string; live: boolean }) {
  return (
    <section class="card" aria-labelledby="node-title">
      <h2 id="node-title">{name || t("heatmap.node")}</h2>
      {!name ? (
        <p class="muted">{t("heatmap.choose")}</p>
      ) : live ? (
        <Detail name={name} />
      ) : (
        <p class="muted">{t("heatmap.past")}</p>
      )}
    </section>
  );
}

function Detail({ name }: { name: string }) {
  const path = `/api/v1/heatmap/nodes/${encodeURIComponent(name)}`;
  const node = useLoad(path, (signal) => data<Node>(path, signal));
  const found = node.value;
  if (!found) return <p class="muted">{node.trouble ? node.trouble.message : t("loading")}</p>;
  return (
    <>
      <dl class="amounts">
        <dt>{t("heatmap.place")}</dt>
        <dd>{[found.zone, found.pool].filter(Boolean).join(" · ") || "–"}</dd>
        <Amounts label={t("heatmap.cpu")} amount={found.cpu} />
        <Amounts label={t("heatmap.memory")} amount={found.memory} />
        <dt>{t("heatmap.value.pods")}</dt>
        <dd>
          {count(found.pods.running)} / {count(found.pods.allocatable)}
        </dd>
        <dt>{t("heatmap.measured")}</dt>
        <dd>{found.measured_at ? moment(found.measured_at) : "–"}</dd>
        {found.taints.map((taint) => (
          <>
            <dt>{t("heatmap.taint")}</dt>
            <dd class="mono">
              {taint.key}
              {taint.value && `=${taint.value}`}:{taint.effect}
            </dd>
          </>
        ))}
      </dl>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls */}
      <ul class="placed" tabIndex={0} aria-label={t("heatmap.placed")}>
        {found.placed.map((pod) => (
          <li key={`${pod.namespace}/${pod.name}`}>
            <a href={`/decisions/pod/${pod.namespace}/${pod.name}`}>
              {pod.namespace}/{pod.name}
            </a>{" "}
            <span class="muted">{pod.shape}</span>
          </li>
        ))}
      </ul>
    </>
  );
}

function Amounts({ label, amount }: { label: string; amount: Amount }) {
  return (
    <>
      <dt>{label}</dt>
      <dd>
        {amount.requested} / {amount.allocatable}
        <span class="note muted small">
          {amount.used === null
            ? t("heatmap.unmeasured")
            : t("heatmap.used", { used: amount.used, share: percent(amount.utilization_ratio ?? 0) })}
        </span>
      </dd>
    </>
  );
}
