/**
 * New cells in an open notebook.
 */

import type { NotebookPanel } from '@jupyterlab/notebook';

import type { RecipeCell } from '../wire';

/** Put cells below the active one, as one step of undo; the last of them becomes active. */
export async function insertBelow(
  panel: NotebookPanel,
  cells: readonly RecipeCell[]
): Promise<void> {
  const notebook = panel.content;
  const model = notebook.model;
  if (model === null || cells.length === 0) {
    return;
  }
  const at = Math.min(notebook.activeCellIndex + 1, notebook.widgets.length);
  model.sharedModel.insertCells(
    at,
    cells.map(({ source, metadata: { tags } }) => ({
      cell_type: 'code' as const,
      source,
      metadata: { trusted: true, ...(tags.length > 0 ? { tags } : {}) }
    }))
  );
  const last = at + cells.length - 1;
  notebook.activeCellIndex = last;
  notebook.deselectAll();
  await notebook.scrollToItem(last, 'smart');
}
