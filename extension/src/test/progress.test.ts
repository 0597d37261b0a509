import { describe, expect, test } from '@jest/globals';

import { roughly } from '../format';
import { secondsLeft, storing, typical } from '../models/progress';
import type { Edge, Graph, Run, Status, StepResult } from '../wire';
import { sample } from './sample';

const [FIRST] = sample<Run>('run-succeeded').steps;
const { steps: STEPS, edges: EDGES } = sample<Graph>('show');

function result(step: string, status: Status, started: string | null = null): StepResult {
  return { ...FIRST, step, status, started, action: 'run', finished: null, seconds: null };
}

const edge = (from: string, to: string): Edge => ({ ...EDGES[0], from, to });
const named = (...all: StepResult[]) => new Map(all.map(each => [each.step, each]));
const graph = (names: string, ...edges: Edge[]) => ({
  steps: [...names].map(name => ({ ...STEPS[0], id: name, name })),
  edges
});

const AT = (second: number) => `2026-01-05T06:00:0${second}+00:00`;
const NOW = Date.parse(AT(4));

describe('a step that others have begun after', () => {
  test('is being stored, whatever its row still says', () => {
    const chain = named(
      result('a', 'running', AT(1)),
      result('b', 'running', AT(2)),
      result('c', 'running', AT(3))
    );
    expect([...storing(chain, [edge('a', 'b'), edge('b', 'c')])]).toEqual(['a', 'b']);
  });

  test('runs if it was begun anew', () => {
    const again = named(result('a', 'running', AT(3)), result('b', 'queued', AT(2)));
    expect([...storing(again, [edge('a', 'b')])]).toEqual([]);
    const never = named(result('a', 'running', AT(3)), result('b', 'queued'));
    expect([...storing(never, [edge('a', 'b')])]).toEqual([]);
  });
});

describe('the seconds that are left', () => {
  const chain = graph('abcd', edge('a', 'b'), edge('a', 'c'), edge('b', 'd'));
  const times = new Map([
    ['a', [10]],
    ['b', [1, 50, 2]],
    ['c', [20]],
    ['d', [3]]
  ]);
  const queued = (name: string) => result(name, 'queued');
  const left = (...all: StepResult[]) => secondsLeft(chain, named(...all), times, NOW);

  test('are those of the longest chain that is still to do', () => {
    expect(left(result('a', 'running', AT(1)), queued('b'), queued('c'), queued('d'))).toBe(27);
    expect(left(result('a', 'succeeded'), queued('b'), result('c', 'skipped'), queued('d'))).toBe(
      5
    );
    const reused = { ...queued('c'), action: 'reuse' as const };
    expect(left(result('a', 'succeeded'), queued('b'), reused, queued('d'))).toBe(5);
  });

  test('are none of a step that takes longer than ever, or is being stored', () => {
    const late = secondsLeft(graph('d'), named(result('d', 'running', AT(0))), times, NOW);
    expect(late).toBe(0);
    expect(left(result('a', 'running', AT(1)), result('b', 'running', AT(2)))).toBe(0);
  });

  test('are not known where one of the steps never ran or has items', () => {
    const all = named(queued('a'), queued('e'));
    expect(secondsLeft(graph('ae', edge('a', 'e')), all, times, NOW)).toBeNull();
    const item = named({ ...queued('a'), item: 'north' });
    expect(secondsLeft(graph('a'), item, times, NOW)).toBeNull();
  });
});

test('one slow time does not tell how long it will take', () => {
  expect(typical([1, 90, 2])).toBe(2);
  expect(typical([90, 90, 90, 1, 1, 1, 2, 3])).toBe(1);
  expect([typical([]), typical(undefined)]).toEqual([null, null]);
});

test('what is foretold is said roughly', () => {
  const said = [1.2, 9.8, 12, 41, 58, 150, 700, 3590, 4300].map(roughly);
  expect(said).toEqual([
    ...['1 s', '10 s', '10 s', '40 s', '1 min', '3 min', '10 min', '1 h', '1 h 10 min']
  ]);
});
