/**
 * Running: the commands, the dialog, and the word at the end.
 */

import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { Dialog, ICommandPalette, Notification } from '@jupyterlab/apputils';
import { IEditorServices } from '@jupyterlab/codeeditor';
import { IDocumentManager } from '@jupyterlab/docmanager';
import type { IDocumentWidget } from '@jupyterlab/docregistry';
import { NotebookPanel, NotebookWidgetFactory, StaticNotebook } from '@jupyterlab/notebook';
import { IRenderMimeRegistry } from '@jupyterlab/rendermime';
import { IStateDB } from '@jupyterlab/statedb';
import type { TranslationBundle } from '@jupyterlab/translation';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { stopIcon } from '@jupyterlab/ui-components';
import type { ReadonlyPartialJSONObject } from '@lumino/coreutils';

import type { RunArguments } from '../../commands';
import { CommandIDs } from '../../commands';
import { runWorkflowIcon, workflowIcon } from '../../icons';
import type { Question } from '../../models/parameters';
import { beginning, questions } from '../../models/parameters';
import { PlanModel } from '../../models/plan';
import { watchSaves } from '../../models/saves';
import { took } from '../../models/words';
import { asRequestError } from '../../request';
import type { INotebookWorkflow } from '../../tokens';
import { IWorkflows } from '../../tokens';
import type { Graph, Run, RunRequest } from '../../wire';
import type { Choose } from '../choose';
import { chooser } from '../choose';
import { workflowOf } from '../steps/which';
import { DRIVE, ResultDrive, resultPath } from './drive';
import type { Wish } from './form';
import { idOf, requestOf, RunForm } from './form';
import { load } from './kernel';
import { saved } from './saving';

const RESULT_FACTORY = 'nbflow Result';
const FRESH: Wish = { answers: {}, jobs: '', until: '', force: false };

export const run: JupyterFrontEndPlugin<void> = {
  id: 'nbflow:run',
  description: 'Runs the open notebook as a workflow.',
  autoStart: true,
  requires: [IWorkflows],
  optional: [ITranslator, ICommandPalette, IStateDB, IDocumentManager],
  activate: (
    app: JupyterFrontEnd,
    workflows: IWorkflows,
    translator: ITranslator | null,
    palette: ICommandPalette | null,
    state: IStateDB | null,
    documents: IDocumentManager | null
  ) => {
    const trans = (translator ?? nullTranslator).load('nbflow');
    const choose = documents ? chooser(documents, translator) : null;
    const runs = new Runs(app, workflows, state, choose, trans);
    addCommands(app, workflows, runs, trans);
    for (const command of PALETTE) {
      palette?.addItem({ command, category: trans.__('Workflow') });
    }
    const follow = (workflow: INotebookWorkflow) => {
      workflow.run.finished.connect((_, run) => runs.tell(workflow, run));
      watchSaves(workflow.panel.context);
    };
    workflows.all.forEach(follow);
    workflows.opened.connect((_, workflow) => follow(workflow));
  }
};

const RESUME_LATEST = 'nbflow:resume-latest';
const OPEN_LATEST = 'nbflow:open-latest-result';

const PALETTE = [CommandIDs.run, CommandIDs.cancel, RESUME_LATEST, OPEN_LATEST];

