/** The policy's text and its data, both ways: an edit of the data touches as little of the text as it can. */
import {
  type Document,
  isCollection,
  isMap,
  isNode,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseDocument,
  stringify,
  type YAMLMap,
  type YAMLSeq,
} from "yaml";
import { done, equal, type Op, type Path } from "./tree";

export interface Fault {
  line: number;
  message: string;
}

export interface Parsed {
  tree: unknown;
  /** Why this is no YAML; then `tree` is what could be read. */
  faults: Fault[];
  /** The line of a path such as `profiles[0].plugins`, or of what is nearest above it; 0: none. */
  lineOf: (path: string) => number;
}

const WRITING = { lineWidth: 0, flowCollectionPadding: false } as const;
const OPTIONS = { prettyErrors: false, uniqueKeys: true } as const;

export function parse(text: string): Parsed {
  const lines = new LineCounter();
  const doc = parseDocument(text, { ...OPTIONS, lineCounter: lines });
  const faults = doc.errors.map((error) => ({
    line: lines.linePos(error.pos[0]).line,
    message: error.message,
  }));
  let tree: unknown;
  try {
    tree = doc.toJS();
  } catch (error) {
    faults.push({ line: 1, message: String(error) });
  }
  const lineOf = (path: string) => {
    const parts = pathOf(path);
    for (let length = parts.length; length >= 0; length -= 1) {
      const place = startOf(doc, parts.slice(0, length));
      if (place !== undefined) return lines.linePos(place).line;
    }
    return 0;
  };
  return { tree, faults, lineOf };
}

/** `a.b[0].c` and `a[name].c` as parts. */
export function pathOf(path: string): Path {
  return [...path.matchAll(/\[([^\]]*)\]|([^.[\]]+)/g)].map(([, inside, key]) => {
    if (inside === undefined) return key ?? "";
    return /^\d+$/.test(inside) ? Number(inside) : inside;
  });
}

function startOf(doc: Document, path: Path): number | undefined {
  const last = path.at(-1);
  const holder = nodeAt(doc, path.slice(0, -1));
  if (typeof last === "string" && isMap(holder)) {
    const pair = holder.items.find((item) => isScalar(item.key) && item.key.value === last);
    return pair && isNode(pair.key) ? pair.key.range?.[0] : undefined;
  }
  return nodeAt(doc, path)?.range?.[0];
}

function nodeAt(doc: Document, path: Path): Node | undefined {
  const found = path.length === 0 ? doc.contents : doc.getIn(path, true);
  return isNode(found) ? found : undefined;
}

/** The text with the ops done, comments and all. Raises when the text is no YAML. */
export function edited(text: string, list: readonly Op[]): string {
  return list.reduce(editedOnce, text);
}

function editedOnce(text: string, asked: Op): string {
  const doc = parseDocument(text, OPTIONS);
  const [fault] = doc.errors;
  if (fault) throw fault;
  const op = lifted(doc, asked);
  const wanted = done(doc.toJS() ?? {}, op);
  const near = spliced(text, doc, op);
  if (near !== undefined && says(near, wanted)) return near;
  if (op.value === undefined) doc.deleteIn(op.path);
  else doc.setIn(op.path, doc.createNode(op.value));
  const written = (indentSeq: boolean) => doc.toString({ ...WRITING, indentSeq });
  const whole = written(indents(text));
  // The writer puts a list that has become empty where it cannot be read, unless lists are indented.
  return says(whole, wanted) ? whole : written(true);
}

function says(text: string, wanted: unknown): boolean {
  const doc = parseDocument(text, OPTIONS);
  return doc.errors.length === 0 && equal(doc.toJS(), wanted);
}

/** The same edit at the lowest place that has something above it, with all that is missing below in its value. */
function lifted(doc: Document, { path, value }: Op): Op {
  if (value === undefined) return { path };
  let length = path.length;
  while (length > 1 && !isCollection(nodeAt(doc, path.slice(0, length - 1)))) length -= 1;
  return { path: path.slice(0, length), value: done(undefined, { path: path.slice(length), value }) };
}

