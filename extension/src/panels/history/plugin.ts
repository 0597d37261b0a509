/**
 * The history of a notebook, below it.
 */

import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette } from '@jupyterlab/apputils';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { historyIcon } from '@jupyterlab/ui-components';

import { CommandIDs } from '../../commands';
import { HistoryModel } from '../../models/history';
import { IWorkflows } from '../../tokens';
import { PanelsBelow } from '../place';
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
    const panels = new PanelsBelow(
      app,
      workflows,
      {
        id: 'nbflow-history',
        icon: historyIcon,
        label: name => trans.__('Runs of %1', name)
      },
      path =>
        new HistoryPanel(
          new HistoryModel(workflows.api, workflows.feed, path),
          workflows,
          app.commands,
          trans
        )
    );
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
        const panel = panels.show(path);
        if (typeof args.run === 'string') {
          void panel.model.select(args.run);
        }
      }
    });
    app.commands.addCommand(CommandIDs.compareRun, {
      label: trans.__('Compare with Previous Run'),
      caption: trans.__('Show in what this run differs from the one before it'),
      isVisible: args => typeof args.run === 'string',
      isEnabled: () => workflows.features.runs,
      execute: args => {
        if (typeof args.path === 'string' && typeof args.run === 'string') {
          const { model } = panels.show(args.path);
          model.turnTo('diff', typeof args.step === 'string' ? args.step : '');
          void model.select(args.run);
        }
      }
    });
    palette?.addItem({ command: CommandIDs.showHistory, category: trans.__('Workflow') });
  }
};
