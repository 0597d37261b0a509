/**
 * What models that ask the server share: who looks at them, what went wrong last, and their end.
 */

import type { IDisposable } from '@lumino/disposable';
import type { ISignal } from '@lumino/signaling';
import { Signal } from '@lumino/signaling';

import type { RequestError } from '../request';
import { asRequestError } from '../request';

export abstract class AskingModel implements IDisposable {
  get changed(): ISignal<this, void> {
    return this._changed;
  }

  /** Why the last question had no answer. */
  get error(): RequestError | null {
    return this._error;
  }

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  dispose(): void {
    if (!this._isDisposed) {
      this._isDisposed = true;
      Signal.clearData(this);
    }
  }

  /** Ask the server; whoever looks on is told, and of an error too. */
  protected async _try(act: () => Promise<void>): Promise<void> {
    try {
      await act();
      this._error = null;
    } catch (reason) {
      this._error = asRequestError(reason);
    }
    if (!this._isDisposed) {
      this._changed.emit();
    }
  }

  protected _error: RequestError | null = null;
  protected readonly _changed = new Signal<this, void>(this);
  private _isDisposed = false;
}
