/** Which entry of the policy governs a plugin where, and where its arguments stand. */
import type { CatalogueEntry, Entry } from "./model";
import { at, isMapping, type Path } from "./tree";

export const MULTI_POINT = "multiPoint";
const DEFAULT = "default-scheduler";

/** One entry under `enabled`, and where it stands. */
export interface Placed {
  phase: string;
  entry: Entry;
  path: Path;
}

export function profileNames(tree: unknown): string[] {
  const profiles = at(tree, ["profiles"]);
  if (!Array.isArray(profiles)) return [];
  return profiles.map((part) => String((isMapping(part) && part.schedulerName) || DEFAULT));
}

/** Where the profile stands: the one named, else default-scheduler's, else the first. */
export function profilePath(tree: unknown, profile: string): Path {
  const names = profileNames(tree);
  const place = names.indexOf(profile || DEFAULT);
  return ["profiles", Math.max(place, 0)];
}

/** All entries of a plugin, in the order of the document. */
export function entriesOf(tree: unknown, profile: string, names: readonly string[]): Placed[] {
  const base = [...profilePath(tree, profile), "plugins"];
  const plugins = at(tree, base);
  if (!isMapping(plugins)) return [];
  return Object.keys(plugins).flatMap((phase) => {
    const enabled = at(plugins, [phase, "enabled"]);
    if (!Array.isArray(enabled)) return [];
    return enabled.flatMap((entry, place): Placed[] =>
      isMapping(entry) && names.includes(String(entry.name))
        ? [{ phase, entry: entry as unknown as Entry, path: [...base, phase, "enabled", place] }]
        : [],
    );
  });
}

/** The entry that counts in a phase: its own, else the one that stands for all phases. */
export function governing(entries: readonly Placed[], phase: string): Placed | undefined {
  return entries.find((one) => one.phase === phase) ?? entries.find((one) => one.phase === MULTI_POINT);
}

export function namesOf(plugin: string, catalogue: readonly CatalogueEntry[] | undefined): string[] {
  return [plugin, ...(catalogue?.find((entry) => entry.name === plugin)?.aliases ?? [])];
}

/** Where the plugin's arguments stand, or would: the path, and the ops' start when the entry has to be made. */
export function argsPath(
  tree: unknown,
  form: string,
  profile: string,
  names: readonly string[],
): { path: Path; exists: boolean } {
  if (form === "flat") return { path: ["plugin_configs", names[0] ?? ""], exists: true };
  const list = [...profilePath(tree, profile), "pluginConfig"];
  const configs = at(tree, list);
  const place = Array.isArray(configs)
    ? configs.findIndex((entry) => isMapping(entry) && names.includes(String(entry.name)))
    : -1;
  if (place >= 0) return { path: [...list, place, "args"], exists: true };
  return { path: [...list, Array.isArray(configs) ? configs.length : 0], exists: false };
}

const UNITS_MS: Record<string, number> = { d: 86_400_000, h: 3_600_000, min: 60_000, s: 1000 };

/** 2 d 3 h, 14 min 5 s: the two largest parts. */
export function span(ms: number): string {
  const parts: string[] = [];
  let left = Math.max(0, ms);
  for (const [unit, size] of Object.entries(UNITS_MS)) {
    const amount = Math.floor(left / size);
    left -= amount * size;
    if (amount > 0 || (parts.length === 0 && unit === "s")) parts.push(`${amount} ${unit}`);
    else if (parts.length > 0) break;
    if (parts.length === 2) break;
  }
  return parts.join(" ");
}
