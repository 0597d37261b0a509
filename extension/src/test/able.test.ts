import { expect, test } from '@jest/globals';

import { able } from '../models/able';
import type { Capabilities, Graph } from '../wire';
import { sample } from './sample';

const LATER = sample<Graph>('later-show');
const { features } = sample<Capabilities>('capabilities');
const all = { ...features, foreach: true, approvals: true, publications: true };

test('what the server cannot carry out is not drawn', () => {
  const shown = able(LATER, features);
  expect(shown.steps.flatMap(step => step.tags)).toEqual(['pool:db=2', 'retries:2', 'partial']);
  expect(shown.steps.every(step => step.foreach === null && step.when === null)).toBe(true);
});

test('what it can carry out is drawn, and an ordinary graph is left as it is', () => {
  expect(able(LATER, all)).toBe(LATER);
  const show = sample<Graph>('show');
  expect(able(show, features)).toBe(show);
});
