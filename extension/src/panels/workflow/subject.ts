/**
 * What a workflow view looks at: an open notebook as it is now, or a run as it was.
 */

import type { ISignal } from '@lumino/signaling';
import { Signal } from '@lumino/signaling';

import type { IApi, RunAt } from '../../api';
import type { ShownResult } from '../../models/outlook';
import type { Times } from '../../models/progress';
import type { Items } from '../../models/run';
import { byStep, itemsOf } from '../../models/run';
import { sections } from '../../models/sections';
import type { RequestError } from '../../request';
import { asRequestError } from '../../request';
import type { INotebookWorkflow } from '../../tokens';
import type { Diagnostic, Edge, Graph, Plan, Run } from '../../wire';

export interface ISubject {
  readonly name: string;
  readonly graph: Graph | null;
  readonly error: RequestError | null;
  /** Whether the first answer is still awaited. */
  readonly loading: boolean;
  readonly run: Run | null;
  /** Nothing is heard of the run that is going on. */
  readonly lost: boolean;
  readonly results: ReadonlyMap<string, ShownResult>;
  /** What the next run would do; null where it is not known. */
  readonly plan: Plan | null;
  readonly items: ReadonlyMap<string, Items>;
  /** How long each step took the last times, the latest last. */
  readonly times: Times;
  /** How many seconds the run will still take; null where nobody knows. */
  secondsLeft(now: number): number | null;
  readonly changed: readonly ISignal<unknown, unknown>[];
  readonly sections: ReadonlyMap<string, string>;
  readonly activeCell: string | null;
  /** The open notebook; null for a run of the past. */
  readonly workflow: INotebookWorkflow | null;
  jump(cell: string, line?: number | null): void;
  /** Write into the notebook that an edge is not true; false: no word of the author would help. */
  deny(edge: Edge): Promise<boolean>;
  retry(): void;
}

/** An open notebook. */
export class OpenSubject implements ISubject {
  constructor(readonly workflow: INotebookWorkflow) {
    this.changed = [workflow.graph.changed, workflow.outlook.changed, workflow.activeCellChanged];
  }

  readonly changed: readonly ISignal<unknown, unknown>[];

  get name(): string {
    return this.workflow.path.split('/').at(-1) ?? '';
  }

  get graph(): Graph | null {
    return this.workflow.graph.graph;
  }

  get error(): RequestError | null {
    return this.workflow.graph.error;
  }

  get loading(): boolean {
    return this.workflow.graph.busy && this.graph === null;
  }

  get run(): Run | null {
    return this.workflow.run.run;
  }

  get lost(): boolean {
    return this.workflow.run.running && this.workflow.run.lost;
  }

  get results(): ReadonlyMap<string, ShownResult> {
    return this.workflow.outlook.results;
  }

  get plan(): Plan | null {
    return this.workflow.outlook.plan;
  }

  get items(): ReadonlyMap<string, Items> {
    return this.workflow.run.items;
  }

  get times(): Times {
    return this.workflow.outlook.times;
  }

  secondsLeft(now: number): number | null {
    return this.workflow.outlook.secondsLeft(now);
  }

  get sections(): ReadonlyMap<string, string> {
    if (this._read !== this.workflow.graph.reading) {
      this._read = this.workflow.graph.reading;
      const now = sections(this.workflow.graph.read());
      // The same sections are the same value: what is drawn of them is kept.
      this._sections = same(now, this._sections) ? this._sections : now;
    }
    return this._sections;
  }

  get activeCell(): string | null {
    return this.workflow.activeCell;
  }

  jump(cell: string, line: number | null = null): void {
    void this.workflow.jump(cell, line);
  }

  async deny(edge: Edge): Promise<boolean> {
    const found = await this.workflow.graph.denial(edge);
    if (found === null || !this.workflow.mend(found.cell, found.fix)) {
      return false;
    }
    this.jump(found.cell, found.fix.line);
    return true;
  }

  retry(): void {
    void this.workflow.graph.retry();
  }

  private _read = -1;
  private _sections: ReadonlyMap<string, string> = new Map();
}

function same(a: ReadonlyMap<string, string>, b: ReadonlyMap<string, string>): boolean {
  return a.size === b.size && [...a].every(([cell, section]) => b.get(cell) === section);
}

/** A run of the past, as it was: its own graph, and how its steps went. */
export class RunSubject implements ISubject {
  constructor(
    private readonly _api: Pick<IApi, 'run' | 'runGraph' | 'runNotebook'>,
    private readonly _at: RunAt
  ) {
    this.changed = [this._changed];
    this.retry();
  }

  readonly workflow = null;
  readonly changed: readonly ISignal<unknown, unknown>[];
  graph: Graph | null = null;
  error: RequestError | null = null;
  run: Run | null = null;
  readonly lost = false;
  results: ReadonlyMap<string, ShownResult> = new Map();
  readonly plan = null;
  items: ReadonlyMap<string, Items> = new Map();
  readonly times: Times = new Map();
  sections: ReadonlyMap<string, string> = new Map();
  activeCell: string | null = null;

  get name(): string {
    return this._at.path.split('/').at(-1) ?? '';
  }

  get loading(): boolean {
    return this.graph === null && this.error === null;
  }

  secondsLeft(): null {
    return null;
  }

  /** There is no notebook to go to: the node is lit instead. */
  jump(cell: string): void {
    this.activeCell = cell;
    this._changed.emit();
  }

  /** What has run is as it was. */
  deny(): Promise<boolean> {
    return Promise.resolve(false);
  }

  retry(): void {
    this.error = null;
    void this._load().catch((reason: unknown) => {
      this.error = asRequestError(reason);
      this._changed.emit();
    });
  }

  private async _load(): Promise<void> {
    const [run, graph, notebook] = await Promise.all([
      this._api.run(this._at),
      this._api.runGraph(this._at),
      // A run that wrote no result is drawn without its sections.
      this._api.runNotebook(this._at).catch(() => null)
    ]);
    [this.run, this.graph] = [run, graph];
    this.results = byStep(run.steps);
    this.items = itemsOf(run.steps);
    this.sections = notebook === null ? new Map() : sections(notebook.content);
    this._changed.emit();
  }

  private readonly _changed = new Signal<this, void>(this);
}

/** The worst finding on each cell. */
export function troubleOf(found: readonly Diagnostic[]): ReadonlyMap<string, 'error' | 'warning'> {
  const trouble = new Map<string, 'error' | 'warning'>();
  for (const { cell, severity } of found) {
    if (cell !== null && severity !== 'info' && trouble.get(cell) !== 'error') {
      trouble.set(cell, severity);
    }
  }
  return trouble;
}
