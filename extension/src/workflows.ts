/**
 * The workflows of all open notebooks.
 */

import type { INotebookTracker, NotebookPanel } from '@jupyterlab/notebook';
import type { Contents } from '@jupyterlab/services';
import type { ISignal } from '@lumino/signaling';
import { Signal } from '@lumino/signaling';

import type { IApi } from './api';
import { EventFeed } from './models/feed';
import { NotebookWorkflow } from './notebook';
import type { INotebookWorkflow, IWorkflows } from './tokens';
import type { Features } from './wire';

const NOTHING: Features = {
  runs: false,
  recipes: false,
  foreach: false,
  approvals: false,
  publications: false,
  schedules: false,
  share: false
};

export class Workflows implements IWorkflows {
  constructor(
    readonly api: IApi,
    private readonly _tracker: INotebookTracker,
    private readonly _contents: Contents.IManager
  ) {
    this.feed = new EventFeed(api);
    _tracker.forEach(panel => this.of(panel));
    _tracker.widgetAdded.connect((_, panel) => this.of(panel));
    _tracker.currentChanged.connect(() => this._currentChanged.emit(this.current));
    void this._ask();
  }

  readonly feed: EventFeed;

  get features(): Features {
    return this._features;
  }

  get featuresChanged(): ISignal<this, Features> {
    return this._featuresChanged;
  }

  get current(): INotebookWorkflow | null {
    const panel = this._tracker.currentWidget;
    return panel === null ? null : this.of(panel);
  }

  get currentChanged(): ISignal<this, INotebookWorkflow | null> {
    return this._currentChanged;
  }

  get all(): readonly INotebookWorkflow[] {
    return [...this._open.values()];
  }

  get opened(): ISignal<this, INotebookWorkflow> {
    return this._opened;
  }

  of(panel: NotebookPanel): INotebookWorkflow {
    return this._open.get(panel) ?? this._made(panel);
  }

  private _made(panel: NotebookPanel): INotebookWorkflow {
    const workflow = new NotebookWorkflow(panel, this.api, this.feed, this._contents);
    this._open.set(panel, workflow);
    panel.disposed.connect(() => {
      this._open.delete(panel);
      workflow.dispose();
    });
    this._opened.emit(workflow);
    return workflow;
  }

  private async _ask(): Promise<void> {
    try {
      const { features } = await this.api.capabilities();
      this._features = { ...NOTHING, ...features };
      this._featuresChanged.emit(this._features);
    } catch (reason) {
      console.warn('nbflow: the server extension did not answer', reason);
      return;
    }
    this.feed.start();
  }

  private _features = NOTHING;
  private readonly _open = new Map<NotebookPanel, NotebookWorkflow>();
  private readonly _featuresChanged = new Signal<this, Features>(this);
  private readonly _currentChanged = new Signal<this, INotebookWorkflow | null>(this);
  private readonly _opened = new Signal<this, INotebookWorkflow>(this);
}