function addCommands(
  app: JupyterFrontEnd,
  workflows: IWorkflows,
  runs: Runs,
  trans: TranslationBundle
): void {
  const { commands } = app;
  const isOpen = () => workflows.current !== null && workflows.features.runs;
  const isRunning = () => workflows.current?.run.running ?? false;
  /** The run that is shown knows its result; of others the server tells. */
  const hasResult = (args: ReadonlyPartialJSONObject) => {
    const shown = workflowOf(workflows, args)?.run.run;
    return shown?.run !== args.run || shown?.result !== null;
  };
  const cellOf = (args: ReadonlyPartialJSONObject) =>
    workflowOf(workflows, args)
      ?.run.steps.get(text(args.step) ?? '')
      ?.cells.at(-1) ?? null;

  commands.addCommand(CommandIDs.run, {
    label: trans.__('Run as Workflow…'),
    caption: trans.__('Run the notebook as a workflow, outside of your kernel'),
    icon: runWorkflowIcon,
    isEnabled: isOpen,
    execute: async args => runs.run(await runs.workflow(args), asked(args))
  });
  commands.addCommand(CommandIDs.cancel, {
    label: trans.__('Cancel Run'),
    caption: trans.__('Stop the run of this notebook'),
    icon: stopIcon,
    isEnabled: () => isOpen() && isRunning(),
    execute: args => runs.attempt(() => workflowOf(workflows, args)?.run.cancel())
  });
  commands.addCommand(CommandIDs.resume, {
    label: trans.__('Resume Run'),
    isEnabled: isOpen,
    execute: async args =>
      typeof args.run === 'string'
        ? runs.resume(await runs.workflow(args), args.run, args.latestCode === true)
        : undefined
  });
  commands.addCommand(RESUME_LATEST, {
    label: trans.__('Resume Latest Run'),
    isEnabled: () => isOpen() && !isRunning() && workflows.current?.run.run?.status === 'failed',
    execute: () => {
      const latest = workflows.current?.run.run;
      return latest ? runs.resume(workflows.current, latest.run, true) : undefined;
    }
  });
  commands.addCommand(CommandIDs.openResult, {
    label: args =>
      typeof args.step === 'string' ? trans.__('Open as It Was') : trans.__('Open Result Notebook'),
    isEnabled: args => isOpen() && hasResult(args),
    execute: args =>
      typeof args.run === 'string'
        ? runs.openResult(text(args.path), args.run, text(args.cell) ?? cellOf(args))
        : undefined
  });
  commands.addCommand(OPEN_LATEST, {
    label: trans.__('Open Latest Result'),
    isEnabled: () => isOpen() && (workflows.current?.run.run ?? null) !== null,
    execute: () => {
      const latest = workflows.current?.run.run;
      return latest ? runs.openResult(null, latest.run) : undefined;
    }
  });
  commands.addCommand(CommandIDs.loadOutput, {
    label: args =>
      args.inputs ? trans.__('Load Inputs into Kernel') : trans.__('Load Output into Kernel'),
    isEnabled: isOpen,
    execute: async args =>
      typeof args.run === 'string' && typeof args.step === 'string'
        ? runs.load(await runs.workflow(args), args.run, args.step, args.inputs === true)
        : undefined
  });
}

function text(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}

/** What a caller asks, or null for whom the dialog has to ask. Lab adds words of its own. */
function asked(args: ReadonlyPartialJSONObject): RunArguments | null {
  const known = ['parameters', 'jobs', 'force', 'force_steps', 'until', 'from', 'only', 'one_lane'];
  const given = Object.entries(args).filter(([name]) => known.includes(name));
  return given.length > 0 ? Object.fromEntries(given) : null;
}

/** The verbs of this plugin. */
class Runs {
  constructor(
    private readonly _app: JupyterFrontEnd,
    private readonly _workflows: IWorkflows,
    private readonly _state: IStateDB | null,
    private readonly _choose: Choose | null,
    private readonly _trans: TranslationBundle
  ) {}

  /** The notebook that a command is about; it is opened if it is named and not open yet. */
  async workflow(args: ReadonlyPartialJSONObject): Promise<INotebookWorkflow | null> {
    const found = workflowOf(this._workflows, args);
    if (found !== null || typeof args.path !== 'string') {
      return found;
    }
    await this._app.commands.execute('docmanager:open', { path: args.path });
    const opened = workflowOf(this._workflows, args);
    await opened?.panel.context.ready;
    return opened;
  }

  /** Start what is asked for; without that, ask. */
  async run(workflow: INotebookWorkflow | null, wanted: RunArguments | null): Promise<void> {
    if (workflow === null) {
      return;
    }
    const request = wanted ?? (await this._ask(workflow));
    if (request === null) {
      return;
    }
    if (await saved(workflow.panel, this._state, this._trans, wanted !== null)) {
      await this.attempt(() => workflow.run.start(request));
    }
  }

  async resume(
    workflow: INotebookWorkflow | null,
    run: string,
    latestCode: boolean
  ): Promise<void> {
    if (workflow === null) {
      return;
    }
    if (!latestCode || (await saved(workflow.panel, this._state, this._trans))) {
      await this.attempt(() => workflow.run.resume(run, latestCode));
    }
  }

  async openResult(path: string | null, run: string, cell: string | null = null): Promise<void> {
    const of = path ?? this._workflows.current?.path;
    if (of !== undefined) {
      const result = resultPath({ path: of, run });
      await this._app.commands.execute(OPEN_READ_ONLY, { path: result, cell });
    }
  }

