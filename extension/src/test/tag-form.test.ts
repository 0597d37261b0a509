import { expect, test } from '@jest/globals';

import { changed, read, renamed, write } from '../models/tag-form';
import type { Tags } from '../wire';
import { sample } from './sample';

const { tags: TAGS } = sample<Tags>('tags');

test('tags go into a form and out of it unchanged', () => {
  const tags = ['step:a: b', 'after:x', 'after:y', 'check', 'cache:2h', 'raises-exception', 'mine'];
  const form = read(tags, TAGS);
  expect([...form.values]).toEqual([
    ['step', ['a: b']],
    ['after', ['x', 'y']],
    ['check', ['']],
    ['cache', ['2h']],
    ['raises-exception', ['']]
  ]);
  expect(form.others).toEqual(['mine']);
  expect(write(form, TAGS)).toEqual(tags);
});

test('what is no tag of ours is kept as it is', () => {
  const tags = ['stepping', 'retries', 'skip:x'];
  expect(read(tags, TAGS)).toEqual({ values: new Map(), others: tags });
});

test('a value changes one tag, and none takes it away', () => {
  const form = changed(read(['retries:2', 'mine'], TAGS), 'timeout', ['5m']);
  expect(write(form, TAGS)).toEqual(['retries:2', 'timeout:5m', 'mine']);
  expect(write(changed(form, 'retries', []), TAGS)).toEqual(['timeout:5m', 'mine']);
});

test('a step is renamed and gets its old name back', () => {
  expect(renamed(['retries:2', 'step:old'], 'new')).toEqual(['step:new', 'retries:2']);
  expect(renamed(['step:old'], '')).toEqual([]);
});
