import { expect, test } from '@jest/globals';

import { kept } from '../models/kept';

test('equal documents are one value', () => {
  const before = { steps: [{ id: 'a', reads: ['x'] }], none: null };
  expect(kept(before, JSON.parse(JSON.stringify(before)))).toBe(before);
});

test('what has changed is new, what is beside it is the same value', () => {
  const before = { steps: [{ id: 'a' }, { id: 'b' }], edges: [] };
  const now = kept(before, { steps: [{ id: 'a' }, { id: 'c' }], edges: [] });
  expect(now).toEqual({ steps: [{ id: 'a' }, { id: 'c' }], edges: [] });
  expect(now).not.toBe(before);
  expect(now.steps[0]).toBe(before.steps[0]);
  expect(now.edges).toBe(before.edges);
});

test.each([
  [[1, 2], [1]],
  [[1], [1, 2]],
  [{ a: undefined }, { b: undefined }],
  [[], {}],
  [{ 0: 'a' }, ['a']],
  [null, {}],
  [{ a: 1 }, null],
  ['a', 'b']
])('%j is not %j', (before, now) => {
  expect(kept<unknown>(before, now)).toEqual(now);
  expect(kept<unknown>(before, now)).not.toBe(before);
});
