/** The page of pending pods: the causes with their pods, and the pods with their causes. */
import { data } from "@shell/api";
import { count, language, t, toSecond } from "@shell/i18n";
import { usePolled } from "@shell/load";
import { Loading, Notice, TroubleNotice } from "@shell/parts";
import { quoting } from "@shell/phrases";
import { podPath } from "@shell/pod";
import { go, place } from "@shell/router";
import { Table } from "@shell/table";
import { useEffect } from "preact/hooks";
import "./catalogue";
import "./pending.css";

const POLL_MS = 5000;

interface Cause {
  cause: string;
  title: string;
  lasting: string;
  label: string;
  count: number;
  pods: string[];
}

interface Pod {
  namespace: string;
  name: string;
  uid: string;
  created: string | null;
  cause: string;
  lasting: string;
  label: string;
  sentence: string;
}

interface Pending {
  total: number;
  causes: Cause[];
  pods: Pod[];
}

export function PendingPage() {
  const query = place.value.query;
  const namespace = query.get("namespace") ?? "";
  const path = `/api/v1/pods/pending?lang=${language.value}${namespace && `&namespace=${encodeURIComponent(namespace)}`}`;
  const pending = usePolled(path, (signal) => data<Pending>(path, signal), POLL_MS);

  useEffect(() => {
    document.title = `${t("pending.title")} · Trimtab`;
  });

  return (
    <>
      <div class="title">
        <div>
          <h1>{t("pending.title")}</h1>
          <p class="muted">{t("pending.lead")}</p>
        </div>
      </div>
      {pending.value === undefined ? (
        pending.trouble ? (
          <TroubleNotice trouble={pending.trouble} retry={pending.again} />
        ) : (
          <Loading />
        )
      ) : (
        <>
          {pending.trouble && <TroubleNotice trouble={pending.trouble} retry={pending.again} />}
          <Told pending={pending.value} namespace={namespace} cause={query.get("cause") ?? ""} />
        </>
      )}
    </>
  );
}

function href(namespace: string, cause: string): string {
  const query = new URLSearchParams();
  if (namespace) query.set("namespace", namespace);
  if (cause) query.set("cause", cause);
  return query.size ? `/pending?${query}` : "/pending";
}

function Told({ pending, namespace, cause }: { pending: Pending; namespace: string; cause: string }) {
  const pods = cause ? pending.pods.filter((pod) => pod.cause === cause) : pending.pods;
  const spaces = [
    ...new Set([...pending.pods.map((pod) => pod.namespace), ...(namespace ? [namespace] : [])]),
  ];
  return (
    <>
      {(pending.total > 0 || namespace) && (
        <search class="filters" aria-label={t("filter.label")}>
          <div class="row">
            <label>
              <span>{t("filter.namespace")}</span>
              <select
                name="namespace"
                value={namespace}
                class={namespace ? "set" : ""}
                onChange={(event) => go(href(event.currentTarget.value, cause), true)}
              >
                <option value="">{t("filter.any")}</option>
                {spaces.sort().map((name) => (
                  <option key={name} value={name}>
                    {name}
                  </option>
                ))}
              </select>
            </label>
            {cause && (
              <button type="button" class="quiet" onClick={() => go(href(namespace, ""), true)}>
                {t("pending.clear")}
              </button>
            )}
          </div>
        </search>
      )}
      {pods.length === 0 ? (
        <Notice title={t(pending.total || namespace ? "pending.none.title" : "pending.empty.title")}>
          <p>
            {pending.total || namespace
              ? t("pending.none.advice", { total: pending.total })
              : t("pending.empty.advice")}
          </p>
        </Notice>
      ) : (
        <>
          <Causes causes={pending.causes} namespace={namespace} chosen={cause} />
          <Pods pods={pods} />
          {pending.total > pending.pods.length && (
            <p class="aside">{t("pending.some", { shown: pending.pods.length, total: pending.total })}</p>
          )}
        </>
      )}
    </>
  );
}

function Causes({ causes, namespace, chosen }: { causes: Cause[]; namespace: string; chosen: string }) {
  return (
    <section class="panel">
      <h2>{t("pending.causes")}</h2>
      <Table
        name="pending causes"
        caption={t("pending.causes")}
        quiet
        columns={[[t("pending.count"), "number"], t("pending.cause"), [t("pending.such"), "middle"]]}
      >
        {causes.map((one) => (
          <tr key={one.cause} class={one.cause === chosen ? "chosen" : ""}>
            <td class="number">{count(one.count)}</td>
            <td>
              <a href={href(namespace, one.cause)} aria-current={one.cause === chosen ? "true" : undefined}>
                {one.title}
              </a>{" "}
              <span class={`badge ${one.lasting}`}>{one.label}</span>
            </td>
            <td class="middle mono small">{one.pods.slice(0, 3).join(", ")}</td>
          </tr>
        ))}
      </Table>
    </section>
  );
}

function Pods({ pods }: { pods: Pod[] }) {
  return (
    <section class="panel">
      <h2>{t("pending.pods")}</h2>
      <Table
        name="pending pods"
        caption={t("pending.pods")}
        quiet
        columns={[t("pending.pod"), t("pending.why"), [t("pending.since"), "middle"]]}
      >
        {pods.map((pod) => (
          <tr key={pod.uid}>
            <td>
              <a class="podlink" href={podPath(pod)}>
                {pod.name}
              </a>
              <span class="note muted small">{pod.namespace}</span>
            </td>
            <td>
              <span class={`badge ${pod.lasting}`}>{pod.label}</span> {quoting(pod.sentence)}
            </td>
            <td class="time middle">
              {pod.created && (
                <time dateTime={pod.created} title={pod.created}>
                  {toSecond(pod.created)}
                </time>
              )}
            </td>
          </tr>
        ))}
      </Table>
    </section>
  );
}
