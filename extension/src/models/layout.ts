/**
 * Where nodes and edges stand. Dagre does the work; this says what it is asked, and keeps what can
 * be kept. Pure.
 */

import * as dagre from '@dagrejs/dagre';

export type Direction = 'TB' | 'LR';

export interface Box {
  id: string;
  width: number;
  height: number;
}

export interface LayoutRequest {
  boxes: readonly Box[];
  edges: readonly { id: string; from: string; to: string }[];
  direction: Direction;
}

export interface Point {
  x: number;
  y: number;
}

/** A box where it stands: `x` and `y` are its upper left corner. */
export interface Placed extends Box, Point {}

export interface Layout {
  boxes: ReadonlyMap<string, Placed>;
  /** The corners of each edge's line, from the border of one box to the border of the other. */
  lines: ReadonlyMap<string, readonly Point[]>;
  /** The edges that a chain of others implies: they are not routed around what is in their way. */
  implied: ReadonlySet<string>;
  width: number;
  height: number;
}

export const NOTHING: Layout = {
  boxes: new Map(),
  lines: new Map(),
  implied: new Set(),
  width: 0,
  height: 0
};

/** Beyond this, a quicker way to rank is good enough. */
const MANY = 100;
const MARGIN = 16;

export function layout(request: LayoutRequest): Layout {
  if (request.boxes.length === 0) {
    // Dagre's size of nothing is minus infinity.
    return NOTHING;
  }
  const many = request.boxes.length > MANY;
  const graph = new dagre.graphlib.Graph({ multigraph: true });
  graph.setGraph({
    rankdir: request.direction,
    nodesep: 18,
    ranksep: request.direction === 'TB' ? 34 : 48,
    edgesep: 8,
    marginx: MARGIN,
    marginy: MARGIN,
    ranker: many ? 'tight-tree' : 'network-simplex'
  });
  for (const box of request.boxes) {
    graph.setNode(box.id, { width: box.width, height: box.height });
  }
  // Drawn around everything, an edge that others imply would take the place of a step.
  const routed = essential(request);
  for (const edge of routed) {
    graph.setEdge(edge.from, edge.to, {}, edge.id);
  }
  dagre.layout(graph);
  return result(request, routed, graph);
}

function result(
  request: LayoutRequest,
  routed: LayoutRequest['edges'],
  graph: dagre.Graph
): Layout {
  const boxes = new Map(
    request.boxes.map(box => {
      const { x, y } = graph.node(box.id) as Point;
      return [box.id, { ...box, x: x - box.width / 2, y: y - box.height / 2 }];
    })
  );
  const lines = new Map(
    request.edges.map(edge => {
      const laid = graph.edge(edge.from, edge.to, edge.id) as { points?: Point[] } | undefined;
      return [edge.id, laid?.points ?? straight(boxes, edge, request.direction)];
    })
  );
  const { width, height } = graph.graph() as { width: number; height: number };
  const kept = new Set(routed.map(edge => edge.id));
  const implied = new Set(request.edges.flatMap(({ id }) => (kept.has(id) ? [] : [id])));
  return { boxes, lines, implied, width, height };
}

/** An edge's line; one that came after the layout goes straight until the next layout. */
export function lineOf(
  layout: Layout,
  edge: LayoutRequest['edges'][number],
  direction: Direction
): readonly Point[] {
  return layout.lines.get(edge.id) ?? straight(layout.boxes, edge, direction);
}

/** From the middle of one side to the middle of the other. */
function straight(
  boxes: ReadonlyMap<string, Placed>,
  edge: { from: string; to: string },
  direction: Direction
): Point[] {
  const from = boxes.get(edge.from);
  const to = boxes.get(edge.to);
  if (from === undefined || to === undefined) {
    return [];
  }
  const down = direction === 'TB';
  const middle = (box: Placed) => ({ x: box.x + box.width / 2, y: box.y + box.height / 2 });
  return [
    down
      ? { x: middle(from).x, y: from.y + from.height }
      : { x: from.x + from.width, y: middle(from).y },
    down ? { x: middle(to).x, y: to.y } : { x: to.x, y: middle(to).y }
  ];
}

/** The edges that no chain of others implies: they alone decide who stands above whom. */
export function essential(request: Pick<LayoutRequest, 'boxes' | 'edges'>): LayoutRequest['edges'] {
  const position = new Map(request.boxes.map((box, index) => [box.id, index]));
  const out = new Map<number, { at: number; edge: LayoutRequest['edges'][number] }[]>();
  for (const edge of request.edges) {
    const from = position.get(edge.from);
    const to = position.get(edge.to);
    if (from !== undefined && to !== undefined) {
      out.set(from, [...(out.get(from) ?? []), { at: to, edge }]);
    }
  }
  const reach = new Map<number, ReadonlySet<number>>();
  const kept: LayoutRequest['edges'][number][] = [];
  for (let from = request.boxes.length - 1; from >= 0; from--) {
    const reached = new Set<number>();
    for (const { at, edge } of (out.get(from) ?? []).sort((a, b) => a.at - b.at)) {
      if (!reached.has(at)) {
        kept.push(edge);
        reached.add(at);
        reach.get(at)?.forEach(further => reached.add(further));
      }
    }
    reach.set(from, reached);
  }
  return kept;
}

/** What decides a layout, as one text: the same text, the same layout. */
export function key(request: LayoutRequest): string {
  return JSON.stringify([
    request.direction,
    request.boxes.map(box => [box.id, box.width, box.height]),
    request.edges.map(edge => edge.id)
  ]);
}

/** How far the boxes that are in both layouts have moved, for a view that follows them. */
export function moved(before: Layout, after: Layout, kept: string | null): Point {
  const one = kept === null ? undefined : shift(before, after, kept);
  const all = [...after.boxes.keys()].flatMap(id => shift(before, after, id) ?? []);
  return one ?? { x: median(all.map(each => each.x)), y: median(all.map(each => each.y)) };
}

function shift(before: Layout, after: Layout, id: string): Point | undefined {
  const was = before.boxes.get(id);
  const is = after.boxes.get(id);
  return was && is && { x: is.x - was.x, y: is.y - was.y };
}

function median(values: number[]): number {
  return values.sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}

export type Step = 'forward' | 'back' | 'before' | 'after';

/** Where a key leads: along an edge, or to the neighbour in the same row. */
export function walk(
  layout: Layout,
  direction: Direction,
  at: string,
  step: Step,
  along: readonly string[]
): string | null {
  const here = layout.boxes.get(at);
  if (here === undefined) {
    return null;
  }
  const across = direction === 'TB' ? 'x' : 'y';
  const deep = direction === 'TB' ? 'y' : 'x';
  const near = (candidates: Placed[]) =>
    candidates.sort((a, b) => distance(a, here, across) - distance(b, here, across))[0]?.id ?? null;
  const placed = (ids: Iterable<string>) => [...ids].flatMap(id => layout.boxes.get(id) ?? []);
  if (step === 'forward' || step === 'back') {
    return near(placed(along));
  }
  const sign = step === 'after' ? 1 : -1;
  const size = direction === 'TB' ? 'height' : 'width';
  const beside = placed(layout.boxes.keys()).filter(
    box =>
      sign * (box[across] - here[across]) > 0 &&
      Math.abs(box[deep] + box[size] / 2 - here[deep] - here[size] / 2) < here[size]
  );
  return near(beside);
}

function distance(a: Point, b: Point, along: 'x' | 'y'): number {
  return Math.abs(a[along] - b[along]);
}
