import { describe, expect, test } from '@jest/globals';

import { lanes, width } from '../models/lanes';
import type { Layout } from '../models/layout';
import { essential, key, layout, moved, NOTHING, walk } from '../models/layout';
import {
  criticalPath,
  DEFINITIONS,
  edgeNames,
  found,
  isDoubtful,
  picture
} from '../models/picture';
import { sections } from '../models/sections';
import type { Content, Graph, Run, StepResult } from '../wire';
import { sample } from './sample';

const GRAPH = sample<Graph>('show');
const RUN = sample<Run>('run-succeeded');
const results = new Map(RUN.steps.map(each => [each.step, each]));
const whole = picture(GRAPH, new Map(), new Set());

const content = (...cells: [string, string, string][]): Content => ({
  nbformat: 4,
  nbformat_minor: 5,
  metadata: {},
  cells: cells.map(([id, cell_type, source]) => ({ id, cell_type, source, metadata: {} }))
});

describe('a picture', () => {
  test('has a node for each step and one for all definitions', () => {
    expect(whole.nodes.map(each => each.id)).toEqual([DEFINITIONS, 'c3', 'c4', 'c5', 'c6', 'c8']);
    expect(whole.byCell.get('c1')).toBe(DEFINITIONS);
    expect(whole.parents.get('c5')).toEqual(['c3', 'c4']);
    expect(whole.children.get('c3')).toEqual(['c4', 'c5']);
  });

  test('shows the pseudo-step of the definitions as they themselves', () => {
    const definer = { ...GRAPH.steps[0], id: 'definitions', name: 'definitions', cells: ['c1'] };
    const drawn = picture({ ...GRAPH, steps: [definer, ...GRAPH.steps] }, new Map(), new Set());
    expect(drawn.nodes[0]).toMatchObject({ kind: 'definitions', steps: [definer] });
    expect(drawn.nodes).toHaveLength(whole.nodes.length);
  });

  test('has nothing for cells of mere comments, which run with the definitions', () => {
    const definer = { ...GRAPH.steps[0], id: 'definitions', name: 'definitions', cells: ['c0'] };
    const comments = { ...GRAPH, steps: [definer], definitions: [], edges: [] };
    expect(picture(comments, new Map(), new Set()).nodes).toEqual([]);
  });

  test('shows several edges between two nodes as one line', () => {
    const [edge] = GRAPH.edges;
    const twice = { ...GRAPH, edges: [edge, { ...edge, names: ['day', 'sales'] }] };
    const { edges } = picture(twice, new Map(), new Set());
    expect(edges.map(edgeNames)).toEqual([['sales', 'day']]);
  });

  test('a line is doubtful where every edge of it is', () => {
    const doubtful = whole.edges.filter(isDoubtful).map(each => each.id);
    expect(doubtful).toEqual(['c6→c8']);
  });

  test('a folded section is one node, with the edges that leave it', () => {
    const named = new Map([
      ['c3', 'Load'],
      ['c4', 'Load'],
      ['c5', 'Report']
    ]);
    const folded = picture(GRAPH, named, new Set(['Load']));
    const section = folded.byId.get('nbflow:section:Load');
    expect(section?.steps.map(each => each.name)).toEqual(['sales', 'returns']);
    expect(folded.byStep.get('returns')).toBe('nbflow:section:Load');
    expect(folded.edges.map(each => each.id)).toEqual([
      'nbflow:section:Load→c5',
      'c5→c6',
      'c5→c8',
      'c6→c8'
    ]);
  });

  test('the critical path is the chain that took longest', () => {
    expect(criticalPath(whole, results)).toEqual(['c3', 'c4', 'c5', 'c6', 'c8']);
    expect(criticalPath(whole, new Map())).toEqual([]);
  });

  test('has a critical path while it runs: what is ahead counts as it took before', () => {
    const [sales, returns] = RUN.steps;
    const ahead = { ...returns, status: 'queued' as const, action: 'run' as const, seconds: null };
    const going = new Map<string, StepResult>([
      ['sales', { ...sales, seconds: 1 }],
      ['returns', ahead]
    ]);
    expect(criticalPath(whole, going)).toEqual(['c3']);
    expect(criticalPath(whole, going, new Map([['returns', [2]]]))).toEqual(['c3', 'c4']);
  });

  test('is searched by name, title and tags', () => {
    expect([...found(whole, 'dash')]).toEqual(['c6']);
    expect([...found(whole, 'retries sales')]).toEqual(['c3']);
    expect([...found(whole, '  ')]).toEqual([]);
  });
});

