import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import type { DocumentRegistry } from '@jupyterlab/docregistry';
import { Signal } from '@lumino/signaling';

import type { Saving } from '../models/saves';
import { savesEnded, watchSaves } from '../models/saves';

/** A document whose saves are told by hand. */
function document(): { context: Saving; tell: (state: DocumentRegistry.SaveState) => void } {
  const context = {} as { saveState: unknown };
  const saveState = new Signal<DocumentRegistry.Context, DocumentRegistry.SaveState>(
    context as DocumentRegistry.Context
  );
  context.saveState = saveState;
  watchSaves(context as Saving);
  return { context: context as Saving, tell: state => saveState.emit(state) };
}

beforeEach(() => {
  jest.useFakeTimers();
});
afterEach(() => {
  jest.useRealTimers();
});

/** Whether nobody has to wait any more, once all that is due has happened. */
async function isFree(context: Saving): Promise<boolean> {
  let free = false;
  void savesEnded(context).then(() => {
    free = true;
  });
  for (let turn = 0; turn < 5; turn++) {
    await Promise.resolve();
  }
  return free;
}

test('nobody waits where nothing is being saved', async () => {
  expect(await isFree(document().context)).toBe(true);
});

test.each(['completed', 'failed'] as const)('a save is waited for until it %s', async end => {
  const { context, tell } = document();
  tell('started');
  expect(await isFree(context)).toBe(false);
  tell(end);
  expect(await isFree(context)).toBe(true);
});

test('the next save is waited for, too', async () => {
  const { context, tell } = document();
  tell('started');
  tell('completed');
  tell('started');
  expect(await isFree(context)).toBe(false);
});

test('a save of which no end is told does not hold everything up', async () => {
  const { context, tell } = document();
  tell('started');
  jest.advanceTimersByTime(60_000);
  expect(await isFree(context)).toBe(true);
});
