/** Policies as plain data: what differs between two, and how two edits of the same policy go together. */
import type { Change } from "./model";

export type Path = (string | number)[];

/** Set `value` at `path`; without a value: take it away. Numbers are places in lists as they are by then. */
export interface Op {
  path: Path;
  value?: unknown;
}

type Mapping = Record<string, unknown>;

const NAMES = ["name", "schedulerName"] as const;

export function isMapping(value: unknown): value is Mapping {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function equal(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (Array.isArray(a) && Array.isArray(b))
    return a.length === b.length && a.every((item, at) => equal(item, b[at]));
  if (!isMapping(a) || !isMapping(b)) return false;
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => key in b && equal(a[key], b[key]));
}

export function at(tree: unknown, path: Path): unknown {
  let found = tree;
  for (const part of path) {
    if (Array.isArray(found) && typeof part === "number") found = found[part];
    else if (isMapping(found)) found = found[part];
    else return undefined;
  }
  return found;
}

/** A copy with the op done. Parts that are missing on the way are made. */
export function done(tree: unknown, { path, value }: Op): unknown {
  const [head, ...rest] = path;
  if (head === undefined) return value;
  if (typeof head === "number") {
    const list = Array.isArray(tree) ? [...tree] : [];
    if (rest.length === 0 && value === undefined) list.splice(head, 1);
    else list[head] = done(list[head], { path: rest, value });
    return list;
  }
  const mapping = isMapping(tree) ? { ...tree } : {};
  if (rest.length === 0 && value === undefined) delete mapping[head];
  else mapping[head] = done(mapping[head], { path: rest, value });
  return mapping;
}

/** The key that names each item of a list; undefined: its items are not all named, or two share a name. */
function namedBy(...lists: unknown[][]): (typeof NAMES)[number] | undefined {
  return NAMES.find((key) =>
    lists.every((list) => {
      const names = list.map((item) => (isMapping(item) ? item[key] : undefined));
      return names.every((name) => typeof name === "string") && new Set(names).size === names.length;
    }),
  );
}

function nameOf(item: unknown, key: string): string {
  return String((item as Mapping)[key]);
}

/** The ops that make `b` of `a`. */
export function ops(a: unknown, b: unknown, path: Path = []): Op[] {
  if (equal(a, b)) return [];
  if (isMapping(a) && isMapping(b)) {
    const gone = Object.keys(a).filter((key) => !(key in b));
    return [
      ...Object.keys(b).flatMap((key) =>
        key in a ? ops(a[key], b[key], [...path, key]) : [{ path: [...path, key], value: b[key] }],
      ),
      ...gone.map((key) => ({ path: [...path, key] })),
    ];
  }
  if (Array.isArray(a) && Array.isArray(b)) {
    const key = namedBy(a, b);
    const before = key ? a.map((item) => nameOf(item, key)) : [];
    const after = key ? b.map((item) => nameOf(item, key)) : [];
    if (key && before.every((name, place) => name === after[place]))
      return b.flatMap((item, place): Op[] =>
        place < a.length ? ops(a[place], item, [...path, place]) : [{ path: [...path, place], value: item }],
      );
    // One item gone, the others where they were.
    const left = key ? before.filter((name) => after.includes(name)) : [];
    if (key && equal(left, after)) {
      const kept = a.filter((item) => after.includes(nameOf(item, key)));
      const removed = before.flatMap((name, place) => (after.includes(name) ? [] : [place])).reverse();
      return [...removed.map((place) => ({ path: [...path, place] })), ...ops(kept, b, path)];
    }
  }
  return [{ path, value: b }];
}

/** What differs, said with names in place of numbers: profiles[default-scheduler].plugins.score… */
export function changes(a: unknown, b: unknown, path = ""): Change[] {
  if (equal(a, b)) return [];
  const below = (key: string) => (path ? `${path}.${key}` : key);
  if (isMapping(a) && isMapping(b))
    return [...new Set([...Object.keys(a), ...Object.keys(b)])].flatMap((key) =>
      changes(a[key], b[key], below(key)),
    );
  if (Array.isArray(a) && Array.isArray(b)) {
    const key = namedBy(a, b);
    if (key) {
      const names = [...new Set([...a, ...b].map((item) => nameOf(item, key)))];
      const find = (list: unknown[], name: string) => list.find((item) => nameOf(item, key) === name);
      return names.flatMap((name) => changes(find(a, name), find(b, name), `${path}[${name}]`));
    }
  }
  return [{ path, before: a, after: b }];
}

export interface Merged {
  tree: unknown;
  /** Places that both changed, each in its own way; ours stands. */
  both: string[];
}

/** What both made of `base`. */
export function merge(base: unknown, ours: unknown, theirs: unknown, path = ""): Merged {
  if (equal(ours, theirs) || equal(base, ours)) return { tree: theirs, both: [] };
  if (equal(base, theirs)) return { tree: ours, both: [] };
  if (isMapping(ours) && isMapping(theirs)) {
    const from = isMapping(base) ? base : {};
    const both: string[] = [];
    const tree: Mapping = {};
    for (const key of new Set([...Object.keys(theirs), ...Object.keys(ours)])) {
      const one = merge(from[key], ours[key], theirs[key], path ? `${path}.${key}` : key);
      if (one.tree !== undefined) tree[key] = one.tree;
      both.push(...one.both);
    }
    return { tree, both };
  }
  if (Array.isArray(ours) && Array.isArray(theirs)) {
    const from = Array.isArray(base) ? base : [];
    const key = namedBy(from, ours, theirs);
    if (key) {
      const find = (list: unknown[], name: string) => list.find((item) => nameOf(item, key) === name);
      const both: string[] = [];
      const tree: unknown[] = [];
      for (const name of new Set([...theirs, ...ours].map((item) => nameOf(item, key)))) {
        const one = merge(find(from, name), find(ours, name), find(theirs, name), `${path}[${name}]`);
        if (one.tree !== undefined) tree.push(one.tree);
        both.push(...one.both);
      }
      return { tree, both };
    }
  }
  return { tree: ours, both: [path] };
}
