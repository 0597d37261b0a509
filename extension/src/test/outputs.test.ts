import { expect, test } from '@jest/globals';

import { cellOutputs } from '../models/outputs';
import type { Result } from '../wire';
import { sample } from './sample';

const { content } = sample<Result>('result');

test('the outputs of a run are those of its code cells', () => {
  const text = { id: 'c0', cell_type: 'markdown', source: '# Report', metadata: {} };
  const quiet = { id: 'c7', cell_type: 'code', source: 'x = 1', metadata: {} };
  const found = cellOutputs({ ...content, cells: [text, ...content.cells, quiet] });
  expect([...found.keys()]).toEqual(['c5', 'c7']);
  expect(found.get('c5')).toEqual({
    source: 'metrics',
    outputs: [{ output_type: 'stream', name: 'stdout', text: '12 stores\n' }]
  });
  expect(found.get('c7')?.outputs).toEqual([]);
});

test('of a widget, whose kernel is gone, what stands in for it is shown', () => {
  const data = { 'application/vnd.jupyter.widget-view+json': {}, 'text/plain': 'a slider' };
  const output = { output_type: 'display_data', data, metadata: {} };
  const cells = [{ ...content.cells[0], outputs: [output] }];
  expect(cellOutputs({ ...content, cells }).get('c5')?.outputs).toEqual([
    { output_type: 'display_data', data: { 'text/plain': 'a slider' }, metadata: {} }
  ]);
});
