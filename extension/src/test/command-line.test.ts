import { expect, test } from '@jest/globals';

import { commandLine, quoted } from '../models/command-line';

test('a step as a command', () => {
  expect(commandLine('reports/shop.ipynb', 'load all')).toBe(
    "nbflow run reports/shop.ipynb --only 'load all'"
  );
});

test.each([
  ['plain-word', 'plain-word'],
  ['-n', "'-n'"],
  ["it's", "'it'\\''s'"],
  ['$(rm)', "'$(rm)'"],
  ['', "''"]
])('%s is quoted', (word, expected) => {
  expect(quoted(word)).toBe(expected);
});
