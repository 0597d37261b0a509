/**
 * The outputs of a run, and the rows of the one that is looked at.
 */

import type { IApi, RunAt } from '../api';
import type { FeedEvent, RunSummary, StoredOutput, Table } from '../wire';
import { ENDED } from '../wire';
import type { EventFeed } from './feed';
import { AskingModel } from './model';

export type TablesApi = Pick<IApi, 'runs' | 'outputs' | 'table'>;

export const PAGE = 100;

export class TablesModel extends AskingModel {
  constructor(
    private readonly _api: TablesApi,
    feed: EventFeed,
    readonly path: string
  ) {
    super();
    feed.event.connect(this._onEvent, this);
  }

  /** The run whose outputs are shown: the latest that has ended, unless another was asked for. */
  get run(): string | null {
    return this._run;
  }

  get runs(): readonly RunSummary[] {
    return this._runs;
  }

  get outputs(): readonly StoredOutput[] {
    return this._outputs;
  }

  get selected(): StoredOutput | null {
    return this._selected;
  }

  get table(): Table | null {
    return this._table;
  }

  get offset(): number {
    return this._offset;
  }

  get known(): boolean {
    return this._known;
  }

  /** Show the outputs of a run (the latest, if none is named), and one of them if it is there. */
  async show(run: string | null, name: string | null = null): Promise<void> {
    this._pinned = run !== null;
    await this._try(async () => {
      const { runs } = await this._api.runs(this.path, 20);
      this._runs = runs;
      const latest = runs.find(each => ENDED.has(each.status)) ?? runs[0];
      this._run = run ?? latest?.run ?? null;
      this._outputs =
        this._run === null ? [] : (await this._api.outputs(this._at(this._run))).outputs;
      this._known = true;
    });
    const wanted = name ?? this._selected?.name;
    const found = this._outputs.find(each => each.name === wanted) ?? firstTable(this._outputs);
    await (found ? this.select(found) : this._nothing());
  }

  async select(output: StoredOutput): Promise<void> {
    this._selected = output;
    this._table = null;
    this._changed.emit();
    await this.page(0);
  }

  /** The rows from `offset` on. */
  async page(offset: number): Promise<void> {
    const [run, output] = [this._run, this._selected];
    if (run === null || output === null) {
      return;
    }
    await this._try(async () => {
      const page = { offset, limit: PAGE, profile: offset === 0 };
      const table = await this._api.table(this._at(run), nameOf(output, this._outputs), page);
      if (this._selected === output && this._run === run) {
        this._table = offset === 0 ? table : { ...table, profile: this._table?.profile ?? [] };
        this._offset = offset;
      }
    });
  }

  private _nothing(): Promise<void> {
    this._selected = null;
    this._table = null;
    this._changed.emit();
    return Promise.resolve();
  }

  private _at(run: string): RunAt {
    return { path: this.path, run };
  }

  private _onEvent(_: EventFeed, event: FeedEvent): void {
    if (event.kind === 'run_finished' && event.notebook === this.path && !this._pinned) {
      void this.show(null);
    }
  }

  private _run: string | null = null;
  private _runs: readonly RunSummary[] = [];
  private _outputs: readonly StoredOutput[] = [];
  private _selected: StoredOutput | null = null;
  private _table: Table | null = null;
  private _offset = 0;
  private _known = false;
  private _pinned = false;
}

function firstTable(outputs: readonly StoredOutput[]): StoredOutput | undefined {
  return outputs.filter(each => each.tabular).at(-1) ?? outputs.at(-1);
}

/** An earlier version of a name is asked for with its step. */
export function nameOf(output: StoredOutput, outputs: readonly StoredOutput[]): string {
  const last = outputs.filter(each => each.name === output.name).at(-1);
  return last === output ? output.name : `${output.step}.${output.name}`;
}
