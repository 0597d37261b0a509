/**
 * On request, an open notebook shows what its cells showed in the run.
 */

import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette } from '@jupyterlab/apputils';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';

import { CommandIDs } from '../../commands';
import { outputsIcon } from '../../icons';
import type { INotebookWorkflow } from '../../tokens';
import { IWorkflows } from '../../tokens';
import { attempt } from '../parts';
import { workflowOf } from '../steps/which';
import { OutputsBanner } from './banner';
import { RunOutputs } from './shown';

export const outputs: JupyterFrontEndPlugin<void> = {
  id: 'nbflow:run-outputs',
  description: 'Shows the outputs of a run in the open notebook, without writing them into it.',
  autoStart: true,
  requires: [IWorkflows],
  optional: [ITranslator, ICommandPalette],
  activate: (
    { commands }: JupyterFrontEnd,
    workflows: IWorkflows,
    translator: ITranslator | null,
    palette: ICommandPalette | null
  ) => {
    const trans = (translator ?? nullTranslator).load('nbflow');
    const known = new WeakMap<INotebookWorkflow, RunOutputs>();
    const of = (workflow: INotebookWorkflow) => {
      const found = known.get(workflow) ?? made(workflow);
      known.set(workflow, found);
      return found;
    };

    commands.addCommand(CommandIDs.runOutputs, {
      label: trans.__('Show Outputs of the Run'),
      caption: trans.__('Show what the cells showed in the run; your own outputs are kept'),
      icon: outputsIcon,
      isToggleable: true,
      isToggled: args => {
        const workflow = workflowOf(workflows, args);
        return workflow !== null && (known.get(workflow)?.run ?? null) !== null;
      },
      isEnabled: args => (workflowOf(workflows, args)?.run.run?.result ?? null) !== null,
      execute: args => {
        const workflow = workflowOf(workflows, args);
        const run = workflow?.run.run ?? null;
        return workflow === null || run === null ? undefined : turn(of(workflow), run);
      }
    });
    workflows.all.forEach(follow);
    workflows.opened.connect((_, workflow) => follow(workflow));
    palette?.addItem({ command: CommandIDs.runOutputs, category: trans.__('Workflow') });

    /** Whether there is something to show changes with the run. */
    function follow({ run }: INotebookWorkflow): void {
      run.changed.connect(() => commands.notifyCommandChanged(CommandIDs.runOutputs));
    }

    async function turn(shown: RunOutputs, run: NonNullable<RunOutputs['run']>): Promise<void> {
      if (shown.run === null) {
        await attempt(() => shown.show(run));
      } else {
        shown.hide();
      }
    }

    function made(workflow: INotebookWorkflow): RunOutputs {
      const shown = new RunOutputs(workflow, workflows.api, trans);
      let banner: OutputsBanner | null = null;
      shown.changed.connect(() => {
        banner?.dispose();
        const { run } = shown;
        banner = run && new OutputsBanner(run, acts(shown, run.run), trans);
        if (banner !== null) {
          workflow.panel.contentHeader.insertWidget(0, banner);
        }
        commands.notifyCommandChanged(CommandIDs.runOutputs);
      });
      return shown;
    }

    function acts(shown: RunOutputs, run: string) {
      const { path } = shown.workflow;
      return {
        open: () => void commands.execute(CommandIDs.openResult, { path, run }),
        keepMine: () => shown.hide()
      };
    }
  }
};
