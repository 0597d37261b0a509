/**
 * What is drawn of a graph: a node for each step, one for all definition cells, and one for each
 * folded section in place of its steps. All of it is pure: documents in, values out.
 */

import type { Edge, Graph, Step, StepResult } from '../wire';
import { ENDED } from '../wire';
import { kept } from './kept';
import type { Times } from './progress';
import { typical } from './progress';

export type NodeKind = 'step' | 'definitions' | 'section';

export interface PictureNode {
  id: string;
  kind: NodeKind;
  label: string;
  /** The steps that it stands for. */
  steps: readonly Step[];
  /** Its cells, in the notebook's order: a click goes to the first. */
  cells: readonly string[];
  section: string | null;
}

/** All edges between two nodes, as one line. */
export interface PictureEdge {
  id: string;
  from: string;
  to: string;
  edges: readonly Edge[];
}

export interface Picture {
  nodes: readonly PictureNode[];
  edges: readonly PictureEdge[];
  byId: ReadonlyMap<string, PictureNode>;
  byEdge: ReadonlyMap<string, PictureEdge>;
  /** The node that shows a step, by the step's name. */
  byStep: ReadonlyMap<string, string>;
  byCell: ReadonlyMap<string, string>;
  parents: ReadonlyMap<string, readonly string[]>;
  children: ReadonlyMap<string, readonly string[]>;
}

export const DEFINITIONS = 'nbflow:definitions';

/**
 * The picture of a graph. `sections` tells each cell's section, `folded` which are one node. What is as
 * it was in the picture `before` is the same value, and so is the picture if all is.
 */
export function picture(
  graph: Graph,
  sections: ReadonlyMap<string, string>,
  folded: ReadonlySet<string>,
  before: Picture | null = null
): Picture {
  const definers = definingSteps(graph);
  const steps = graph.steps.filter(step => !definers.includes(step));
  const nodes = [
    ...definitions(graph, definers),
    ...stepNodes(steps, step => sections.get(step.cells[0]) ?? null, folded)
  ].map(node => kept(before?.byId.get(node.id), node));
  const byStep = new Map(nodes.flatMap(node => node.steps.map(step => [step.name, node.id])));
  const known = new Map(before?.edges.map(edge => [edge.id, edge]));
  const edges = joined(graph.edges, byStep).map(edge => kept(known.get(edge.id), edge));
  if (before !== null && same(nodes, before.nodes) && same(edges, before.edges)) {
    return before;
  }
  return {
    nodes,
    edges,
    byId: new Map(nodes.map(node => [node.id, node])),
    byEdge: new Map(edges.map(edge => [edge.id, edge])),
    byStep,
    byCell: new Map(nodes.flatMap(node => node.cells.map(cell => [cell, node.id]))),
    parents: neighbours(edges, 'to', 'from'),
    children: neighbours(edges, 'from', 'to')
  };
}

function same<T>(a: readonly T[], b: readonly T[]): boolean {
  return a.length === b.length && a.every((each, at) => each === b[at]);
}

/** What the server calls the pseudo-step that runs the definitions (and cells of mere comments). */
const DEFINING = 'definitions';

/** The pseudo-step that runs the definitions: nobody has written it as a step. */
export function definingSteps(graph: Graph): readonly Step[] {
  return graph.steps.filter(step => step.id === DEFINING);
}

/** All cells that only define, and the pseudo-step that runs them. */
function definitions(graph: Graph, steps: readonly Step[]): PictureNode[] {
  if (graph.definitions.length === 0) {
    return [];
  }
  const names = graph.definitions.flatMap(each => each.names);
  return [
    {
      id: DEFINITIONS,
      kind: 'definitions',
      label: names.join(', '),
      steps,
      cells: graph.definitions.map(each => each.cell),
      section: null
    }
  ];
}

function stepNodes(
  steps: readonly Step[],
  sectionOf: (step: Step) => string | null,
  folded: ReadonlySet<string>
): PictureNode[] {
  const nodes = new Map<string, PictureNode>();
  for (const step of steps) {
    const section = sectionOf(step);
    const isFolded = section !== null && folded.has(section);
    const id = isFolded ? `nbflow:section:${section}` : step.id;
    const known = nodes.get(id);
    nodes.set(id, {
      id,
      kind: isFolded ? 'section' : 'step',
      label: isFolded ? section : step.name,
      steps: [...(known?.steps ?? []), step],
      cells: [...(known?.cells ?? []), ...step.cells],
      section
    });
  }
  return [...nodes.values()];
}

