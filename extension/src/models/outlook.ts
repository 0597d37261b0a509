/**
 * What the next run of a saved notebook would do, said before anybody presses Run; and how long the
 * one that goes on is likely to take.
 *
 * The server plans after a save and after a run, never while somebody types. Where it cannot be known
 * (unsaved changes, a run going on, a notebook that cannot run), nothing is said.
 */

import { Debouncer } from '@lumino/polling';
import type { ISignal } from '@lumino/signaling';
import { Signal } from '@lumino/signaling';

import type { IApi } from '../api';
import type { Graph, Plan, StepResult, Value } from '../wire';
import { AskingModel } from './model';
import type { Results, Times } from './progress';
import { secondsLeft, storing, typical } from './progress';
import type { RunModel } from './run';

/** The file of an open notebook. */
export interface IFile {
  readonly path: string;
  /** What is open is not what was saved. */
  readonly dirty: boolean;
  readonly dirtyChanged: ISignal<unknown, unknown>;
  readonly saved: ISignal<unknown, unknown>;
}

/** What an open notebook says, as far as it was read. */
export interface IReading {
  readonly graph: Graph | null;
}

/**
 * How a step went, why it would not be reused, how many seconds it is likely to take, and whether
 * only its result is still on its way to the disk.
 */
export interface ShownResult extends StepResult {
  stale?: string;
  expected?: number;
  storing?: boolean;
}

export const DELAY = 300;

export class OutlookModel extends AskingModel {
  constructor(
    private readonly _api: Pick<IApi, 'plan' | 'durations'>,
    private readonly _run: RunModel,
    private readonly _file: IFile,
    private readonly _reading: IReading,
    delay = DELAY
  ) {
    super();
    this._debouncer = new Debouncer(() => Promise.all([this._ask(), this._askTimes()]), delay);
    _file.saved.connect(this.look, this);
    _file.dirtyChanged.connect(this._tell, this);
    _run.changed.connect(this._tell, this);
    _run.finished.connect(this.look, this);
  }

  /** The plan of the next run with the last one's parameters; null where it is not known. */
  get plan(): Plan | null {
    return this._file.dirty || this._run.running ? null : this._plan;
  }

  /** How long each step took the last times, the latest last. */
  get times(): Times {
    return this._times;
  }

  /** How the steps go, and how long they are likely to; how they went, and what has become stale. */
  get results(): ReadonlyMap<string, ShownResult> {
    const { steps } = this._run;
    const told = [steps, this._run.running, this._times, this._saved, this.plan] as const;
    if (told.some((each, at) => each !== this._told[at])) {
      this._told = told;
      this._shown = this._run.running
        ? withProgress(steps, this._saved, this._times)
        : withStale(steps, this.plan);
    }
    return this._shown;
  }

  /** How many seconds the run will still take; null where nobody knows. */
  secondsLeft(now: number): number | null {
    const graph = this._run.running ? this._saved : null;
    return graph === null ? null : secondsLeft(graph, this._run.steps, this._times, now);
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

  /** The graph of what was saved, and so of what runs; what is being typed tells nothing of it. */
  private get _saved(): Graph | null {
    return this._file.dirty ? null : this._reading.graph;
  }

  private async _askTimes(): Promise<void> {
    const { run } = this._run;
    if (run !== null && !this.isDisposed) {
      await this._try(async () => {
        const { steps } = await this._api.durations(this._file.path);
        this._times = new Map(steps.map(each => [each.step, each.seconds]));
      });
    }
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
  private _times: Times = new Map();
  private _told: readonly unknown[] = [];
  private _shown: ReadonlyMap<string, ShownResult> = new Map();
  private readonly _debouncer: Debouncer;
}

/** Results with the reasons for which a plan would not use them again. */
function withStale(steps: Results, plan: Plan | null): ReadonlyMap<string, ShownResult> {
  const found = new Map<string, ShownResult>(steps);
  for (const { step, action, message } of plan?.tasks ?? []) {
    const result = steps.get(step);
    if (action === 'run' && result?.status === 'succeeded') {
      found.set(step, { ...result, stale: message });
    }
  }
  return plan === null ? steps : found;
}

/** Results with what is being stored, and the time that running steps took before. */
function withProgress(
  steps: Results,
  graph: Graph | null,
  times: Times
): ReadonlyMap<string, ShownResult> {
  const stored = storing(steps, graph?.edges ?? []);
  const shown = (result: StepResult): ShownResult => {
    const expected = typical(times.get(result.step));
    return stored.has(result.step)
      ? { ...result, storing: true }
      : result.status === 'running' && expected !== null
        ? { ...result, expected }
        : result;
  };
  return new Map([...steps].map(([name, result]) => [name, shown(result)]));
}
