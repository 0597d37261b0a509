/**
 * What the next run of a saved notebook would do, said before anybody presses Run.
 *
 * The server plans after a save and after a run, never while somebody types. Where it cannot be known
 * (unsaved changes, a run going on, a notebook that cannot run), nothing is said.
 */

import { Debouncer } from '@lumino/polling';
import type { ISignal } from '@lumino/signaling';
import { Signal } from '@lumino/signaling';

import type { IApi } from '../api';
import type { Plan, StepResult, Value } from '../wire';
import { AskingModel } from './model';
import type { RunModel } from './run';

/** The file of an open notebook. */
export interface IFile {
  readonly path: string;
  /** What is open is not what was saved. */
  readonly dirty: boolean;
  readonly dirtyChanged: ISignal<unknown, unknown>;
  readonly saved: ISignal<unknown, unknown>;
}

/** How a step went, why it would not be reused, and how many seconds it is likely to take. */
export interface ShownResult extends StepResult {
  stale?: string;
  expected?: number;
}

export const DELAY = 300;

export class OutlookModel extends AskingModel {
  constructor(
    private readonly _api: Pick<IApi, 'plan'>,
    private readonly _run: RunModel,
    private readonly _file: IFile,
    delay = DELAY
  ) {
    super();
    this._debouncer = new Debouncer(() => this._ask(), delay);
    _file.saved.connect(this.look, this);
    _file.dirtyChanged.connect(this._tell, this);
    _run.changed.connect(this._tell, this);
    _run.finished.connect(this.look, this);
  }

  /** The plan of the next run with the last one's parameters; null where it is not known. */
  get plan(): Plan | null {
    return this._file.dirty || this._run.running ? null : this._plan;
  }

  /** How the steps go, and how long they are likely to; how they went, and what has become stale. */
  get results(): ReadonlyMap<string, ShownResult> {
    const { steps, running } = this._run;
    const plan = running ? this._plan : this.plan;
    if (this._shown.steps !== steps || this._shown.plan !== plan) {
      const results = plan === null ? steps : (running ? withExpected : withStale)(steps, plan);
      this._shown = { steps, plan, results };
    }
    return this._shown.results;
  }

  override dispose(): void {
    if (!this.isDisposed) {
      this._debouncer.dispose();
      Signal.clearData(this);
    }
    super.dispose();
  }

  /** Ask in a moment what would run now. */
  look(): void {
    void this._debouncer.invoke().catch(() => undefined);
  }

  private async _ask(): Promise<void> {
    const { path, dirty } = this._file;
    const { run, running } = this._run;
    if (run === null || running || dirty || this.isDisposed) {
      return;
    }
    const number = ++this._asked;
    await this._try(async () => {
      const plan = await this._planned(path, run.parameters);
      this._plan = number === this._asked ? plan : this._plan;
    });
  }

  /** What cannot run cannot be planned: that is told elsewhere. */
  private async _planned(path: string, parameters: Record<string, Value>): Promise<Plan | null> {
    try {
      return await this._api.plan({ path, parameters });
    } catch {
      return null;
    }
  }

  private _tell(): void {
    this._changed.emit();
  }

  private _plan: Plan | null = null;
  private _asked = 0;
  private _shown: {
    steps: ReadonlyMap<string, StepResult>;
    plan: Plan | null;
    results: ReadonlyMap<string, ShownResult>;
  } = { steps: new Map(), plan: null, results: new Map() };
  private readonly _debouncer: Debouncer;
}

type Results = ReadonlyMap<string, StepResult>;

/** Results with the reasons for which a plan would not use them again. */
function withStale(steps: Results, plan: Plan): ReadonlyMap<string, ShownResult> {
  const found = new Map<string, ShownResult>(steps);
  for (const { step, action, message } of plan.tasks) {
    const result = steps.get(step);
    if (action === 'run' && result?.status === 'succeeded') {
      found.set(step, { ...result, stale: message });
    }
  }
  return found;
}

/** Results with the time that running steps took before. */
function withExpected(steps: Results, plan: Plan): ReadonlyMap<string, ShownResult> {
  const found = new Map<string, ShownResult>(steps);
  for (const { step, expected_seconds } of plan.tasks) {
    const result = steps.get(step);
    if (result?.status === 'running' && expected_seconds !== null) {
      found.set(step, { ...result, expected: expected_seconds });
    }
  }
  return found;
}
