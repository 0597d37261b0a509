/**
 * The runs of a notebook, newest first: as the server lists them, and as they go.
 */

import type { IApi, RunAt } from '../api';
import type { FeedEvent, Run, RunSummary, Status, StepResult } from '../wire';
import { ENDED } from '../wire';
import type { EventFeed } from './feed';
import { AskingModel } from './model';
import { parametersText } from './words';

export type HistoryApi = Pick<IApi, 'runs' | 'run' | 'remove' | 'keep'>;

const FIRST = 50;

/** What is shown of the run that is looked at. */
export type RunView = 'steps' | 'time' | 'log' | 'diff';

/** So many runs stand side by side in the matrix. */
const MATRIX = 20;

export class HistoryModel extends AskingModel {
  constructor(
    private readonly _api: HistoryApi,
    feed: EventFeed,
    readonly path: string
  ) {
    super();
    feed.event.connect(this._onEvent, this);
  }

  get runs(): readonly RunSummary[] {
    return this._runs;
  }

  /** Whether the server has told the runs. */
  get known(): boolean {
    return this._known;
  }

  /** The run that is looked at, with its steps. */
  get shown(): Run | null {
    return this._shown === null ? null : (this._details.get(this._shown) ?? null);
  }

  /** Its id, also while its steps are still awaited. */
  get selected(): string | null {
    return this._shown;
  }

  /** What is shown of that run. */
  get view(): RunView {
    return this._view;
  }

  /** The step that it is shown for, or nothing. */
  get step(): string {
    return this._step;
  }

  turnTo(view: RunView, step = ''): void {
    this._view = view;
    this._step = step;
    this._changed.emit();
  }

  at(run: string): RunAt {
    return { path: this.path, run };
  }

  async refresh(): Promise<void> {
    await this._try(async () => {
      const { runs } = await this._api.runs(this.path, FIRST);
      this._runs = runs;
      this._known = true;
      const ids = new Set(runs.map(each => each.run));
      if (this._shown !== null && !ids.has(this._shown)) {
        this._shown = null;
      }
    });
  }

  /** Look at the newest run, unless one is looked at already. */
  async begin(): Promise<void> {
    await this.refresh();
    const newest = this._runs[0];
    if (newest !== undefined && this._shown === null) {
      await this.select(newest.run);
    }
  }

  /** Look at a run. */
  async select(run: string): Promise<void> {
    this._shown = run;
    this._changed.emit();
    await this._load(run);
  }

  /** Forget runs that have ended, with their results and logs. */
  async remove(...runs: readonly string[]): Promise<void> {
    try {
      for (const run of runs) {
        await this._api.remove(this.at(run));
        this._details.delete(run);
      }
    } finally {
      await this.refresh();
    }
  }

  /** Guard a run from being deleted, under a name; or let go of it. */
  async keep(run: string, kept: boolean, label: string): Promise<void> {
    const found = await this._api.keep(this.at(run), kept, label);
    this._details.set(run, found);
    await this.refresh();
  }

  /** The steps of the newest runs, for the matrix; those that are known are not asked for again. */
  async loadMatrix(): Promise<void> {
    const missing = this._newest().filter(each => !this._details.has(each.run));
    await Promise.all(missing.map(each => this._load(each.run)));
  }

  /** Rows of steps, columns of runs, the newest at the right. */
  matrix(): Matrix {
    const runs = [...this._newest()].reverse();
    return matrixOf(
      runs,
      runs.map(each => this._details.get(each.run) ?? null)
    );
  }

  private _newest(): readonly RunSummary[] {
    return this._runs.slice(0, MATRIX);
  }

  private async _load(run: string): Promise<void> {
    await this._try(async () => {
      const found = await this._api.run(this.at(run));
      this._details.set(run, found);
      this._runs = this._runs.map(each => (each.run === run ? summary(found, each) : each));
    });
  }

  private _onEvent(_: EventFeed, event: FeedEvent): void {
    const known = this._runs.find(each => each.run === event.run);
    if (known === undefined) {
      if (event.kind === 'run_queued' && event.notebook === this.path) {
        void (this._runs.length === 0 ? this.begin() : this.refresh());
      }
    } else if (event.kind === 'run_finished') {
      this._details.delete(event.run);
      void this.refresh().then(() => this._load(event.run));
    } else if (event.run === this._shown && event.kind.startsWith('step_')) {
      void this._load(event.run);
    } else if (event.kind === 'run_started') {
      void this._load(event.run);
    }
  }

  private _runs: readonly RunSummary[] = [];
  private _known = false;
  private _view: RunView = 'steps';
  private _step = '';
  private _shown: string | null = null;
  private readonly _details = new Map<string, Run>();
}

function summary(run: Run, before: RunSummary): RunSummary {
  return { ...before, ...run, counts: countsOf(run.steps) };
}

/** How many steps stand how; those that were reused count as that. */
export function countsOf(steps: readonly StepResult[]): Record<string, number> {
  const found: Record<string, number> = {};
  for (const step of steps) {
    const state = stateOf(step);
    found[state] = (found[state] ?? 0) + 1;
  }
  return found;
}

export type State = Status | 'reused';

/** A step's status, or that its result is an earlier run's. */
export function stateOf(step: Pick<StepResult, 'status' | 'action'>): State {
  return step.action === 'reuse' && step.status === 'succeeded' ? 'reused' : step.status;
}

export interface Matrix {
  runs: readonly RunSummary[];
  steps: { name: string; results: (StepResult | null)[] }[];
}

function matrixOf(runs: readonly RunSummary[], details: readonly (Run | null)[]): Matrix {
  // The newest run that knows a step says where it stands.
  const names = new Set(
    [...details].reverse().flatMap(run => run?.steps.map(step => step.step) ?? [])
  );
  const steps = [...names].map(name => ({
    name,
    results: details.map(run => run?.steps.find(step => step.step === name) ?? null)
  }));
  return { runs, steps };
}

/** The length of each run's bar, as a share of the longest. */
export function shares(runs: readonly RunSummary[]): number[] {
  const longest = Math.max(...runs.map(run => run.seconds ?? 0), Number.EPSILON);
  return runs.map(run => (run.seconds ?? 0) / longest);
}

/** Whether a run can be deleted. */
export function removable(run: RunSummary): boolean {
  return ENDED.has(run.status) && !run.kept;
}

/** Whether a run has that status (any, if it is empty) and all the words. */
export function matches(run: RunSummary, status: string, words: string): boolean {
  const told = [run.status, run.trigger, run.actor, run.label, parametersText(run.parameters)];
  const text = [...told, run.run].join(' ').toLowerCase();
  const wanted = words.toLowerCase().split(/\s+/).filter(Boolean);
  return (status === '' || run.status === status) && wanted.every(word => text.includes(word));
}

/** Whether a run can be gone on with. */
export function resumable(run: RunSummary): boolean {
  return ENDED.has(run.status) && run.status !== 'succeeded';
}
