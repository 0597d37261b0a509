/**
 * The cell that an entry of a cell's menu is about: the one under the pointer. A click with the
 * right button does not make a cell active.
 */

import type { JupyterFrontEnd } from '@jupyterlab/application';
import type { ReadonlyPartialJSONObject } from '@lumino/coreutils';

import type { IWorkflows } from '../tokens';

/** Arguments with the cell that was clicked, if they say `pointed`; no cell is named '', as none is. */
export function pointed(
  app: Pick<JupyterFrontEnd, 'contextMenuHitTest'>,
  workflows: Pick<IWorkflows, 'all'>,
  args: ReadonlyPartialJSONObject
): ReadonlyPartialJSONObject {
  if (args.pointed !== true) {
    return args;
  }
  for (const { path, panel } of workflows.all) {
    const nodes = panel.content.widgets.map(cell => cell.node);
    const node = app.contextMenuHitTest(each => nodes.includes(each));
    const cell = panel.content.widgets.find(each => each.node === node);
    if (cell !== undefined) {
      return { ...args, path, cell: cell.model.id };
    }
  }
  return { ...args, cell: '' };
}
