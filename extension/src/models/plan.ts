/**
 * What a run would do, while its form is filled in: asked when the answers rest, the last one shown.
 */

import { Debouncer } from '@lumino/polling';

import type { IApi } from '../api';
import type { RequestError } from '../request';
import { asRequestError } from '../request';
import type { Plan, RunRequest } from '../wire';
import { AskingModel } from './model';

export class PlanModel extends AskingModel {
  constructor(
    private readonly _api: Pick<IApi, 'plan'>,
    delay = 250
  ) {
    super();
    this._debouncer = new Debouncer(() => this._ask(), delay);
  }

  get plan(): Plan | null {
    return this._plan;
  }

  override dispose(): void {
    if (!this.isDisposed) {
      this._debouncer.dispose();
    }
    super.dispose();
  }

  /** Somebody thinks of this run. */
  consider(request: RunRequest): void {
    this._request = request;
    void this._debouncer.invoke().catch(() => undefined);
  }

  private async _ask(): Promise<void> {
    const request = this._request;
    if (request === null || this.isDisposed) {
      return;
    }
    try {
      this._settle(request, await this._api.plan(request), null);
    } catch (reason) {
      this._settle(request, null, asRequestError(reason));
    }
  }

  private _settle(request: RunRequest, plan: Plan | null, error: RequestError | null): void {
    if (request === this._request && !this.isDisposed) {
      this._plan = plan;
      this._error = error;
      this._changed.emit();
    }
  }

  private _request: RunRequest | null = null;
  private _plan: Plan | null = null;
  private readonly _debouncer: Debouncer;
}

export interface Outlook {
  run: number;
  reuse: number;
  skip: number;
  /** As far as earlier runs tell. */
  seconds: number | null;
}

/** A plan in numbers. */
export function outlook(plan: Plan): Outlook {
  const count = (action: string) => plan.tasks.filter(task => task.action === action).length;
  const known = plan.tasks.flatMap(task =>
    task.action === 'run' && task.expected_seconds !== null ? [task.expected_seconds] : []
  );
  return {
    run: count('run'),
    reuse: count('reuse'),
    skip: count('skip'),
    seconds: known.length > 0 ? known.reduce((sum, each) => sum + each, 0) : null
  };
}
