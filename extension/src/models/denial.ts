/**
 * "Not true": an edge that is there only because a call might change something, and does not.
 *
 * The author's word for it is `# nbflow: pure` on the line of the call. Whether that takes the edge
 * away, the server tells: nothing is written that would not help.
 */

import type { Content, Edge, Fix, Graph } from '../wire';

export const PURE = '# nbflow: pure';

/** What can be written, and into which cell. */
export interface Denial {
  cell: string;
  fix: Fix;
}

/** Where the author can say that an edge is not true; null where no such word would help. */
export async function denial(
  edge: Edge,
  graph: Graph,
  content: Content,
  ask: (content: Content) => Promise<Graph>
): Promise<Denial | null> {
  for (const found of places(edge, graph, content)) {
    const after = await ask(changed(content, found));
    if (!after.edges.some(each => same(each, edge)) && errors(after) <= errors(graph)) {
      return found;
    }
  }
  return null;
}

/** Whether there is any doubt in an edge that its author could take away. */
export function isDeniable(edge: Edge): boolean {
  return edge.certainty === 'may' && edge.names.length > 0;
}

/** The lines that the edge names, the writer's first. */
function places(edge: Edge, graph: Graph, content: Content): Denial[] {
  const at = (name: string, line: number | null) =>
    (graph.steps.find(step => step.name === name)?.cells ?? []).flatMap(cell => {
      const source = content.cells.find(each => each.id === cell)?.source ?? '';
      const text = line === null ? undefined : source.split('\n')[line - 1];
      return text === undefined || text.trim() === '' || text.includes('#')
        ? []
        : [{ cell, fix: { old: '', new: `  ${PURE}`, line, column: [...text].length } }];
    });
  return [...at(edge.from, edge.from_line), ...at(edge.to, edge.to_line)];
}

function changed(content: Content, { cell, fix }: Denial): Content {
  const write = (source: string) => {
    const lines = source.split('\n');
    lines[(fix.line ?? 1) - 1] += fix.new;
    return lines.join('\n');
  };
  const cells = content.cells.map(each =>
    each.id === cell ? { ...each, source: write(each.source) } : each
  );
  return { ...content, cells };
}

function same(a: Edge, b: Edge): boolean {
  return (
    a.from === b.from &&
    a.to === b.to &&
    a.kind === b.kind &&
    b.names.some(x => a.names.includes(x))
  );
}

function errors(graph: Graph): number {
  return graph.diagnostics.filter(each => each.severity === 'error').length;
}
