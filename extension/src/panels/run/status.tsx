/**
 * The run of the current notebook in the status bar.
 */

import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { IStatusBar, TextItem } from '@jupyterlab/statusbar';
import type { TranslationBundle } from '@jupyterlab/translation';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { ReactWidget } from '@jupyterlab/ui-components';
import type { ISignal } from '@lumino/signaling';
import { Signal } from '@lumino/signaling';
import React from 'react';

import { CommandIDs } from '../../commands';
import { took } from '../../models/words';
import type { INotebookWorkflow } from '../../tokens';
import { IWorkflows } from '../../tokens';
import type { Run, Status } from '../../wire';
import { ENDED } from '../../wire';

export const status: JupyterFrontEndPlugin<void> = {
  id: 'nbflow:status',
  description: 'Shows the run of the current notebook in the status bar.',
  autoStart: true,
  requires: [IWorkflows],
  optional: [IStatusBar, ITranslator],
  activate: (
    app: JupyterFrontEnd,
    workflows: IWorkflows,
    bar: IStatusBar | null,
    translator: ITranslator | null
  ) => {
    if (bar === null) {
      return;
    }
    const trans = (translator ?? nullTranslator).load('nbflow');
    const item = new RunStatus(workflows, trans, () => {
      void app.commands.execute(CommandIDs.showGraph);
    });
    bar.registerStatusItem('nbflow:run-status', {
      item,
      align: 'middle',
      rank: 10,
      isActive: () => item.run !== null,
      activeStateChanged: item.runChanged
    });
  }
};

class RunStatus extends ReactWidget {
  constructor(
    private readonly _workflows: IWorkflows,
    private readonly _trans: TranslationBundle,
    private readonly _open: () => void
  ) {
    super();
    this.addClass('nbflow-Status');
    const follow = (workflow: INotebookWorkflow) =>
      workflow.run.changed.connect(this._onChanged, this);
    _workflows.all.forEach(follow);
    _workflows.opened.connect((_, workflow) => follow(workflow));
    _workflows.currentChanged.connect(this._onChanged, this);
  }

  /** There is a run now, or none any more. */
  get runChanged(): ISignal<this, void> {
    return this._runChanged;
  }

  get run(): Run | null {
    return this._workflows.current?.run.run ?? null;
  }

  protected render(): React.JSX.Element | null {
    const run = this.run;
    if (run === null) {
      return null;
    }
    return (
      <TextItem
        source={told(run, this._trans)}
        title={this._trans.__('Show the workflow')}
        data-state={run.status}
        role="button"
        tabIndex={0}
        onClick={this._open}
        onKeyDown={event => (event.key === 'Enter' ? this._open() : undefined)}
      />
    );
  }

  private _onChanged(): void {
    this._runChanged.emit();
    this.update();
  }

  private readonly _runChanged = new Signal<this, void>(this);
}

function told(run: Run, trans: TranslationBundle): string {
  if (!ENDED.has(run.status)) {
    const done = run.steps.filter(step => ENDED.has(step.status)).length;
    return trans.__('Workflow %1/%2', done, run.steps.length);
  }
  const words: Partial<Record<Status, string>> = {
    succeeded: trans.__('Workflow succeeded'),
    failed: trans.__('Workflow failed'),
    cancelled: trans.__('Workflow cancelled'),
    lost: trans.__('Workflow lost')
  };
  const time = run.seconds === null ? '' : ` ${took(run.seconds)}`;
  return (words[run.status] ?? run.status) + time;
}
