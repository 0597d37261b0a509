/**
 * Ways in: the launcher's card, the menu of a file, and cells that become one step.
 */

import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette, Notification } from '@jupyterlab/apputils';
import { IDocumentManager } from '@jupyterlab/docmanager';
import { IFileBrowserFactory } from '@jupyterlab/filebrowser';
import { ILauncher } from '@jupyterlab/launcher';
import type { NotebookPanel } from '@jupyterlab/notebook';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { historyIcon } from '@jupyterlab/ui-components';

import { CommandIDs } from '../../commands';
import { runWorkflowIcon, workflowIcon, workflowImage } from '../../icons';
import { combined, neighbours } from '../../models/combine';
import { asRequestError } from '../../request';
import { IWorkflows } from '../../tokens';
import { pointed } from '../pointed';
import { cellOf, workflowOf } from '../steps/which';

const NEW = 'nbflow:new-notebook';
const FILE_RUN = 'nbflow:file-run';
const FILE_GRAPH = 'nbflow:file-graph';
const FILE_HISTORY = 'nbflow:file-history';
const COMBINE = 'nbflow:combine-with-previous';

export const start: JupyterFrontEndPlugin<void> = {
  id: 'nbflow:start',
  description: 'A launcher card and menu entries for workflows.',
  autoStart: true,
  requires: [IWorkflows, IDocumentManager],
  optional: [ITranslator, ILauncher, IFileBrowserFactory, ICommandPalette],
  activate: (
    app: JupyterFrontEnd,
    workflows: IWorkflows,
    documents: IDocumentManager,
    translator: ITranslator | null,
    launcher: ILauncher | null,
    browsers: IFileBrowserFactory | null,
    palette: ICommandPalette | null
  ) => {
    const trans = (translator ?? nullTranslator).load('nbflow');
    const { commands } = app;
    const { contents } = app.serviceManager;

    commands.addCommand(NEW, {
      label: args => (args.isLauncher ? trans.__('Workflow') : trans.__('New Workflow Notebook')),
      caption: trans.__('A notebook with parameters, SQL, Python and a check, to start from'),
      icon: workflowIcon,
      execute: async args => {
        const cwd = typeof args.cwd === 'string' ? args.cwd : '';
        try {
          const { content } = await workflows.api.template();
          const made = await documents.newUntitled({ path: cwd, type: 'notebook' });
          await contents.save(made.path, { type: 'notebook', format: 'json', content });
          return documents.openOrReveal(made.path);
        } catch (reason) {
          Notification.error(asRequestError(reason).message);
          return undefined;
        }
      }
    });
    launcher?.add({
      command: NEW,
      category: trans.__('Notebook'),
      rank: 50,
      kernelIconUrl: workflowImage,
      args: { isLauncher: true }
    });

    const selected = () => {
      const items = [...(browsers?.tracker.currentWidget?.selectedItems() ?? [])];
      return items.length === 1 && items[0].type === 'notebook' ? items[0].path : null;
    };
    const shown = async (): Promise<NotebookPanel | null> => {
      const path = selected();
      const widget = path === null ? undefined : documents.openOrReveal(path);
      await widget?.context.ready;
      return (widget as NotebookPanel | undefined) ?? null;
    };
    const onFile = (
      id: string,
      label: string,
      icon: typeof workflowIcon,
      execute: () => Promise<unknown>
    ) =>
      commands.addCommand(id, {
        label,
        icon,
        isVisible: () => selected() !== null && workflows.features.runs,
        execute
      });
    onFile(FILE_RUN, trans.__('Run as Workflow…'), runWorkflowIcon, async () => {
      if ((await shown()) !== null) {
        await commands.execute(CommandIDs.run);
      }
    });
    onFile(FILE_GRAPH, trans.__('Open Graph'), workflowIcon, async () => {
      if ((await shown()) !== null) {
        await commands.execute(CommandIDs.showGraph);
      }
    });
    onFile(FILE_HISTORY, trans.__('Show Runs'), historyIcon, async () => {
      const path = selected();
      if (path !== null) {
        await commands.execute(CommandIDs.showHistory, { path: contents.localPath(path) });
      }
    });

    commands.addCommand(COMBINE, {
      label: trans.__('Combine with Previous Step'),
      caption: trans.__('Run this cell and the step above as one step'),
      isEnabled: args => {
        const at = pointed(app, workflows, args);
        const graph = workflowOf(workflows, at)?.graph.graph ?? null;
        return neighbours(graph, cellOf(workflows, at)) !== null;
      },
      execute: args => {
        const at = pointed(app, workflows, args);
        const workflow = workflowOf(workflows, at);
        if (workflow !== null) {
          combined(workflow.graph.graph, cellOf(workflows, at), cell =>
            workflow.cellTags(cell)
          ).forEach((tags, cell) => workflow.setCellTags(cell, tags));
        }
      }
    });
    for (const command of [NEW, COMBINE]) {
      palette?.addItem({ command, category: trans.__('Workflow') });
    }
  }
};
