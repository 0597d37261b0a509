/**
 * The gallery of steps to add, as a tab of the workflow panel.
 */

import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette } from '@jupyterlab/apputils';
import { IDocumentManager } from '@jupyterlab/docmanager';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { addIcon } from '@jupyterlab/ui-components';

import { CommandIDs } from '../../commands';
import { GalleryModel } from '../../models/gallery';
import { IWorkflowPanel, IWorkflows } from '../../tokens';
import { chooser } from '../choose';
import { pointed } from '../pointed';
import { workflowOf } from '../steps/which';
import { GalleryPanel } from './panel';

const DATA = /\.(csv|tsv|txt|parquet|pq|xlsx|xlsm|xls)(\.(gz|zst))?$/i;

export const gallery: JupyterFrontEndPlugin<void> = {
  id: 'nbflow:gallery',
  description: 'Adds steps by choices.',
  autoStart: true,
  requires: [IWorkflows, IWorkflowPanel, IDocumentManager],
  optional: [ITranslator, ICommandPalette],
  activate: (
    app: JupyterFrontEnd,
    workflows: IWorkflows,
    side: IWorkflowPanel,
    manager: IDocumentManager,
    translator: ITranslator | null,
    palette: ICommandPalette | null
  ) => {
    const trans = (translator ?? nullTranslator).load('nbflow');
    const model = new GalleryModel(workflows.api, () => {
      const workflow = workflows.current;
      return workflow === null
        ? null
        : { path: workflow.path, content: workflow.graph.read(), cell: workflow.activeCell };
    });
    const choose = chooser(manager, translator);
    const browse = () =>
      choose({
        notebook: workflows.current?.path ?? '',
        title: trans.__('Choose a data file'),
        files: DATA
      });
    const panel = new GalleryPanel(model, workflows, browse, trans);
    panel.id = 'nbflow-gallery';
    panel.title.caption = trans.__('Add a step');
    panel.title.label = trans.__('Add step');
    const offer = () => {
      if (workflows.features.recipes && panel.parent === null) {
        side.addTab(panel, 30);
      }
    };
    offer();
    workflows.featuresChanged.connect(offer);
    app.commands.addCommand(CommandIDs.addStep, {
      label: trans.__('Add a Step…'),
      caption: trans.__('Read a file, query, check, draw: by choices'),
      icon: addIcon,
      isEnabled: () => workflows.features.recipes,
      execute: async args => {
        const at = pointed(app, workflows, args);
        if (typeof at.cell === 'string') {
          await workflowOf(workflows, at)?.jump(at.cell); // what is added comes below it
        }
        await app.commands.execute(CommandIDs.showGraph);
        side.showTab(panel);
      }
    });
    palette?.addItem({ command: CommandIDs.addStep, category: trans.__('Workflow') });
  }
};