test('sections are the headings of the first two levels, not what code says', () => {
  const named = sections(
    content(
      ['a', 'code', 'x'],
      ['b', 'markdown', '# Load\n\n### detail\n```\n# no\n```'],
      ['c', 'code', '# not a heading'],
      ['d', 'markdown', 'text'],
      ['e', 'code', ''],
      ['f', 'markdown', '## Report ##'],
      ['g', 'code', '']
    )
  );
  expect([...named].filter(([id]) => 'aceg'.includes(id))).toEqual([
    ['c', 'Load'],
    ['e', 'Load'],
    ['g', 'Report']
  ]);
});

describe('a layout', () => {
  const boxes = ['a', 'b', 'c', 'd'].map(id => ({ id, width: 100, height: 40 }));
  const edge = (from: string, to: string) => ({ id: `${from}→${to}`, from, to });
  const edges = [edge('a', 'b'), edge('a', 'c'), edge('b', 'd'), edge('c', 'd'), edge('a', 'd')];
  const laid = layout({ boxes, edges, direction: 'TB' });
  const at = (of: Layout, id: string) => of.boxes.get(id) ?? { x: NaN, y: NaN };

  test('puts what is needed above what needs it, or to the left', () => {
    expect(at(laid, 'a').y).toBeLessThan(at(laid, 'b').y);
    expect(at(laid, 'b').y).toBe(at(laid, 'c').y);
    expect(at(laid, 'c').y).toBeLessThan(at(laid, 'd').y);
    const wide = layout({ boxes, edges, direction: 'LR' });
    expect(at(wide, 'a').x).toBeLessThan(at(wide, 'b').x);
    expect(laid.lines.get('a→d')?.length).toBe(2);
    expect([...laid.implied]).toEqual(['a→d']);
  });

  test('of nothing has a size', () => {
    expect(layout({ boxes: [], edges: [], direction: 'TB' })).toEqual(NOTHING);
  });

  test('is reckoned without edges that others imply', () => {
    expect(
      essential({ boxes, edges })
        .map(each => each.id)
        .sort()
    ).toEqual(['a→b', 'a→c', 'b→d', 'c→d']);
  });

  test('of many draws all edges', () => {
    const many = Array.from({ length: 150 }, (_, n) => ({ id: `s${n}`, width: 10, height: 10 }));
    const chain = many.slice(1).map((box, n) => edge(`s${n}`, box.id));
    const implied = edge('s0', 's149');
    const big = layout({ boxes: many, edges: [...chain, implied], direction: 'TB' });
    expect(big.lines.size).toBe(150);
    expect(big.lines.get(implied.id)).toHaveLength(2);
  });

  test('is the same for the same structure', () => {
    expect(key({ boxes, edges, direction: 'TB' })).toBe(key({ boxes, edges, direction: 'TB' }));
    expect(key({ boxes, edges, direction: 'TB' })).not.toBe(key({ boxes, edges, direction: 'LR' }));
  });

  test('a view can follow what was there before', () => {
    const more = [{ id: 'z', width: 300, height: 40 }, ...boxes];
    const after = layout({ boxes: more, edges: [...edges, edge('z', 'b')], direction: 'TB' });
    const shift = moved(laid, after, 'd');
    expect(at(laid, 'd').x + shift.x).toBe(at(after, 'd').x);
    expect(moved(laid, laid, null)).toEqual({ x: 0, y: 0 });
  });

  test('is walked along edges and within a row', () => {
    expect(walk(laid, 'TB', 'a', 'forward', ['b', 'c', 'd'])).not.toBeNull();
    expect(walk(laid, 'TB', 'd', 'back', ['b'])).toBe('b');
    const [left, right] = ['b', 'c'].sort((one, two) => at(laid, one).x - at(laid, two).x);
    expect(walk(laid, 'TB', left, 'after', [])).toBe(right);
    expect(walk(laid, 'TB', left, 'before', [])).toBeNull();
    expect(walk(laid, 'TB', 'unknown', 'before', [])).toBeNull();
  });
});

describe('lanes beside a column', () => {
  const rows = ['c3', 'c4', 'c5', 'c6', 'c8'];

  test('run from a step to the last one that needs it', () => {
    const found = lanes(whole, rows);
    expect(found.map(({ from, to }) => [from, ...to])).toEqual([
      [0, 1, 2],
      [1, 2],
      [2, 3, 4],
      [3, 4]
    ]);
  });

  test('that meet stand beside each other, others one below the other', () => {
    expect(lanes(whole, rows).map(each => each.lane)).toEqual([0, 1, 0, 1]);
    expect(width(lanes(whole, rows))).toBe(2);
    expect(width([])).toBe(0);
  });

  test('lead only to rows that are there', () => {
    expect(lanes(whole, ['c3', 'c8'])).toEqual([]);
  });
});
