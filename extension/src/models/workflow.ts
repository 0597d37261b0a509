/**
 * What an open notebook says: its graph, kept up to date while somebody types.
 *
 * The server reads the unsaved text; this asks it when the text has changed and was left alone for a
 * moment. Outputs and clicks change the notebook, too, but not its text: they ask nothing.
 */

import { Debouncer } from '@lumino/polling';
import type { ISignal } from '@lumino/signaling';

import type { IApi } from '../api';
import type { RequestError } from '../request';
import { asRequestError } from '../request';
import type { Content, Edge, Graph } from '../wire';
import type { Denial } from './denial';
import { denial } from './denial';
import { kept } from './kept';
import { AskingModel } from './model';

/** A notebook in an editor, seen from here. */
export interface ISource {
  readonly path: string;
  /** Anything at all has changed. */
  readonly changed: ISignal<unknown, unknown>;
  read(): Content;
}

/** How long a text is left alone before it is read. */
export const DELAY = 120;

export class WorkflowModel extends AskingModel {
  constructor(
    private readonly _api: Pick<IApi, 'graph'>,
    private readonly _source: ISource,
    delay: number = DELAY
  ) {
    super();
    this._debouncer = new Debouncer(() => this.refresh(), delay);
    _source.changed.connect(this._onChanged, this);
  }

  get path(): string {
    return this._source.path;
  }

  /** The last graph that the server could read (it stays beside an error); null before the first. */
  get graph(): Graph | null {
    return this._graph;
  }

  /** Which of its readings is shown: what it says may be the same as before, the text is another. */
  get reading(): number {
    return this._answered;
  }

  /** Whether an answer is awaited. */
  get busy(): boolean {
    return this._answered < this._asked;
  }

  override dispose(): void {
    if (!this.isDisposed) {
      this._debouncer.dispose();
    }
    super.dispose();
  }

  /** The notebook as it stands, for whoever asks the server about it. */
  read(): Content {
    return this._source.read();
  }

  /** Where its author can say that an edge is not true; null where that would not help. */
  async denial(edge: Edge): Promise<Denial | null> {
    const [graph, path] = [this._graph, this._source.path];
    const ask = (content: Content) => this._api.graph(path, content);
    return graph === null ? null : denial(edge, graph, this._source.read(), ask);
  }

  /** Read the notebook now, if its text is not the one that was read last. */
  async refresh(): Promise<void> {
    const content = this._source.read();
    const text = JSON.stringify([this._source.path, content]);
    if (this.isDisposed || text === this._text) {
      return;
    }
    this._text = text;
    const number = ++this._asked;
    this._changed.emit();
    try {
      this._settle(number, await this._api.graph(this._source.path, content), null);
    } catch (reason) {
      this._settle(number, null, asRequestError(reason));
    }
  }

  /** Ask again, whatever was answered before. */
  async retry(): Promise<void> {
    this._text = null;
    await this.refresh();
  }

  /** Answers may overtake each other: one that is older than what is shown is dropped. */
  private _settle(number: number, graph: Graph | null, error: RequestError | null): void {
    if (this.isDisposed || number <= this._answered) {
      return;
    }
    this._answered = number;
    this._graph = graph === null ? this._graph : kept(this._graph, graph);
    this._error = error;
    if (error?.status === 0 && number === this._asked) {
      this._text = null;
    }
    this._changed.emit();
  }

  private _onChanged(): void {
    void this._debouncer.invoke().catch(() => undefined);
  }

  private _graph: Graph | null = null;
  private _text: string | null = null;
  private _asked = 0;
  private _answered = 0;
  private readonly _debouncer: Debouncer;
}
