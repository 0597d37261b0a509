import { expect, test } from '@jest/globals';

import { near, stepAt } from '../models/near';
import type { Graph } from '../wire';
import { sample } from './sample';

const GRAPH = sample<Graph>('show');

test('a step has what it needs and what it feeds, in the order of the notebook', () => {
  const { needs, feeds } = near(GRAPH, 'metrics');
  expect(needs.map(each => [each.step, each.cell])).toEqual([
    ['sales', 'c3'],
    ['returns', 'c4']
  ]);
  expect(feeds.map(each => each.step)).toEqual(['dashboard', 'report']);
  expect(near(GRAPH, 'sales').needs).toEqual([]);
});

test('several edges between two steps are one neighbour with all names', () => {
  const [edge] = GRAPH.edges;
  const twice = { ...GRAPH, edges: [edge, { ...edge, names: ['day', ...edge.names] }] };
  const [found] = near(twice, edge.to).needs;
  expect(found).toEqual({ step: edge.from, cell: 'c3', names: [...edge.names, 'day'] });
});

test('a cell belongs to its step, or to none', () => {
  expect(stepAt(GRAPH, 'c5')?.name).toBe('metrics');
  expect([stepAt(GRAPH, 'c1'), stepAt(GRAPH, null)]).toEqual([null, null]);
});
