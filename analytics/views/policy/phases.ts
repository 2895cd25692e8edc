/** In which phases a plugin works, and how it stands in each. */
import { governing, type Placed } from "./entries";
import type { Steering } from "./state";

/** All phases in which the plugin does any work; while nobody says so, those of which the policy speaks. */
export function phasesOf(plugin: string, { catalogue, plugins }: Steering): string[] {
  const known = catalogue?.find((entry) => entry.name === plugin)?.phases;
  const all = plugins?.supported_phases ?? [];
  if (known) return all.filter((phase) => known.includes(phase));
  const said = [plugins?.data.enabled_plugins ?? {}, plugins?.data.disabled_plugins ?? {}];
  return all.filter((phase) => said.some((part) => part[phase]?.includes(plugin)));
}

export type State = "on" | "shadow" | "off";

export function stateOf(
  plugin: string,
  phase: string,
  { plugins }: Steering,
  entries: readonly Placed[],
): State {
  if (!plugins?.data.enabled_plugins[phase]?.includes(plugin)) return "off";
  return governing(entries, phase)?.entry.mode === "shadow" ? "shadow" : "on";
}