  /** What a step made, or what it was given, in the user's own kernel. */
  async load(
    workflow: INotebookWorkflow | null,
    run: string,
    step: string,
    inputs: boolean
  ): Promise<void> {
    if (workflow !== null) {
      await this.attempt(async () => {
        const at = { path: workflow.path, run };
        const { code, names } = await this._workflows.api.open(at, step, inputs);
        await load(workflow.panel, code);
        const loaded = names.length > 0 ? names.join(', ') : null;
        Notification.success(
          loaded === null
            ? this._trans.__('“%1” has nothing to load.', step)
            : this._trans.__('“%1” is in your kernel.', loaded),
          { autoClose: 5000 }
        );
      });
    }
  }

  /** Do it; what goes wrong is told. */
  async attempt(act: () => Promise<unknown> | undefined): Promise<void> {
    try {
      await act();
    } catch (reason) {
      const { message, hint, diagnostics } = asRequestError(reason);
      const cell = diagnostics.find(each => each.severity === 'error' && each.cell !== null);
      Notification.error(hint ? `${message}\n${hint}` : message, {
        autoClose: false,
        actions: cell ? [this._jump(cell.cell, cell.line)] : []
      });
    }
  }

  /** A run that was going on has ended. */
  tell(workflow: INotebookWorkflow, run: Run): void {
    const trans = this._trans;
    const time = run.seconds === null ? '' : ` · ${took(run.seconds)}`;
    const name = workflow.path.split('/').at(-1) ?? workflow.path;
    const open = {
      label: trans.__('Open Result'),
      callback: () => void this.openResult(workflow.path, run.run)
    };
    if (run.status === 'succeeded') {
      Notification.success(trans.__('%1 succeeded', name) + time, {
        autoClose: 10000,
        actions: [open]
      });
      return;
    }
    if (run.status === 'cancelled') {
      Notification.warning(trans.__('%1 was cancelled', name), { autoClose: 5000 });
      return;
    }
    const failed = run.steps.find(step => step.status === 'failed');
    const what = failed?.error
      ? trans.__('%1 failed in “%2”: %3', name, failed.step, short(failed.error.message))
      : trans.__('%1 failed: %2', name, short(run.message ?? failed?.message ?? run.status));
    const cell = failed?.error?.cell ?? failed?.cells[0] ?? null;
    Notification.error(what, {
      autoClose: false,
      actions: [
        ...(cell ? [this._jump(cell, failed?.error?.line ?? null)] : []),
        ...(run.result ? [open] : [])
      ]
    });
  }

  private _jump(cell: string | null, line: number | null): Notification.IAction {
    return {
      label: this._trans.__('Show Failing Cell'),
      displayType: 'accent',
      callback: () => {
        const workflow = this._workflows.all.find(
          each => cell !== null && each.cellSource(cell) !== null
        );
        if (workflow !== undefined && cell !== null) {
          this._app.shell.activateById(workflow.panel.id);
          void workflow.jump(cell, line);
        }
      }
    };
  }

  /** What the notebook says now; null after a word about why that is not known. */
  private async _graph(workflow: INotebookWorkflow): Promise<Graph | null> {
    let graph: Graph | null = null;
    await workflow.panel.context.ready;
    await this.attempt(async () => {
      graph = await this._workflows.api.graph(workflow.path, workflow.graph.read());
    });
    return graph;
  }

  private async _ask(workflow: INotebookWorkflow): Promise<Omit<RunRequest, 'path'> | null> {
    const graph = await this._graph(workflow);
    if (graph === null) {
      return null;
    }
    const form = questions(graph.parameters);
    const key = `nbflow:run:${workflow.path}`;
    const last = { ...FRESH, ...((await this._state?.fetch(key)) as Partial<Wish> | undefined) };
    const steps = graph.steps.map(step => step.name);
    const wish: Wish = {
      ...last,
      answers: beginning(form, last.answers),
      until: steps.includes(last.until) ? last.until : '',
      force: false
    };
    const answer = await this._show(workflow, form, steps, wish);
    if (answer === null) {
      return null;
    }
    await this._state?.save(key, {
      answers: answer.answers,
      jobs: answer.jobs,
      until: answer.until
    });
    return requestOf(workflow.path, form, answer);
  }

