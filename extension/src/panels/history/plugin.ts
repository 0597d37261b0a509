/**
 * The history of a notebook, below it.
 */

import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette, MainAreaWidget } from '@jupyterlab/apputils';
import { PathExt } from '@jupyterlab/coreutils';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { historyIcon } from '@jupyterlab/ui-components';

import { CommandIDs } from '../../commands';
import { HistoryModel } from '../../models/history';
import { IWorkflows } from '../../tokens';
import { below } from '../place';
import { HistoryPanel } from './panel';

export const history: JupyterFrontEndPlugin<void> = {
  id: 'nbflow:history',
  description: 'Shows the runs of a notebook.',
  autoStart: true,
  requires: [IWorkflows],
  optional: [ITranslator, ICommandPalette],
  activate: (
    app: JupyterFrontEnd,
    workflows: IWorkflows,
    translator: ITranslator | null,
    palette: ICommandPalette | null
  ) => {
    const trans = (translator ?? nullTranslator).load('nbflow');
    const open = new Map<string, MainAreaWidget<HistoryPanel>>();
    const made = (path: string) => {
      const model = new HistoryModel(workflows.api, workflows.feed, path);
      const content = new HistoryPanel(model, workflows, app.commands, trans);
      const widget = new MainAreaWidget({ content });
      widget.id = `nbflow-history-${path}`;
      widget.title.label = trans.__('Runs of %1', PathExt.basename(path));
      widget.title.caption = path;
      widget.title.icon = historyIcon;
      widget.title.closable = true;
      widget.toolbar.hide();
      widget.disposed.connect(() => open.delete(path));
      return widget;
    };
    app.commands.addCommand(CommandIDs.showHistory, {
      label: trans.__('Show Runs'),
      caption: trans.__('Show the runs of this notebook'),
      icon: historyIcon,
      isEnabled: () => workflows.features.runs,
      execute: args => {
        const path = typeof args.path === 'string' ? args.path : workflows.current?.path;
        if (path === undefined) {
          return;
        }
        const widget = open.get(path) ?? made(path);
        open.set(path, widget);
        below(app, widget, workflows);
        if (typeof args.run === 'string') {
          void widget.content.model.select(args.run);
        }
      }
    });
    palette?.addItem({ command: CommandIDs.showHistory, category: trans.__('Workflow') });
  }
};
