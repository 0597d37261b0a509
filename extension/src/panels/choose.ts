/**
 * Lab's dialog of files, for paths as a notebook sees them.
 */

import { PathExt } from '@jupyterlab/coreutils';
import type { IDocumentManager } from '@jupyterlab/docmanager';
import { FileDialog } from '@jupyterlab/filebrowser';
import type { ITranslator } from '@jupyterlab/translation';

interface IChoice {
  /** The notebook's path: the dialog begins in its folder. */
  notebook: string;
  title: string;
  /** Which files are offered; all, if it is left out. */
  files?: RegExp;
}

export type Choose = (choice: IChoice) => Promise<string | null>;

/** A file or folder, relative to the notebook's folder; null if none was chosen. */
export function chooser(manager: IDocumentManager, translator: ITranslator | null): Choose {
  return async ({ notebook, title, files }) => {
    const folder = PathExt.dirname(notebook);
    const answer = await FileDialog.getOpenFiles({
      manager,
      title,
      defaultPath: folder,
      filter: item => (item.type === 'directory' || (files?.test(item.name) ?? true) ? {} : null),
      translator: translator ?? undefined
    });
    const found = answer.button.accept ? answer.value?.[0] : undefined;
    const { contents } = manager.services;
    return found
      ? PathExt.relative(contents.localPath(folder), contents.localPath(found.path))
      : null;
  };
}
