/**
 * The tables of a notebook's runs, below it.
 */

import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette } from '@jupyterlab/apputils';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { tableRowsIcon } from '@jupyterlab/ui-components';

import { CommandIDs } from '../../commands';
import { TablesModel } from '../../models/tables';
import { IWorkflows } from '../../tokens';
import { PanelsBelow } from '../place';
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
    const panels = new PanelsBelow(
      app,
      workflows,
      {
        id: 'nbflow-tables',
        icon: tableRowsIcon,
        label: name => trans.__('Tables of %1', name)
      },
      path =>
        new TablesPanel(
          new TablesModel(workflows.api, workflows.feed, path),
          workflows,
          app.commands,
          trans
        )
    );
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
        const panel = panels.show(path);
        const text = (value: unknown) => (typeof value === 'string' ? value : null);
        await panel.model.show(text(args.run), text(args.name));
      }
    });
    palette?.addItem({ command: CommandIDs.showTables, category: trans.__('Workflow') });
  }
};
