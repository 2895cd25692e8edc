/** What was done to a pod that had to leave, as the pages of decisions, pods and evictions show it. */
import { worded } from "./i18n";
import type { PodName } from "./pod";

export interface Eviction {
  time: string;
  plugin: string;
  why: string;
  reason: string;
  pod: PodName;
  node: string;
  result: string;
  message: string;
  decision: string;
  preemptor: PodName | null;
}

const GOOD = ["evicted", "dryRun", "gone"];

export function EvictionResult({ result }: { result: string }) {
  return (
    <span class={GOOD.includes(result) ? "badge" : "badge warn"}>{worded(`eviction.${result}`, result)}</span>
  );
}
