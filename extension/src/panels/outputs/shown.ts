/**
 * The outputs of a run in the open notebook, in place of the notebook's own.
 *
 * They are drawn beside the cells' models, never written into them: what the author has is what is
 * saved, and comes back with one click.
 */

import type { Cell, CodeCell } from '@jupyterlab/cells';
import type { IOutput } from '@jupyterlab/nbformat';
import type { IOutputAreaModel } from '@jupyterlab/outputarea';
import { OutputAreaModel, SimplifiedOutputArea } from '@jupyterlab/outputarea';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { ISignal } from '@lumino/signaling';
import { Signal } from '@lumino/signaling';
import { Panel, PanelLayout, Widget } from '@lumino/widgets';

import type { IApi } from '../../api';
import type { CellOutputs } from '../../models/outputs';
import { cellOutputs } from '../../models/outputs';
import type { INotebookWorkflow } from '../../tokens';
import type { Run } from '../../wire';

/** A cell whose own outputs are hidden. */
const HIDDEN = 'nbflow-mod-otherOutputs';

export class RunOutputs {
  constructor(
    readonly workflow: INotebookWorkflow,
    private readonly _api: Pick<IApi, 'runNotebook'>,
    private readonly _trans: TranslationBundle
  ) {
    workflow.run.finished.connect(this._onFinished, this);
    workflow.panel.content.model?.cells.changed.connect(this._dressAll, this);
    workflow.panel.disposed.connect(() => Signal.clearData(this));
  }

  /** The run whose outputs are shown; null: the notebook's own. */
  get run(): Run | null {
    return this._run;
  }

  get changed(): ISignal<this, void> {
    return this._changed;
  }

  async show(run: Run): Promise<void> {
    const { path, panel } = this.workflow;
    const { content } = await this._api.runNotebook({ path, run: run.run });
    if (!panel.isDisposed) {
      this._undress();
      this._run = run;
      this._outputs = cellOutputs(content);
      this._dressAll();
      this._changed.emit();
    }
  }

  hide(): void {
    this._run = null;
    this._outputs = new Map();
    this._undress();
    this._changed.emit();
  }

  /** Whoever looks at the outputs of runs wants those of the new one. */
  private _onFinished(_: unknown, run: Run): void {
    if (this._run !== null && run.result !== null) {
      void this.show(run).catch(() => this.hide());
    }
  }

  private _dressAll(): void {
    for (const cell of this.workflow.panel.content.widgets) {
      if (this._outputs.has(cell.model.id)) {
        // Lab draws the cells of a long notebook when they are scrolled to.
        void cell.ready.then(() => this._dress(cell));
      }
    }
  }

  private _dress(cell: Cell): void {
    const shown = this._outputs.get(cell.model.id);
    const { layout } = cell;
    const isNew = shown !== undefined && !cell.isDisposed && !this._worn.has(cell);
    if (isNew && cell.model.type === 'code' && layout instanceof PanelLayout) {
      const own = layout.widgets.findIndex(each => each.hasClass('jp-Cell-outputWrapper'));
      const area = this._area(cell as CodeCell, shown);
      this._worn.set(cell, area);
      cell.addClass(HIDDEN);
      layout.insertWidget(own + 1, area);
      (cell as CodeCell).model.outputs.changed.connect(this._onOwn, this);
    }
  }

  /** Somebody runs a cell: from now on they want to see what it shows to them. */
  private _onOwn(own: IOutputAreaModel): void {
    const cells = [...this._worn.keys()] as CodeCell[];
    cells.filter(cell => cell.model?.outputs === own).forEach(cell => this._strip(cell));
  }

  private _undress(): void {
    [...this._worn.keys()].forEach(cell => this._strip(cell as CodeCell));
  }

  private _strip(cell: CodeCell): void {
    cell.model?.outputs.changed.disconnect(this._onOwn, this);
    cell.removeClass(HIDDEN);
    this._worn.get(cell)?.dispose();
    this._worn.delete(cell);
    this._outputs = new Map([...this._outputs].filter(([id]) => id !== cell.model?.id));
  }

  private _area(cell: CodeCell, { source, outputs }: CellOutputs): Widget {
    const { rendermime, notebookConfig } = this.workflow.panel.content;
    const panel = new Panel();
    panel.addClass('nbflow-RunOutputs');
    if (source !== cell.model.sharedModel.getSource()) {
      const note = new Widget();
      note.addClass('nbflow-RunOutputs-note');
      note.node.textContent = this._trans.__('The cell has changed since this run.');
      panel.addWidget(note);
    }
    panel.addWidget(
      new SimplifiedOutputArea({
        model: new OutputAreaModel({
          values: outputs as IOutput[],
          trusted: cell.model.trusted
        }),
        rendermime,
        maxNumberOutputs: notebookConfig.maxNumberOutputs
      })
    );
    return panel;
  }

  private _run: Run | null = null;
  private _outputs: ReadonlyMap<string, CellOutputs> = new Map();
  private readonly _worn = new Map<Cell, Widget>();
  private readonly _changed = new Signal<this, void>(this);
}
