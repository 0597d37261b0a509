/**
 * The workflow panel in the right side bar.
 */

import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ILayoutRestorer } from '@jupyterlab/application';
import { ICommandPalette } from '@jupyterlab/apputils';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';

import { CommandIDs } from '../../commands';
import { workflowIcon } from '../../icons';
import { IWorkflows } from '../../tokens';
import { WorkflowPanel } from './panel';

export const workflowPanel: JupyterFrontEndPlugin<void> = {
  id: 'nbflow:workflow-panel',
  description: 'Shows the graph of the open notebook.',
  autoStart: true,
  requires: [IWorkflows],
  optional: [ITranslator, ILayoutRestorer, ICommandPalette],
  activate: (
    app: JupyterFrontEnd,
    workflows: IWorkflows,
    translator: ITranslator | null,
    restorer: ILayoutRestorer | null,
    palette: ICommandPalette | null
  ) => {
    const trans = (translator ?? nullTranslator).load('nbflow');
    const panel = new WorkflowPanel(workflows, trans);
    panel.id = 'nbflow-workflow';
    panel.title.icon = workflowIcon;
    panel.title.caption = trans.__('Workflow');
    app.shell.add(panel, 'right', { rank: 900, type: 'nbflow' });
    restorer?.add(panel, 'nbflow-workflow');

    app.commands.addCommand(CommandIDs.showGraph, {
      label: trans.__('Show Workflow'),
      caption: trans.__('Show the graph of the notebook in the side bar'),
      icon: workflowIcon,
      execute: () => app.shell.activateById(panel.id)
    });
    palette?.addItem({ command: CommandIDs.showGraph, category: trans.__('Workflow') });
  }
};
