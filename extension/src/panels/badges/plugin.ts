/**
 * Badges on the cells of all open notebooks.
 *
 * A notebook that is scrolled draws its cells late: each badge waits for its own cell.
 */

import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import type { Cell } from '@jupyterlab/cells';
import { ISettingRegistry } from '@jupyterlab/settingregistry';
import type { TranslationBundle } from '@jupyterlab/translation';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import type { CommandRegistry } from '@lumino/commands';
import type { PanelLayout } from '@lumino/widgets';

import { CommandIDs } from '../../commands';
import { kept } from '../../models/kept';
import type { Near } from '../../models/near';
import { near, stepAt } from '../../models/near';
import { definingSteps } from '../../models/picture';
import type { INotebookWorkflow } from '../../tokens';
import { IWorkflows } from '../../tokens';
import { openStepMenu } from '../steps/menu';
import type { IBadge, IBadgeActs } from './badge';
import { BadgeWidget } from './badge';

const ID = 'nbflow:cell-badges';

export const badges: JupyterFrontEndPlugin<void> = {
  id: ID,
  description: 'Shows on each cell which step it is and how the step is doing.',
  autoStart: true,
  requires: [IWorkflows],
  optional: [ITranslator, ISettingRegistry],
  activate: async (
    app: JupyterFrontEnd,
    workflows: IWorkflows,
    translator: ITranslator | null,
    settings: ISettingRegistry | null
  ) => {
    const trans = (translator ?? nullTranslator).load('nbflow');
    const found = await settings?.load(ID);
    const wanted = () => found?.get('badges').composite !== false;
    const add = (workflow: INotebookWorkflow) => {
      const worn = new Badges(workflow, app.commands, trans, wanted);
      found?.changed.connect(() => worn.update());
    };
    workflows.all.forEach(add);
    workflows.opened.connect((_, workflow) => add(workflow));
  }
};

class Badges {
  constructor(
    private readonly _workflow: INotebookWorkflow,
    private readonly _commands: CommandRegistry,
    private readonly _trans: TranslationBundle,
    private readonly _wanted: () => boolean
  ) {
    const update = () => this.update();
    _workflow.graph.changed.connect(update);
    _workflow.outlook.changed.connect(update);
    _workflow.activeCellChanged.connect(update);
    _workflow.panel.content.model?.cells.changed.connect(update);
    this.update();
  }

  update(): void {
    if (this._workflow.panel.isDisposed) {
      return;
    }
    const badges = this._wanted() ? this._badges() : new Map<string, IBadge>();
    for (const cell of this._workflow.panel.content.widgets) {
      this._dress(cell, badges.get(cell.model.id));
    }
  }

  /** What each cell is to wear: of a step with several cells, the last one. */
  private _badges(): ReadonlyMap<string, IBadge> {
    const { graph, outlook, run } = this._workflow;
    if (graph.graph === null) {
      return new Map();
    }
    const definers = definingSteps(graph.graph);
    const active = stepAt(graph.graph, this._workflow.activeCell);
    this._near = active && kept(this._near, near(graph.graph, active.name));
    return new Map(
      graph.graph.steps
        .filter(step => !definers.includes(step))
        .map(step => [
          step.cells[step.cells.length - 1],
          {
            step: step.name,
            result: outlook.results.get(step.name),
            items: run.items.get(step.name),
            near: step === active ? this._near : null
          }
        ])
    );
  }

  private _dress(cell: Cell, badge: IBadge | undefined): void {
    this._last.set(cell, badge);
    const worn = this._worn.get(cell);
    if (worn !== undefined && badge !== undefined) {
      worn.badge = badge;
    } else if (worn !== undefined) {
      this._worn.delete(cell);
      worn.dispose();
    } else if (badge !== undefined && !this._waiting.has(cell)) {
      this._waiting.add(cell);
      void cell.ready.then(() => this._attach(cell));
    }
  }

  /** The cell is drawn now; what it is to wear may have changed meanwhile. */
  private _attach(cell: Cell): void {
    this._waiting.delete(cell);
    const badge = this._last.get(cell);
    const layout = cell.layout as PanelLayout | null;
    if (cell.isDisposed || badge === undefined || layout === null || this._worn.has(cell)) {
      return;
    }
    const input = layout.widgets.findIndex(each => each.hasClass('jp-Cell-inputWrapper'));
    const widget = new BadgeWidget(badge, this._acts, this._trans);
    this._worn.set(cell, widget);
    layout.insertWidget(input + 1, widget);
  }

  private readonly _acts: IBadgeActs = {
    openMenu: (step, x, y) => {
      const { path, run } = this._workflow;
      openStepMenu(this._commands, { path, step, run: run.run?.run ?? null }, x, y);
    },
    goToNear: (step, way) => {
      const { path } = this._workflow;
      void this._commands.execute(CommandIDs.goToNear, { path, step, way });
    }
  };

  private _near: Near | null = null;
  private readonly _worn = new WeakMap<Cell, BadgeWidget>();
  private readonly _last = new WeakMap<Cell, IBadge | undefined>();
  private readonly _waiting = new WeakSet<Cell>();
}
