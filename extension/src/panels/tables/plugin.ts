/**
 * The tables of a notebook's runs, below it.
 */

import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette, MainAreaWidget } from '@jupyterlab/apputils';
import { PathExt } from '@jupyterlab/coreutils';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { tableRowsIcon } from '@jupyterlab/ui-components';

import { CommandIDs } from '../../commands';
import { TablesModel } from '../../models/tables';
import { IWorkflows } from '../../tokens';
import { below } from '../place';
import { TablesPanel } from './panel';

export const tables: JupyterFrontEndPlugin<void> = {
  id: 'nbflow:tables',
  description: 'Shows the tables that runs of a notebook left.',
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
    const open = new Map<string, MainAreaWidget<TablesPanel>>();
    const made = (path: string) => {
      const model = new TablesModel(workflows.api, workflows.feed, path);
      const content = new TablesPanel(model, workflows, app.commands, trans);
      const widget = new MainAreaWidget({ content });
      widget.id = `nbflow-tables-${path}`;
      widget.title.label = trans.__('Tables of %1', PathExt.basename(path));
      widget.title.caption = path;
      widget.title.icon = tableRowsIcon;
      widget.title.closable = true;
      widget.toolbar.hide();
      widget.disposed.connect(() => open.delete(path));
      return widget;
    };
    app.commands.addCommand(CommandIDs.showTables, {
      label: trans.__('Show Tables'),
      caption: trans.__('Show the tables that runs of this notebook left'),
      icon: tableRowsIcon,
      isEnabled: () => workflows.features.runs,
      execute: async args => {
        const path = typeof args.path === 'string' ? args.path : workflows.current?.path;
        if (path === undefined) {
          return;
        }
        const widget = open.get(path) ?? made(path);
        open.set(path, widget);
        below(app, widget, workflows);
        const text = (value: unknown) => (typeof value === 'string' ? value : null);
        await widget.content.model.show(text(args.run), text(args.name));
      }
    });
    palette?.addItem({ command: CommandIDs.showTables, category: trans.__('Workflow') });
  }
};
