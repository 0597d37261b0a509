/**
 * Two steps as one: the tags that say it.
 */

import type { Graph, Step } from '../wire';

const HEAD = 'step:';

/** The step of a cell, and the one above it in the notebook. */
export function neighbours(graph: Graph | null, cell: string | null): [Step, Step] | null {
  const steps = graph?.steps ?? [];
  const at = steps.findIndex(step => cell !== null && step.cells.includes(cell));
  return at > 0 ? [steps[at - 1], steps[at]] : null;
}

/** The new tags of every cell concerned, so that the step of `cell` becomes part of the one above. */
export function combined(
  graph: Graph | null,
  cell: string | null,
  tagsOf: (cell: string) => readonly string[]
): ReadonlyMap<string, readonly string[]> {
  const pair = neighbours(graph, cell);
  if (pair === null) {
    return new Map();
  }
  const [above, below] = pair;
  const name = above.name.replaceAll(',', ' ');
  return new Map(
    [...above.cells, ...below.cells].map(id => [
      id,
      [HEAD + name, ...tagsOf(id).filter(tag => !tag.startsWith(HEAD))]
    ])
  );
}
