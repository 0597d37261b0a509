/**
 * Result notebooks as files that Lab can open, and nobody can change.
 *
 * They lie in `.nbflow/`, which Jupyter hides. A path is `RUN/` and the notebook's own path.
 */

import { PathExt } from '@jupyterlab/coreutils';
import type { Contents, ServerConnection } from '@jupyterlab/services';
import type { ISignal } from '@lumino/signaling';
import { Signal } from '@lumino/signaling';

import type { IApi, RunAt } from '../../api';

export const DRIVE = 'nbflow-runs';

/** The path that opens the result of a run. */
export function resultPath({ path, run }: RunAt): string {
  return `${DRIVE}:${run}/${path}`;
}

export class ResultDrive implements Contents.IDrive {
  constructor(
    private readonly _api: Pick<IApi, 'runNotebook'>,
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
    const [run, ...rest] = localPath.split('/');
    const { content } = await this._api.runNotebook({ run, path: rest.join('/') });
    return {
      name: PathExt.basename(localPath),
      path: localPath,
      type: 'notebook',
      format: 'json',
      mimetype: '',
      content,
      writable: false,
      created: '',
      last_modified: ''
    };
  }

  listCheckpoints(): Promise<Contents.ICheckpointModel[]> {
    return Promise.resolve([]);
  }

  getDownloadUrl = refused;
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