/** Whether lists stand deeper than their keys in this text. */
function indents(text: string): boolean {
  return !/^( *)[^\s#-][^\n]*:[ \t]*(#[^\n]*)?\n\1- /m.test(text);
}

/** The edit as a cut into the text; undefined where there is no simple one. The caller checks what came out. */
function spliced(text: string, doc: Document, { path, value }: Op): string | undefined {
  const old = nodeAt(doc, path);
  const holder = nodeAt(doc, path.slice(0, -1));
  const last = path.at(-1);
  if (value === undefined) return isMap(holder) && old ? without(text, holder, String(last)) : undefined;
  if (isScalar(old) && old.range && isPlain(value))
    return text.slice(0, old.range[0]) + flow(value) + text.slice(old.range[1]);
  if (old !== undefined || !isCollection(holder) || holder.items.length === 0) return undefined;
  if (isMap(holder) && typeof last === "string") return withKey(text, holder, last, value);
  if (isSeq(holder) && last === holder.items.length) return withItem(text, holder, value);
  return undefined;
}

function isPlain(value: unknown): boolean {
  return typeof value !== "object" || value === null;
}

function flow(value: unknown): string {
  return stringify(value, { ...WRITING, collectionStyle: "flow" }).trim();
}

function columnOf(text: string, place: number): number {
  return place - (text.lastIndexOf("\n", place - 1) + 1);
}

/** Where the line ends on which `place` stands. */
function endOfLine(text: string, place: number): number {
  const end = text.indexOf("\n", place);
  return end < 0 ? text.length : end;
}

/** Behind the last character of a collection, on its last line that is not empty. */
function tail(text: string, node: YAMLMap | YAMLSeq): number | undefined {
  if (!node.range) return undefined;
  let end = node.range[1];
  while (end > 0 && /\s/.test(text[end - 1] ?? "")) end -= 1;
  return end;
}

function block(value: unknown, column: number, text: string): string {
  const lines = stringify(value, { ...WRITING, indentSeq: indents(text) });
  return lines
    .trimEnd()
    .split("\n")
    .join(`\n${" ".repeat(column)}`);
}

function withKey(text: string, map: YAMLMap, key: string, value: unknown): string | undefined {
  const end = tail(text, map);
  const first = map.items[0]?.key;
  if (end === undefined || !isNode(first) || !first.range) return undefined;
  if (map.flow) return `${text.slice(0, end - 1).trimEnd()}, ${key}: ${flow(value)}${text.slice(end - 1)}`;
  const column = columnOf(text, first.range[0]);
  const line = endOfLine(text, end);
  return `${text.slice(0, line)}\n${" ".repeat(column)}${block({ [key]: value }, column, text)}${text.slice(line)}`;
}

function withItem(text: string, seq: YAMLSeq, value: unknown): string | undefined {
  const end = tail(text, seq);
  const first = seq.items[0];
  if (end === undefined || !isNode(first) || !first.range || !seq.range) return undefined;
  if (seq.flow) return `${text.slice(0, end - 1).trimEnd()}, ${flow(value)}${text.slice(end - 1)}`;
  const column = columnOf(text, seq.range[0]);
  const line = endOfLine(text, end);
  return `${text.slice(0, line)}\n${" ".repeat(column)}${block([value], column, text)}${text.slice(line)}`;
}

function without(text: string, map: YAMLMap, key: string): string | undefined {
  const place = map.items.findIndex((item) => isScalar(item.key) && item.key.value === key);
  const pair = map.items[place];
  if (!pair || !isNode(pair.key) || !pair.key.range) return undefined;
  if (map.items.length === 1)
    return map.flow && map.range ? `${text.slice(0, map.range[0])}{}${text.slice(map.range[1])}` : undefined;
  const value = isNode(pair.value) ? pair.value : undefined;
  const start = pair.key.range[0];
  const end = value?.range?.[1] ?? pair.key.range[1];
  if (map.flow) {
    const before = text.slice(0, start);
    const after = text.slice(end);
    if (place > 0) return before.replace(/,\s*$/, "") + after;
    return before + after.replace(/^\s*,\s*/, "");
  }
  // The first key of a list's item shares its line with the dash.
  if (place === 0 && text.slice(text.lastIndexOf("\n", start - 1) + 1, start).trim()) return undefined;
  const from = text.lastIndexOf("\n", start - 1) + 1;
  let to = end;
  while (to > start && /\s/.test(text[to - 1] ?? "")) to -= 1;
  return text.slice(0, from) + text.slice(Math.min(text.length, endOfLine(text, to) + 1));
}
