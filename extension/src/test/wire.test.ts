import { describe, expect, test } from '@jest/globals';

import { sample } from './sample';
import * as shapes from './shapes';

describe('the samples of tests/wire are what wire.ts says', () => {
  test.each([
    ['show', shapes.graph],
    ['later-show', shapes.graph],
    ['later-run', shapes.run],
    ['plan', shapes.plan],
    ['runs', shapes.runs],
    ['run-succeeded', shapes.run],
    ['run-failed', shapes.run],
    ['run-started', shapes.started],
    ['runs-served', shapes.runs],
    ['schedules', shapes.schedules],
    ['durations', shapes.durations],
    ['timeline', shapes.attempts],
    ['changes', shapes.changes],
    ['event', shapes.event],
    ['event-sent', shapes.event],
    ['why', shapes.why],
    ['diff', shapes.diff],
    ['error', shapes.failure],
    ['capabilities', shapes.capabilities],
    ['tags', shapes.tags],
    ['tags-checked', shapes.diagnostics],
    ['logs', shapes.lines],
    ['columns', shapes.columns],
    ['outputs', shapes.outputs],
    ['output', shapes.table],
    ['result', shapes.result],
    ['open', shapes.code],
    ['recipes', shapes.recipes],
    ['recipe', shapes.cooked],
    ['recipe-wrong', shapes.cooked],
    ['tables', shapes.namedTables],
    ['template', shapes.template]
  ])('%s', (name, shape) => {
    expect(shape(sample(name))).toBe(true);
  });
});

test('a field that is missing, wrong or unknown is seen', () => {
  const good = sample<Record<string, unknown>>('run-started');
  expect(shapes.started({ ...good, run: 1 })).toBe(false);
  expect(shapes.started({ schema_version: 1 })).toBe(false);
  expect(shapes.started({ ...good, more: 1 })).toBe(false);
});
