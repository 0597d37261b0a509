/**
 * A run reads the saved file: unsaved changes are saved first, and somebody is asked about it once.
 */

import { Dialog, showDialog } from '@jupyterlab/apputils';
import type { NotebookPanel } from '@jupyterlab/notebook';
import type { IStateDB } from '@jupyterlab/statedb';
import type { TranslationBundle } from '@jupyterlab/translation';

import { savesEnded } from '../../models/saves';

const ALWAYS = 'nbflow:always-save';

/** Whether the file is what the editor shows. `ask` is left out where a dialog has said it. */
export async function saved(
  panel: NotebookPanel,
  state: IStateDB | null,
  trans: TranslationBundle,
  ask = true
): Promise<boolean> {
  await savesEnded(panel.context);
  if (!panel.context.model.dirty) {
    return true;
  }
  if (ask && (await state?.fetch(ALWAYS)) !== true) {
    const answer = await showDialog({
      title: trans.__('Save and run?'),
      body: trans.__('The notebook has unsaved changes. A run reads the saved file.'),
      buttons: [
        Dialog.cancelButton({ label: trans.__('Cancel') }),
        Dialog.okButton({ label: trans.__('Save and Run') })
      ],
      checkbox: { label: trans.__('Always save before a run'), checked: true }
    });
    if (!answer.button.accept) {
      return false;
    }
    if (answer.isChecked === true) {
      await state?.save(ALWAYS, true);
    }
  }
  await panel.context.save();
  return !panel.context.model.dirty;
}
