/**
 * Result notebooks as files that Lab can open, and nobody can change.
 *
 * They lie in `.nbflow/`, which Jupyter hides. A path is `RUN/FOLDER/Result of NAME`.
 */

import { PathExt } from '@jupyterlab/coreutils';
import type { Contents, ServerConnection } from '@jupyterlab/services';
import type { ISignal } from '@lumino/signaling';
import { Signal } from '@lumino/signaling';

import type { IApi, RunAt } from '../../api';

export const DRIVE = 'nbflow-runs';

/** Results never change, so that nobody has to ask when they did. */
const LONG_AGO = new Date(0).toISOString();

/** What a tab calls it, before the notebook's own name. */
const RESULT_OF = 'Result of ';

/** The path that opens the result of a run. */
export function resultPath({ path, run }: RunAt): string {
  const name = RESULT_OF + PathExt.basename(path);
  return `${DRIVE}:${PathExt.join(run, PathExt.dirname(path), name)}`;
}

export class ResultDrive implements Contents.IDrive {
  constructor(
    private readonly _api: Pick<IApi, 'runNotebook'>,
    /** Where a file of the project can be had: results show pictures beside the notebook. */
    private readonly _fileUrl: (path: string) => Promise<string>,
    readonly serverSettings: ServerConnection.ISettings
  ) {}

  readonly name = DRIVE;

  get fileChanged(): ISignal<this, Contents.IChangedArgs> {
    return this._fileChanged;
  }

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  dispose(): void {
    this._isDisposed = true;
    Signal.clearData(this);
  }

  async get(localPath: string): Promise<Contents.IModel> {
    const [run, ...folders] = PathExt.dirname(localPath).split('/');
    const name = PathExt.basename(localPath).slice(RESULT_OF.length);
    const path = PathExt.join(...folders, name);
    const { content } = await this._api.runNotebook({ run, path });
    return {
      name: PathExt.basename(localPath),
      path: localPath,
      type: 'notebook',
      format: 'json',
      mimetype: '',
      content,
      writable: false,
      created: LONG_AGO,
      last_modified: LONG_AGO
    };
  }

  getDownloadUrl(localPath: string): Promise<string> {
    return this._fileUrl(localPath.split('/').slice(1).join('/'));
  }

  listCheckpoints(): Promise<Contents.ICheckpointModel[]> {
    return Promise.resolve([]);
  }

  newUntitled = refused;
  delete = refused;
  rename = refused;
  save = refused;
  copy = refused;
  createCheckpoint = refused;
  restoreCheckpoint = refused;
  deleteCheckpoint = refused;

  private _isDisposed = false;
  private readonly _fileChanged = new Signal<this, Contents.IChangedArgs>(this);
}

function refused(): Promise<never> {
  return Promise.reject(new Error('The result of a run cannot be changed.'));
}
