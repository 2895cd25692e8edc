/** How many more pods fit, what keeps others out, and who waits. */
import { data } from "@shell/api";
import { count, t, toSecond } from "@shell/i18n";
import { usePolled } from "@shell/load";
import { quantity } from "@shell/quantity";
import { Table } from "@shell/table";

const POLL_MS = 10_000;
const WAITING_SHOWN = 8;

interface Shape {
  shape: string;
  pods: number;
  pending: number;
  fit: number;
  fit_in_one_piece: number;
  stranded: number;
  ended_by: Record<string, number>;
}

interface Report {
  shapes: Shape[];
  largest: Record<string, { node: string; cpu: string; memory: string }>;
  pending: {
    total: number;
    pods: { namespace: string; name: string; since: string; reason: string; shape: string }[];
  };
}

export function Fragmentation() {
  const path = "/api/v1/heatmap/fragmentation";
  const report = usePolled(path, (signal) => data<Report>(path, signal), POLL_MS);
  const found = report.value;
  return (
    <section class="card" aria-labelledby="fragmentation">
      <h2 id="fragmentation">{t("heatmap.fragmentation")}</h2>
      {!found ? (
        <p class="muted">{report.trouble ? report.trouble.message : t("loading")}</p>
      ) : (
        <>
          <Table
            caption={t("heatmap.fragmentation")}
            quiet
            columns={[
              t("heatmap.shape"),
              [t("heatmap.value.pods"), "number"],
              [t("heatmap.fit"), "number"],
              [t("heatmap.value.stranded"), "number"],
              t("heatmap.ended"),
            ]}
          >
            {found.shapes.map((one) => (
              <tr key={one.shape}>
                <td>{one.shape}</td>
                <td class="number">{count(one.pods)}</td>
                <td class="number">{count(one.fit)}</td>
                <td class="number">{count(one.stranded)}</td>
                <td class="small">
                  {Object.entries(one.ended_by)
                    .map(([resource, nodes]) => t("heatmap.ended.by", { resource, nodes }))
                    .join(", ")}
                </td>
              </tr>
            ))}
          </Table>
          {found.largest.cpu && (
            <p class="small muted">
              {t("heatmap.largest", {
                cpu: quantity("cpu", found.largest.cpu.cpu),
                memory: quantity("memory", found.largest.cpu.memory),
                node: found.largest.cpu.node,
              })}
            </p>
          )}
          <Waiting pending={found.pending} />
        </>
      )}
    </section>
  );
}

function Waiting({ pending }: { pending: Report["pending"] }) {
  if (pending.total === 0) return <p class="small">{t("heatmap.waiting.none")}</p>;
  return (
    <>
      <h2>{t("heatmap.waiting", { n: count(pending.total) })}</h2>
      <ul class="small">
        {pending.pods.slice(0, WAITING_SHOWN).map((pod) => (
          <li key={`${pod.namespace}/${pod.name}`}>
            <a href={`/decisions/pod/${pod.namespace}/${pod.name}`}>
              {pod.namespace}/{pod.name}
            </a>{" "}
            <span class="muted">
              {pod.shape} · {t("heatmap.since", { at: toSecond(pod.since) })}
            </span>
          </li>
        ))}
      </ul>
    </>
  );
}
