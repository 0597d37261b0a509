import { describe, expect, test } from '@jest/globals';

import { beginning, parametersOf, questions, unanswered } from '../models/parameters';
import type { Parameter } from '../wire';

function parameter(given: Partial<Parameter>): Parameter {
  return {
    name: 'x',
    type: 'str',
    default: null,
    required: false,
    help: null,
    choices: [],
    bounds: {},
    path: false,
    cell: null,
    ...given
  };
}

describe('each parameter has the input that fits it', () => {
  test.each([
    [{ type: 'date', default: '2026-03-14' }, 'date'],
    [{ type: 'date', default: 'yesterday' }, 'text'],
    [{ type: 'datetime', default: '2026-03-14 18:30:00' }, 'datetime-local'],
    [{ type: 'datetime', default: '2026-03-14T18:30:00+01:00' }, 'text'],
    [{ type: 'int', default: 5 }, 'number'],
    [{ type: 'float', default: null }, 'number'],
    [{ type: 'bool', default: true }, 'checkbox'],
    [{ type: 'str', choices: ['a', 'b'] }, 'choice'],
    [{ type: 'str', default: 'data', path: true }, 'path'],
    [{ type: 'list', default: [1, 2] }, 'long'],
    [{ type: 'any', default: null }, 'text']
  ])('%j', (given, input) => {
    expect(questions([parameter(given)])[0].input).toBe(input);
  });
});

describe('a number keeps within its bounds', () => {
  test.each([
    [
      { type: 'int', bounds: { ge: 0, lt: 10 } },
      { least: 0, most: 9 }
    ],
    [{ type: 'int', bounds: { gt: 0 } }, { least: 1 }],
    [
      { type: 'float', bounds: { gt: 0, le: 1 } },
      { least: 0, most: 1 }
    ]
  ])('%j', (given, wanted) => {
    expect(questions([parameter(given)])[0]).toMatchObject(wanted);
  });
});

const FORM = questions([
  parameter({ name: 'day', type: 'date', default: '2026-03-14' }),
  parameter({ name: 'top', type: 'int', required: true }),
  parameter({ name: 'full', type: 'bool', default: true }),
  parameter({ name: 'regions', type: 'list', default: ['north'] }),
  parameter({ name: 'kind', type: 'str', choices: ['a', 'b'], default: 'a' })
]);

test('a form begins with the last answers, as far as they fit', () => {
  const last = { day: '2026-05-01', full: 'yes', kind: 'gone', other: 'x' };
  expect(beginning(FORM, last)).toEqual({
    day: '2026-05-01',
    top: '',
    full: true,
    regions: '["north"]',
    kind: 'a'
  });
});

test('a run is given what differs from the notebook, and what the notebook leaves open', () => {
  const answers = { ...beginning(FORM, {}), top: '5', full: false };
  expect(parametersOf(FORM, answers)).toEqual({ top: '5', full: false });
  expect(parametersOf(FORM, beginning(FORM, {}))).toEqual({});
});

test('what is needed and not answered is known', () => {
  expect(unanswered(FORM, beginning(FORM, {}))).toEqual(['top']);
  expect(unanswered(FORM, { top: '1' })).toEqual([]);
});