  /**
   * The dialog, until it is answered. Lab shows one dialog after the other: where a file is to be
   * chosen, this one goes and comes back with it.
   */
  private async _show(
    workflow: INotebookWorkflow,
    form: readonly Question[],
    steps: readonly string[],
    wish: Wish,
    begin = 'input, select, textarea'
  ): Promise<Wish | null> {
    const trans = this._trans;
    const plan = new PlanModel(this._workflows.api);
    const unsaved = workflow.panel.context.model.dirty;
    let wanted: string | null = null;
    const browse = (name: string) => {
      wanted = name;
      dialog.reject();
    };
    const onBrowse = this._choose ? browse : null;
    const body = new RunForm(workflow.path, form, steps, wish, plan, unsaved, onBrowse, trans);
    const dialog = new Dialog<Wish>({
      title: trans.__('Run as workflow'),
      body,
      focusNodeSelector: begin,
      buttons: [
        Dialog.cancelButton({ label: trans.__('Cancel') }),
        Dialog.okButton({ label: unsaved ? trans.__('Save and Run') : trans.__('Run') })
      ]
    });
    const answer = await dialog.launch();
    plan.dispose();
    if (wanted === null) {
      return answer.button.accept ? answer.value : null;
    }
    const title = trans.__('Choose a file or folder for “%1”', wanted);
    const found = await this._choose?.({ notebook: workflow.path, title });
    const said = body.getValue();
    const answers = found ? { ...said.answers, [wanted]: found } : said.answers;
    return this._show(workflow, form, steps, { ...said, answers }, `#${CSS.escape(idOf(wanted))}`);
  }
}

function short(message: string): string {
  const line = message.split('\n', 1)[0];
  return line.length > 120 ? `${line.slice(0, 119)}…` : line;
}

const OPEN_READ_ONLY = 'nbflow:open-read-only';

/** Result notebooks in a view of their own: read-only, and without a kernel. */
export const results: JupyterFrontEndPlugin<void> = {
  id: 'nbflow:results',
  description: 'Opens the result notebooks of runs, read-only.',
  autoStart: true,
  requires: [
    IWorkflows,
    IDocumentManager,
    IRenderMimeRegistry,
    IEditorServices,
    NotebookPanel.IContentFactory
  ],
  optional: [ITranslator],
  activate: (
    app: JupyterFrontEnd,
    workflows: IWorkflows,
    documents: IDocumentManager,
    rendermime: IRenderMimeRegistry,
    editors: IEditorServices,
    contentFactory: NotebookPanel.IContentFactory,
    translator: ITranslator | null
  ) => {
    const { contents, serverSettings } = app.serviceManager;
    const trans = (translator ?? nullTranslator).load('nbflow');
    contents.addDrive(
      new ResultDrive(workflows.api, path => contents.getDownloadUrl(path), serverSettings)
    );
    app.docRegistry.addWidgetFactory(
      new NotebookWidgetFactory({
        name: RESULT_FACTORY,
        label: trans.__('Workflow Result'),
        modelName: 'notebook',
        fileTypes: ['notebook'],
        readOnly: true,
        preferKernel: false,
        canStartKernel: false,
        rendermime,
        contentFactory,
        mimeTypeService: editors.mimeTypeService,
        editorConfig: StaticNotebook.defaultEditorConfig,
        notebookConfig: StaticNotebook.defaultNotebookConfig,
        translator: translator ?? nullTranslator
      })
    );
    app.commands.addCommand(OPEN_READ_ONLY, {
      execute: args => {
        const path = args.path;
        if (typeof path === 'string' && path.startsWith(`${DRIVE}:`)) {
          const widget = documents.openOrReveal(path, RESULT_FACTORY);
          if (widget !== undefined) {
            widget.addClass('nbflow-Result');
            widget.title.icon = workflowIcon;
            void widget.context.ready.then(async () => {
              lock(widget);
              await go(widget, text(args.cell));
            });
          }
        }
      }
    });
  }
};

/** Lab keeps the file from being saved; the cells would still seem to take what is typed. */
function lock(widget: IDocumentWidget): void {
  if (widget instanceof NotebookPanel) {
    for (const cell of widget.content.widgets) {
      cell.readOnly = true;
    }
    unmark(widget);
    widget.context.model.stateChanged.connect(() => unmark(widget));
  }
}

/** What a notebook notes of itself while it is shown (its language) is nothing to save. */
function unmark(widget: IDocumentWidget): void {
  if (widget.context.model.dirty) {
    widget.context.model.dirty = false;
  }
}

/** To a cell of a result, as an author finds it in the notebook. */
async function go(widget: IDocumentWidget, cell: string | null): Promise<void> {
  if (widget instanceof NotebookPanel && cell !== null) {
    const at = widget.content.widgets.findIndex(each => each.model.id === cell);
    if (at >= 0) {
      widget.content.activeCellIndex = at;
      await widget.content.scrollToItem(at, 'smart');
    }
  }
}
