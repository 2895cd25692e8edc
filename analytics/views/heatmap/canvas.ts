/** Where each node's cell is, and drawing them all: a colour for the value, a mark for what a colour cannot say. */

export interface Nodes {
  name: string[];
  group: string[];
  ready: boolean[];
  schedulable: boolean[];
  stale: boolean[];
  rejections: number[];
  [value: string]: (number | null)[] | string[] | boolean[];
}

export interface Cell {
  /** Index of the node. */
  node: number;
  x: number;
  y: number;
}

export interface Layout {
  size: number;
  width: number;
  height: number;
  cells: Cell[];
  /** Where the name of each group stands. */
  groups: { name: string; x: number; y: number }[];
  /** Cells in a row. */
  columns: number;
}

const GAP = 1;
const HEAD = 22;
const LARGEST = 30;
const SMALLEST = 5;
const WANTED_HEIGHT = 420;

/** Groups below each other, their nodes row by row, as large as the height allows. */
export function layoutOf(nodes: Nodes, width: number, zoom: number): Layout {
  const members = new Map<string, number[]>();
  nodes.group.forEach((group, at) => {
    const found = members.get(group);
    if (found) found.push(at);
    else members.set(group, [at]);
  });
  const sorted = [...members].sort(([one], [other]) => one.localeCompare(other));
  let size = LARGEST;
  const rowsAt = (cell: number) =>
    sorted.reduce(
      (sum, [, found]) => sum + Math.ceil(found.length / Math.max(1, Math.floor(width / cell))),
      0,
    );
  while (size > SMALLEST && rowsAt(size) * size + sorted.length * HEAD > WANTED_HEIGHT) size -= 1;
  size = Math.round(size * zoom);
  const columns = Math.max(1, Math.floor(width / size));
  const cells: Cell[] = [];
  const groups: Layout["groups"] = [];
  let y = 0;
  for (const [name, found] of sorted) {
    if (sorted.length > 1 || name) {
      groups.push({ name, x: 0, y: y + HEAD - 7 });
      y += HEAD;
    }
    found.forEach((node, at) => {
      cells.push({ node, x: (at % columns) * size, y: y + Math.floor(at / columns) * size });
    });
    y += Math.ceil(found.length / columns) * size + GAP;
  }
  return { size, width, height: y, cells, groups, columns };
}

/** Dark violet to yellow, even to the eye and to those who see few colours. */
const ANCHORS: readonly [number, number, number][] = [
  [68, 1, 84],
  [71, 44, 122],
  [59, 81, 139],
  [44, 113, 142],
  [33, 144, 141],
  [39, 173, 129],
  [92, 200, 99],
  [170, 220, 50],
  [253, 231, 37],
];

function between(share: number): string {
  const at = Math.min(Math.max(share, 0), 1) * (ANCHORS.length - 1);
  const low = Math.min(Math.floor(at), ANCHORS.length - 2);
  const [from, to] = [ANCHORS[low] ?? [0, 0, 0], ANCHORS[low + 1] ?? [0, 0, 0]];
  const mixed = from.map((part, channel) => Math.round(part + ((to[channel] ?? part) - part) * (at - low)));
  return `rgb(${mixed.join(" ")})`;
}

const TABLE: readonly string[] = Array.from({ length: 256 }, (_, at) => between(at / 255));

/** Of a value from 0 to 1; more than 1 is as 1. */
export function colour(share: number): string {
  return TABLE[Math.round(Math.min(Math.max(share, 0), 1) * 255)] ?? "";
}

export function draw(
  canvas: HTMLCanvasElement,
  layout: Layout,
  nodes: Nodes,
  shares: readonly (number | null)[],
  chosen: number,
  isDark: boolean,
): void {
  const ratio = window.devicePixelRatio || 1;
  canvas.width = Math.round(layout.width * ratio);
  canvas.height = Math.round(layout.height * ratio);
  canvas.style.height = `${layout.height}px`;
  const ink = canvas.getContext("2d");
  if (!ink) return;
  ink.scale(ratio, ratio);
  const side = layout.size - GAP;
  const unknown = isDark ? "#2c3641" : "#dfe4e8";
  for (const cell of layout.cells) {
    const share = shares[cell.node];
    ink.fillStyle = share === null || share === undefined ? unknown : colour(share);
    ink.fillRect(cell.x, cell.y, side, side);
  }
  marks(ink, layout, nodes, side, isDark);
  ink.fillStyle = isDark ? "#93a1af" : "#566370";
  ink.font = "12px system-ui, sans-serif";
  for (const group of layout.groups) ink.fillText(group.name || "–", group.x, group.y);
  const here = layout.cells.find((cell) => cell.node === chosen);
  if (here) {
    ink.lineWidth = 2;
    ink.strokeStyle = isDark ? "#ffffff" : "#000000";
    ink.strokeRect(here.x, here.y, side, side);
  }
}

/** Stale: stripes. Not ready: a cross. Cordoned: a bar below. */
function marks(
  ink: CanvasRenderingContext2D,
  layout: Layout,
  nodes: Nodes,
  side: number,
  isDark: boolean,
): void {
  ink.lineWidth = Math.max(1, side / 12);
  for (const cell of layout.cells) {
    const { node, x, y } = cell;
    if (!nodes.ready[node]) {
      ink.strokeStyle = isDark ? "#f09a86" : "#a4331e";
      ink.beginPath();
      ink.moveTo(x, y);
      ink.lineTo(x + side, y + side);
      ink.moveTo(x + side, y);
      ink.lineTo(x, y + side);
      ink.stroke();
    } else if (nodes.stale[node]) {
      ink.strokeStyle = isDark ? "#12161b" : "#ffffff";
      ink.beginPath();
      for (const part of [0.5, 1]) {
        ink.moveTo(x + side * part, y);
        ink.lineTo(x, y + side * part);
      }
      ink.moveTo(x + side, y + side * 0.5);
      ink.lineTo(x + side * 0.5, y + side);
      ink.stroke();
    }
    if (!nodes.schedulable[node]) {
      ink.fillStyle = isDark ? "#e6bd6a" : "#85570a";
      ink.fillRect(x, y + side - Math.max(2, side / 6), side, Math.max(2, side / 6));
    }
  }
}

/** The node at a place of the canvas; -1: none. */
export function nodeAt(layout: Layout, x: number, y: number): number {
  const found = layout.cells.find(
    (cell) => x >= cell.x && x < cell.x + layout.size && y >= cell.y && y < cell.y + layout.size,
  );
  return found ? found.node : -1;
}

/** The next cell from the chosen one by an arrow key; the first one when none is chosen. */
export function step(layout: Layout, chosen: number, key: string): number {
  const at = layout.cells.findIndex((cell) => cell.node === chosen);
  if (at < 0) return layout.cells[0]?.node ?? -1;
  const by = { ArrowLeft: -1, ArrowRight: 1, Home: -at, End: layout.cells.length - 1 - at }[key];
  if (by !== undefined) return layout.cells[at + by]?.node ?? chosen;
  const here = layout.cells[at];
  if (!here) return chosen;
  const down = key === "ArrowDown";
  const rows = layout.cells.filter((cell) => cell.x === here.x && (down ? cell.y > here.y : cell.y < here.y));
  const next = down ? rows[0] : rows.at(-1);
  return next ? next.node : chosen;
}
