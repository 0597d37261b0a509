/**
 * Code for the user's own kernel, which is otherwise left alone.
 */

import type { NotebookPanel } from '@jupyterlab/notebook';

/** Execute code in the kernel of a notebook, which is started if there is none. */
export async function load(panel: NotebookPanel, code: string): Promise<void> {
  const context = panel.sessionContext;
  await context.ready;
  if (context.session?.kernel === null || context.session === null) {
    await context.startKernel();
  }
  const kernel = context.session?.kernel;
  if (!kernel) {
    throw new Error('the notebook has no kernel');
  }
  const { content } = await kernel.requestExecute({ code, store_history: false }).done;
  if (content.status === 'error') {
    throw new Error(`${content.ename}: ${content.evalue}`);
  }
}
