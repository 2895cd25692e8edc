/** The first page: what the cluster, the policy and the tenants are doing. A card for each tool that is on. */
import { data } from "@shell/api";
import { type Key, t } from "@shell/i18n";
import { usePolled } from "@shell/load";
import { Loading, Notice, TroubleNotice } from "@shell/parts";
import type { ComponentType } from "preact";
import { useEffect } from "preact/hooks";
import { Audit } from "./audit";
import { Cluster } from "./cluster";
import { Health } from "./health";
import { Performance } from "./performance";
import { Policy } from "./policy";
import { Scheduling } from "./scheduling";
import { Tenants } from "./tenants";
import { Waiting } from "./waiting";
import "./overview.css";
import "./catalogue";

const TOOLS_MS = 30_000;

/** Tool -> its card, in the order of the page. */
const CARDS: readonly [string, ComponentType][] = [
  ["scheduler-analyzer", Cluster],
  ["scheduler-visualizer", Scheduling],
  ["plugin-manager", Policy],
  ["scheduler-visualizer", Waiting],
  ["tenant-resource-manager", Tenants],
  ["performance-analyzer", Performance],
  ["scheduler-analyzer", Health],
  ["scheduler-audit-analyzer", Audit],
];

/** What the words of the page mean, for somebody who sees them for the first time. */
const WORDS: readonly Key[] = ["overview.word.decision", "overview.word.revision", "overview.word.tenant"];

export function OverviewPage() {
  const path = "/api/v1/tools";
  const asked = usePolled(
    path,
    (signal) => data<{ tools: { name: string; enabled: boolean }[] }>(path, signal),
    TOOLS_MS,
  );
  useEffect(() => {
    document.title = `${t("overview.title")} · Trimtab`;
  });
  const on = asked.value?.tools.filter((tool) => tool.enabled).map((tool) => tool.name);
  const cards = CARDS.filter(([tool]) => on?.includes(tool));
  return (
    <div class="overview">
      <div class="title">
        <div>
          <h1>{t("overview.title")}</h1>
          <p class="muted">{t("overview.lead")}</p>
        </div>
      </div>
      {on === undefined ? (
        asked.trouble ? (
          <TroubleNotice trouble={asked.trouble} retry={asked.again} />
        ) : (
          <Loading />
        )
      ) : cards.length === 0 ? (
        <Notice title={t("overview.empty.title")}>
          <p>{t("overview.empty.advice")}</p>
        </Notice>
      ) : (
        <>
          <div class="cards">
            {cards.map(([tool, Shown], at) => (
              <Shown key={`${tool} ${at}`} />
            ))}
          </div>
          <ul class="overview-words muted small">
            {WORDS.map((word) => (
              <li key={word}>{t(word)}</li>
            ))}
          </ul>
        </>
      )}
    </div>
  );
}