function joined(edges: readonly Edge[], byStep: ReadonlyMap<string, string>): PictureEdge[] {
  const found = new Map<string, PictureEdge>();
  for (const edge of edges) {
    const from = byStep.get(edge.from);
    const to = byStep.get(edge.to);
    if (from !== undefined && to !== undefined && from !== to) {
      const id = `${from}→${to}`;
      found.set(id, { id, from, to, edges: [...(found.get(id)?.edges ?? []), edge] });
    }
  }
  return [...found.values()];
}

function neighbours(
  edges: readonly PictureEdge[],
  of: 'from' | 'to',
  other: 'from' | 'to'
): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, string[]>();
  for (const edge of edges) {
    found.set(edge[of], [...(found.get(edge[of]) ?? []), edge[other]]);
  }
  return found;
}

/** The names that an edge carries, each once. */
export function edgeNames(edge: PictureEdge): string[] {
  return [...new Set(edge.edges.flatMap(each => each.names))];
}

/** Whether nothing surer than `may` stands behind an edge. */
export function isDoubtful(edge: PictureEdge): boolean {
  return edge.edges.every(each => each.certainty === 'may');
}

/** Whether nothing is handed on: only the order counts. */
export function isOrder(edge: PictureEdge): boolean {
  return edge.edges.every(each => each.kind !== 'data');
}

/**
 * The nodes of the chain that takes longest, in order: what would have to become faster for the run
 * to be faster. What a step still has before it counts as it took before; what nobody has timed
 * counts as nothing.
 */
export function criticalPath(
  graph: Picture,
  results: ReadonlyMap<string, StepResult>,
  times: Times = new Map()
): readonly string[] {
  const own = (step: string) => {
    const result = results.get(step);
    const ahead = result !== undefined && !ENDED.has(result.status) && result.action === 'run';
    return result?.seconds ?? (ahead ? typical(times.get(step)) : null) ?? 0;
  };
  const seconds = (node: PictureNode) => node.steps.reduce((sum, step) => sum + own(step.name), 0);
  const best = new Map<string, { total: number; before: string | null }>();
  for (const node of inOrder(graph)) {
    const before = (graph.parents.get(node.id) ?? [])
      .map(id => ({ id, total: best.get(id)?.total ?? 0 }))
      .reduce<{ id: string | null; total: number }>(
        (most, each) => (most.id === null || each.total > most.total ? each : most),
        { id: null, total: 0 }
      );
    best.set(node.id, { total: before.total + seconds(node), before: before.id });
  }
  const longest = [...best].sort(([, a], [, b]) => b.total - a.total)[0];
  const path: string[] = [];
  for (let at = longest?.[1].total ? longest[0] : null; at !== null;) {
    path.unshift(at);
    at = best.get(at)?.before ?? null;
  }
  return path;
}

/** Every node after all that it needs; what waits for itself comes last. */
function inOrder(graph: Picture): PictureNode[] {
  const waits = new Map(
    graph.nodes.map(node => [node.id, graph.parents.get(node.id)?.length ?? 0])
  );
  const ready = graph.nodes.filter(node => waits.get(node.id) === 0);
  for (const node of ready) {
    for (const child of graph.children.get(node.id) ?? []) {
      const left = (waits.get(child) ?? 0) - 1;
      waits.set(child, left);
      const next = graph.byId.get(child);
      if (left === 0 && next !== undefined) {
        ready.push(next);
      }
    }
  }
  return ready;
}

/** The nodes whose name, title, tags or names written contain all words of a query. */
export function found(graph: Picture, query: string): ReadonlySet<string> {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  const text = (node: PictureNode) =>
    [
      node.label,
      ...node.steps.flatMap(step => [step.name, step.title ?? '', ...step.tags, ...step.writes])
    ]
      .join(' ')
      .toLowerCase();
  const matches = graph.nodes.filter(node => {
    const whole = words.length > 0 ? text(node) : '';
    return words.every(word => whole.includes(word));
  });
  return new Set(words.length > 0 ? matches.map(node => node.id) : []);
}
