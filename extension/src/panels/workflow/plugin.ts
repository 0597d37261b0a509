/**
 * The workflow panel in the right side bar, and graphs as tabs of the main area.
 */

import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ILayoutRestorer } from '@jupyterlab/application';
import { ICommandPalette, MainAreaWidget } from '@jupyterlab/apputils';
import { IDocumentManager } from '@jupyterlab/docmanager';
import { ISettingRegistry } from '@jupyterlab/settingregistry';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';

import { CommandIDs } from '../../commands';
import { workflowIcon } from '../../icons';
import type { Direction } from '../../models/layout';
import { IWorkflowPanel, IWorkflows } from '../../tokens';
import { openStepMenu } from '../steps/menu';
import { workflowOf } from '../steps/which';
import type { IGraphOptions } from './panel';
import { GraphWidget, WorkflowPanel } from './panel';
import { ProblemsWidget } from './problems';
import type { ISubject } from './subject';
import { OpenSubject, RunSubject } from './subject';

const ID = 'nbflow:workflow-panel';

export const workflowPanel: JupyterFrontEndPlugin<IWorkflowPanel> = {
  id: ID,
  description: 'Shows the graph of the open notebook.',
  autoStart: true,
  provides: IWorkflowPanel,
  requires: [IWorkflows],
  optional: [ITranslator, ILayoutRestorer, ICommandPalette, ISettingRegistry, IDocumentManager],
  activate: (
    app: JupyterFrontEnd,
    workflows: IWorkflows,
    translator: ITranslator | null,
    restorer: ILayoutRestorer | null,
    palette: ICommandPalette | null,
    settings: ISettingRegistry | null,
    documents: IDocumentManager | null
  ) => {
    const trans = (translator ?? nullTranslator).load('nbflow');
    const { commands, shell } = app;
    const drawn = new Set<GraphWidget>();
    const direction = kept(settings, () => drawn.forEach(widget => widget.update()));
    const options: IGraphOptions = {
      commands,
      trans,
      direction: direction.get,
      setDirection: direction.set,
      features: () => workflows.features,
      schedules: path => workflows.api.schedules(path),
      openMenu: (subject, node, x, y) => {
        if (node.kind === 'step' && subject.workflow !== null) {
          const { path } = subject.workflow;
          openStepMenu(commands, { path, step: node.label, run: subject.run?.run ?? null }, x, y);
        }
      }
    };

    workflows.featuresChanged.connect(() => drawn.forEach(widget => widget.update()));

    const panel = new WorkflowPanel(workflows, options);
    panel.id = 'nbflow-workflow';
    drawn.add(panel.graph);
    shell.add(panel, 'right', { rank: 900, type: 'Workflow' });
    restorer?.add(panel, panel.id);
    addProblems();

    commands.addCommand(CommandIDs.showGraph, {
      label: args => (args.menu ? trans.__('Open Graph') : trans.__('Show Workflow')),
      caption: trans.__('Show the graph of the notebook in the side bar'),
      icon: workflowIcon,
      execute: async args => {
        if (typeof args.path === 'string' && workflowOf(workflows, args) === null) {
          await documents?.openOrReveal(args.path)?.context.ready;
        }
        shell.activateById(panel.id);
        panel.showTab(panel.graph);
      }
    });
    commands.addCommand(CommandIDs.openGraph, {
      label: trans.__('Open Graph in a Tab'),
      caption: trans.__('Show the graph of the notebook in the main area'),
      icon: workflowIcon,
      isEnabled: () => workflows.current !== null,
      execute: args => {
        const workflow = workflowOf(workflows, args);
        if (workflow !== null) {
          const title = trans.__('%1 (graph)', workflow.path.split('/').at(-1));
          const widget = openTab(
            `nbflow-graph-${workflow.panel.id}`,
            new OpenSubject(workflow),
            title
          );
          workflow.panel.disposed.connect(() => widget.dispose());
        }
      }
    });
    commands.addCommand(CommandIDs.showRunGraph, {
      label: trans.__('Show the Run in the Graph'),
      isVisible: args => typeof args.run === 'string',
      execute: args => {
        const run = args.run as string;
        const path = typeof args.path === 'string' ? args.path : workflows.current?.path;
        if (path !== undefined) {
          const title = trans.__('%1 (run)', path.split('/').at(-1));
          openTab(`nbflow-run-${run}`, new RunSubject(workflows.api, { path, run }), title);
        }
      }
    });
    for (const command of [CommandIDs.showGraph, CommandIDs.openGraph]) {
      palette?.addItem({ command, category: trans.__('Workflow') });
    }
    return panel;

    function addProblems(): void {
      const problems = new ProblemsWidget(workflows, trans);
      const label = () => {
        const count = workflows.current?.graph.graph?.diagnostics.length ?? 0;
        problems.title.label = count === 0 ? trans.__('Problems') : trans.__('Problems %1', count);
      };
      label();
      workflows.currentChanged.connect(label);
      workflows.all.forEach(each => each.graph.changed.connect(label));
      workflows.opened.connect((_, workflow) => workflow.graph.changed.connect(label));
      panel.addTab(problems, 10);
    }

    /** A graph as a tab beside the notebooks; one that is open already comes to the front. */
    function openTab(id: string, subject: ISubject, label: string): MainAreaWidget<GraphWidget> {
      const open = [...shell.widgets('main')].find(each => each.id === id);
      if (open instanceof MainAreaWidget) {
        shell.activateById(id);
        return open as MainAreaWidget<GraphWidget>;
      }
      const content = new GraphWidget(() => subject, options);
      const widget = new MainAreaWidget({ content });
      widget.id = id;
      widget.title.label = label;
      widget.title.icon = workflowIcon;
      widget.title.closable = true;
      drawn.add(content);
      content.disposed.connect(() => drawn.delete(content));
      shell.add(widget, 'main', { mode: 'split-right', type: 'Workflow' });
      shell.activateById(widget.id);
      return widget;
    }
  }
};

/** The direction in which graphs are drawn, as the settings keep it. */
function kept(settings: ISettingRegistry | null, changed: () => void) {
  let direction: Direction = 'TB';
  const loaded = settings?.load(ID);
  const take = (found: ISettingRegistry.ISettings) => {
    direction = found.get('direction').composite === 'LR' ? 'LR' : 'TB';
    changed();
  };
  void loaded?.then(found => {
    take(found);
    found.changed.connect(take);
  });
  return {
    get: () => direction,
    set: (wanted: Direction) => {
      direction = wanted;
      changed();
      void loaded?.then(found => found.set('direction', wanted));
    }
  };
}
