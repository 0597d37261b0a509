import { describe, expect, test } from '@jest/globals';

import { denial, isDeniable } from '../models/denial';
import type { Content, Edge, Graph } from '../wire';
import { sample } from './sample';

const EDGE: Edge = {
  from: 'metrics',
  to: 'dashboard',
  names: ['metrics'],
  kind: 'data',
  certainty: 'may',
  from_line: 2,
  to_line: 1,
  because: ''
};
const SHOWN = sample<Graph>('show');
const GRAPH: Graph = { ...SHOWN, edges: [...SHOWN.edges, EDGE] };
const [CELL] = GRAPH.steps.find(step => step.name === EDGE.from)?.cells ?? [];

function notebook(source: string): Content {
  const cell = { id: CELL, cell_type: 'code', source, metadata: {} };
  return { nbformat: 4, nbformat_minor: 5, metadata: {}, cells: [cell] };
}

describe('an edge that is not true', () => {
  test('is denied on the line of the writer, if the server then sees no edge', async () => {
    const asked: string[] = [];
    const found = await denial(EDGE, GRAPH, notebook('a = 1\nplot("📦")'), content => {
      asked.push(content.cells[0].source);
      return Promise.resolve({ ...SHOWN, edges: [] });
    });
    expect(asked).toEqual(['a = 1\nplot("📦")  # nbflow: pure']);
    expect(found).toEqual({
      cell: CELL,
      fix: { old: '', new: '  # nbflow: pure', line: 2, column: 9 }
    });
  });

  test('is left as it is where the word would not help', async () => {
    const still = () => Promise.resolve(GRAPH);
    expect(await denial(EDGE, GRAPH, notebook('a = 1\nif b: a = 2'), still)).toBeNull();
  });

  test('is left as it is where the word would break the cell', async () => {
    const error = { ...GRAPH.diagnostics[0], severity: 'error' as const };
    const broken = () => Promise.resolve({ ...SHOWN, edges: [], diagnostics: [error] });
    expect(await denial(EDGE, GRAPH, notebook('a = 1\nb = \\'), broken)).toBeNull();
  });

  test('can be denied only where there is doubt', () => {
    expect(isDeniable(EDGE)).toBe(true);
    expect(isDeniable({ ...EDGE, certainty: 'sure' })).toBe(false);
  });
});
