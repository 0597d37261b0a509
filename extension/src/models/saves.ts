/**
 * Saves of open notebooks that are on their way.
 *
 * Of two saves at once, Lab takes the first for a stranger's and asks whether to overwrite it: who
 * wants to save waits for the one that somebody began just before.
 */

import type { DocumentRegistry } from '@jupyterlab/docregistry';

/** What is needed of a document's context. */
export type Saving = Pick<DocumentRegistry.Context, 'saveState'>;

/** Lab tells when a save ends, but not when somebody cancels it in a dialog. */
const LONGEST_MS = 10_000;

const underway = new WeakMap<Saving, Promise<void>>();

/** From now on, `savesEnded` knows of this document's saves. */
export function watchSaves(context: Saving): void {
  context.saveState.connect((_, state) => {
    if (state === 'started') {
      underway.set(context, ended(context));
    }
  });
}

/** When the last save that began has ended, as it may have. */
export async function savesEnded(context: Saving): Promise<void> {
  await underway.get(context);
}

function ended(context: Saving): Promise<void> {
  return new Promise(resolve => {
    const done = () => {
      clearTimeout(timer);
      context.saveState.disconnect(heard);
      resolve();
    };
    const heard = (_: unknown, state: DocumentRegistry.SaveState) => {
      if (state !== 'started') {
        done();
      }
    };
    const timer = setTimeout(done, LONGEST_MS);
    context.saveState.connect(heard);
  });
}
