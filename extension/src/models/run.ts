/**
 * The latest run of a notebook as it goes: a snapshot, and events as deltas over it.
 *
 * Events that arrive while a snapshot is under way are applied to it afterwards. An event tells what
 * is, not what changed, so that applying one twice does no harm; one that the snapshot has already
 * gone beyond is known by its attempt and left out.
 */

import type { ISignal } from '@lumino/signaling';
import { Signal } from '@lumino/signaling';

import type { IApi, RunAt } from '../api';
import { asRequestError } from '../request';
import type { FeedEvent, Run, RunEvent, RunRequest, Status, StepResult } from '../wire';
import { ENDED } from '../wire';
import type { EventFeed } from './feed';
import { AskingModel } from './model';

export type RunApi = Pick<IApi, 'runs' | 'run' | 'start' | 'cancel' | 'resume'>;

export class RunModel extends AskingModel {
  constructor(
    private readonly _api: RunApi,
    feed: EventFeed,
    private _path: string
  ) {
    super();
    feed.event.connect(this._onEvent, this);
    feed.connectedChanged.connect(this._onConnected, this);
  }

  /** The run that is shown: the latest one of the notebook, unless another was asked for. */
  get run(): Run | null {
    return this._run;
  }

  get running(): boolean {
    return this._run !== null && !ENDED.has(this._run.status);
  }

  /** How each step went, by its name. A step with items counts as its worst item. */
  get steps(): ReadonlyMap<string, StepResult> {
    return this._steps;
  }

  /** Of steps that run once for each item: how many have ended, of how many. */
  get items(): ReadonlyMap<string, Items> {
    return this._items;
  }

  /** The stream of events has broken: what is shown may be old. */
  get lost(): boolean {
    return this._lost;
  }

  /** A run that was going on here has ended. */
  get finished(): ISignal<this, Run> {
    return this._finished;
  }

  /** The notebook was renamed. */
  set path(path: string) {
    this._path = path;
  }

  /** Show the latest run. */
  async refresh(): Promise<void> {
    try {
      const { runs } = await this._api.runs(this._path, 1);
      if (runs[0] !== undefined) {
        await this.show(runs[0].run);
      } else {
        this._set(null);
      }
    } catch (reason) {
      this._fail(reason);
    }
  }

  /** Show this run: as it is now and as it goes on. */
  async show(id: string): Promise<void> {
    const missed: FeedEvent[] = [];
    this._loading = { id, missed };
    const loading = this._loading;
    try {
      const snapshot = await this._api.run(this._at(id));
      if (this._loading === loading && !this.isDisposed) {
        this._loading = null;
        this._set(missed.reduce(applied, snapshot));
      }
    } catch (reason) {
      if (this._loading === loading) {
        this._loading = null;
        this._fail(reason);
      }
    }
  }

  /** Start a run and show it. */
  async start(request: Omit<RunRequest, 'path'>): Promise<string> {
    const { run } = await this._api.start({ path: this._path, ...request });
    void this.show(run);
    return run;
  }

  /** Go on with what failed or is missing, and show it. */
  async resume(id: string, latestCode: boolean): Promise<string> {
    const { run } = await this._api.resume(this._at(id), latestCode);
    void this.show(run);
    return run;
  }

  async cancel(): Promise<void> {
    if (this._run !== null) {
      await this._api.cancel(this._at(this._run.run));
    }
  }

  private _at(run: string): RunAt {
    return { path: this._path, run };
  }

  private _onEvent(_: EventFeed, event: FeedEvent): void {
    if (this._loading?.id === event.run) {
      this._loading.missed.push(event);
    } else if (this._run?.run === event.run) {
      this._follow(this._run, event);
    } else if (this._isNews(event)) {
      void this.show(event.run);
    }
  }

  /** A run of this notebook that another tab, the command line or a schedule has started. */
  private _isNews(event: FeedEvent): boolean {
    return (
      (event.kind === 'run_queued' || event.kind === 'run_started') && event.notebook === this._path
    );
  }

  private _follow(run: Run, event: FeedEvent): void {
    const now = applied(run, event);
    if (event.kind === 'run_finished' && !ENDED.has(run.status)) {
      void this._end(now);
    } else {
      this._set(now);
    }
  }

  /** The end has facts that no event tells (how long it took, the result): it is told with them. */
  private async _end(run: Run): Promise<void> {
    this._put(run);
    await this.show(run.run);
    this._finished.emit(this._run?.run === run.run ? this._run : run);
  }

  /** After a break the stream brings what was missed; a server that forgot is asked. */
  private _onConnected(_: EventFeed, connected: boolean): void {
    this._lost = !connected;
    this._changed.emit();
    if (connected && this._run !== null && this.running) {
      void this.show(this._run.run);
    }
  }

