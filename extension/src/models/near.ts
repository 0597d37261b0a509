/** What a step needs and what it feeds, for those who stand in its cell. Pure. */

import type { Graph, Step } from '../wire';

export interface Neighbour {
  step: string;
  /** The cell to go to. */
  cell: string;
  /** What goes from one to the other. */
  names: readonly string[];
}

export interface Near {
  needs: readonly Neighbour[];
  feeds: readonly Neighbour[];
}

export type Way = keyof Near;

/** The neighbours of a step, in the notebook's order. */
export function near({ steps, edges }: Pick<Graph, 'steps' | 'edges'>, step: string): Near {
  const found = (here: 'from' | 'to', there: 'from' | 'to') => {
    const its = edges.filter(edge => edge[here] === step);
    return steps.flatMap(({ name, cells }) => {
      const between = its.filter(edge => edge[there] === name);
      const names = [...new Set(between.flatMap(edge => edge.names))];
      return between.length > 0 ? [{ step: name, cell: cells[0], names }] : [];
    });
  };
  return { needs: found('to', 'from'), feeds: found('from', 'to') };
}

/** The step that a cell belongs to. */
export function stepAt({ steps }: Pick<Graph, 'steps'>, cell: string | null): Step | null {
  return steps.find(step => cell !== null && step.cells.includes(cell)) ?? null;
}
