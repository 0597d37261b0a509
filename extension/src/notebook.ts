/**
 * An open notebook of JupyterLab as our models see it.
 */

import type { Cell } from '@jupyterlab/cells';
import type { Notebook, NotebookPanel } from '@jupyterlab/notebook';
import type { Contents } from '@jupyterlab/services';
import type { IDisposable } from '@lumino/disposable';
import type { ISignal } from '@lumino/signaling';
import { Signal } from '@lumino/signaling';

import type { IApi } from './api';
import type { EventFeed } from './models/feed';
import { exchanged, placeOf } from './models/mending';
import type { IFile } from './models/outlook';
import { OutlookModel } from './models/outlook';
import { RunModel } from './models/run';
import type { ISource } from './models/workflow';
import { WorkflowModel } from './models/workflow';
import type { INotebookWorkflow } from './tokens';
import type { Content, ContentCell, Fix } from './wire';

/** The drives whose files are those of the server: Jupyter's own, and the one of those who edit together. */
const OURS: ReadonlySet<string> = new Set(['', 'RTC']);

/** The unsaved text of a notebook: what the analysis reads, and nothing else. */
class PanelSource implements ISource {
  constructor(
    private readonly _panel: NotebookPanel,
    private readonly _contents: Contents.IManager
  ) {}

  /** What lies on another drive keeps its name: the server has no such file, or quite another one. */
  get path(): string {
    const { path } = this._panel.context;
    return OURS.has(this._contents.driveName(path)) ? this._contents.localPath(path) : path;
  }

  get changed(): ISignal<unknown, unknown> {
    return this._panel.context.model.contentChanged;
  }

  read(): Content {
    const model = this._panel.context.model;
    return {
      nbformat: model.nbformat,
      nbformat_minor: model.nbformatMinor,
      metadata: { ...model.metadata },
      cells: Array.from(model.cells, readCell)
    };
  }
}

function readCell(cell: Cell['model']): ContentCell & { execution_count?: null } {
  return {
    id: cell.id,
    cell_type: cell.type,
    source: cell.sharedModel.getSource(),
    metadata: cell.metadata,
    ...(cell.type === 'code' ? { outputs: [], execution_count: null } : {})
  };
}

/** The notebook's file, as its editor knows it. */
class PanelFile implements IFile {
  constructor(
    private readonly _panel: NotebookPanel,
    private readonly _source: PanelSource
  ) {
    const { context } = _panel;
    context.model.stateChanged.connect((_, { name }) => {
      if (name === 'dirty') {
        this.dirtyChanged.emit();
      }
    });
    context.saveState.connect((_, state) => {
      if (state === 'completed') {
        this.saved.emit();
      }
    });
  }

  readonly dirtyChanged = new Signal<this, void>(this);
  readonly saved = new Signal<this, void>(this);

  get path(): string {
    return this._source.path;
  }

  get dirty(): boolean {
    return this._panel.context.model.dirty;
  }
}

export class NotebookWorkflow implements INotebookWorkflow, IDisposable {
  constructor(
    readonly panel: NotebookPanel,
    api: IApi,
    feed: EventFeed,
    contents: Contents.IManager
  ) {
    this._source = new PanelSource(panel, contents);
    this.graph = new WorkflowModel(api, this._source);
    this.run = new RunModel(api, feed, this.path);
    this.outlook = new OutlookModel(api, this.run, new PanelFile(panel, this._source), this.graph);
    panel.content.activeCellChanged.connect(this._onActiveCell, this);
    panel.context.pathChanged.connect(this._onPath, this);
    void this._load();
  }

  readonly graph: WorkflowModel;
  readonly run: RunModel;
  readonly outlook: OutlookModel;

  get path(): string {
    return this._source.path;
  }

  get activeCell(): string | null {
    return this.panel.content.activeCell?.model.id ?? null;
  }

  get activeCellChanged(): ISignal<this, string | null> {
    return this._activeCellChanged;
  }

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  dispose(): void {
    if (!this._isDisposed) {
      this._isDisposed = true;
      this.graph.dispose();
      this.outlook.dispose();
      this.run.dispose();
      Signal.clearData(this);
    }
  }

  async jump(cell: string, line: number | null = null): Promise<void> {
    const notebook = this.panel.content;
    const index = notebook.widgets.findIndex(each => each.model.id === cell);
    if (index < 0) {
      return;
    }
    notebook.activeCellIndex = index;
    notebook.deselectAll();
    await notebook.scrollToItem(index, 'smart');
    if (line !== null) {
      await this._toLine(notebook, index, line);
    }
  }

  cellSource(cell: string): string | null {
    return this._cell(cell)?.sharedModel.getSource() ?? null;
  }

  mend(cell: string, fix: Fix): boolean {
    const shared = this._cell(cell)?.sharedModel;
    const place = fix.line === null ? null : placeOf(shared?.getSource() ?? '', fix);
    if (place !== null) {
      shared?.updateSource(place.from, place.to, fix.new);
      return true;
    }
    const tags = fix.line === null ? exchanged(this.cellTags(cell), fix) : null;
    if (tags !== null) {
      this.setCellTags(cell, tags);
    }
    return tags !== null;
  }

  cellTags(cell: string): readonly string[] {
    const tags: unknown = this._cell(cell)?.getMetadata('tags');
    return Array.isArray(tags) ? tags.filter(each => typeof each === 'string') : [];
  }

  setCellTags(cell: string, tags: readonly string[]): void {
    const model = this._cell(cell);
    if (tags.length === 0) {
      model?.deleteMetadata('tags');
    } else {
      model?.setMetadata('tags', [...tags]);
    }
  }

  private async _load(): Promise<void> {
    await this.panel.context.ready;
    if (!this._isDisposed) {
      await Promise.all([this.graph.refresh(), this.run.refresh()]);
      this.outlook.look();
    }
  }

  private async _toLine(notebook: Notebook, index: number, line: number): Promise<void> {
    const cell = notebook.widgets[index];
    await cell.ready;
    const last = (cell.editor?.lineCount ?? 1) - 1;
    cell.editor?.setCursorPosition({ line: Math.min(Math.max(line - 1, 0), last), column: 0 });
    notebook.mode = 'edit';
  }

  private _cell(id: string): Cell['model'] | null {
    return Array.from(this.panel.context.model.cells).find(each => each.id === id) ?? null;
  }

  private _onActiveCell(): void {
    this._activeCellChanged.emit(this.activeCell);
  }

  private _onPath(): void {
    this.run.path = this.path;
    void this.graph.refresh();
    void this.run.refresh();
  }

  private readonly _source: PanelSource;
  private _isDisposed = false;
  private readonly _activeCellChanged = new Signal<this, string | null>(this);
}