  private _put(run: Run | null): void {
    this._run = run;
    this._error = null;
    this._steps = run === null ? new Map() : byStep(run.steps);
    this._items = run === null ? new Map() : itemsOf(run.steps);
    this._changed.emit();
  }

  private _set(run: Run | null): void {
    const before = this._run;
    this._put(run);
    if (run !== null && this._endedNow(before, run)) {
      this._finished.emit(run);
    }
  }

  private _endedNow(before: Run | null, run: Run): boolean {
    return before?.run === run.run && !ENDED.has(before.status) && ENDED.has(run.status);
  }

  private _fail(reason: unknown): void {
    if (!this.isDisposed) {
      this._error = asRequestError(reason);
      this._changed.emit();
    }
  }

  private _run: Run | null = null;
  private _lost = false;
  private _steps: ReadonlyMap<string, StepResult> = new Map();
  private _items: ReadonlyMap<string, Items> = new Map();
  private _loading: { id: string; missed: FeedEvent[] } | null = null;
  private readonly _finished = new Signal<this, Run>(this);
}

/** `run` after `event`. */
export function applied(run: Run, event: RunEvent): Run {
  switch (event.kind) {
    case 'run_queued':
    case 'run_started':
      return ENDED.has(run.status) ? run : { ...run, ...started(run, event) };
    case 'run_finished':
      return { ...run, status: event.status ?? run.status, finished: event.at };
    case 'step_queued':
    case 'step_started':
    case 'step_waiting':
    case 'step_finished':
    case 'step_reused':
      return { ...run, steps: withStep(run.steps, event) };
    case 'plan_grew':
    case 'step_output':
    case 'learned':
    case 'alert':
      return run;
  }
}

function started(run: Run, event: RunEvent): Pick<Run, 'status' | 'started'> {
  return event.kind === 'run_queued'
    ? { status: 'queued', started: run.started }
    : { status: 'running', started: run.started ?? event.at };
}

function withStep(steps: StepResult[], event: RunEvent): StepResult[] {
  const at = steps.findIndex(each => each.step === event.step && each.item === event.item);
  if (at < 0) {
    return event.step === null ? steps : [...steps, after(unknown(event.step, event.item), event)];
  }
  return steps.map((each, index) =>
    index === at && !beyond(each, event) ? after(each, event) : each
  );
}

/** Whether what is known of a step is newer than what the event tells. */
function beyond(step: StepResult, event: RunEvent): boolean {
  const ends = event.kind === 'step_finished' || event.kind === 'step_reused';
  return ENDED.has(step.status) && !ends && (event.attempt ?? 0) <= step.attempts;
}

const STATUS: Partial<Record<RunEvent['kind'], Status>> = {
  step_queued: 'queued',
  step_started: 'running',
  step_waiting: 'waiting',
  step_reused: 'succeeded'
};

function after(step: StepResult, event: RunEvent): StepResult {
  const status = event.status ?? STATUS[event.kind] ?? step.status;
  return {
    ...step,
    status,
    action: event.kind === 'step_reused' ? 'reuse' : step.action,
    reason: event.reason ?? step.reason,
    message: event.message ?? step.message,
    attempts: Math.max(step.attempts, event.attempt ?? 0),
    started: event.kind === 'step_started' ? event.at : step.started,
    finished: ENDED.has(status) ? event.at : null,
    seconds: event.data.seconds ?? (ENDED.has(status) ? step.seconds : null),
    outputs: event.data.outputs ?? step.outputs,
    error: event.data.error ?? null
  };
}

function unknown(step: string, item: string | null): StepResult {
  return {
    step,
    item,
    status: 'queued',
    action: 'run',
    reason: null,
    message: '',
    attempts: 0,
    started: null,
    finished: null,
    seconds: null,
    cells: [],
    outputs: [],
    error: null,
    peak_memory: null,
    log: null
  };
}

export interface Items {
  ended: number;
  all: number;
}

/** How far each step is that runs once for each item. */
export function itemsOf(results: readonly StepResult[]): ReadonlyMap<string, Items> {
  const found = new Map<string, Items>();
  for (const each of results.filter(result => result.item !== null)) {
    const { ended, all } = found.get(each.step) ?? { ended: 0, all: 0 };
    found.set(each.step, { ended: ended + (ENDED.has(each.status) ? 1 : 0), all: all + 1 });
  }
  return found;
}

/** The statuses that weigh most stand first. */
const WEIGHT: readonly Status[] = [
  'failed',
  'lost',
  'running',
  'waiting',
  'queued',
  'cancelled',
  'skipped',
  'succeeded'
];

export function byStep(results: readonly StepResult[]): ReadonlyMap<string, StepResult> {
  const found = new Map<string, StepResult>();
  for (const each of results) {
    const known = found.get(each.step);
    if (known === undefined || WEIGHT.indexOf(each.status) < WEIGHT.indexOf(known.status)) {
      found.set(each.step, each);
    }
  }
  return found;
}
