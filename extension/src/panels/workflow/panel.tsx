/**
 * The workflow panel of the side bar: tabs that all look at the notebook which the user looks at.
 */

import type { TranslationBundle } from '@jupyterlab/translation';
import { ReactWidget } from '@jupyterlab/ui-components';
import type { CommandRegistry } from '@lumino/commands';
import type { Widget } from '@lumino/widgets';
import { BoxLayout, TabPanel, Widget as LuminoWidget } from '@lumino/widgets';
import React from 'react';

import { workflowIcon } from '../../icons';
import type { Direction } from '../../models/layout';
import type { PictureNode } from '../../models/picture';
import type { INotebookWorkflow, IWorkflowPanel, IWorkflows } from '../../tokens';
import type { Features, Schedules } from '../../wire';
import type { ISubject } from './subject';
import { OpenSubject } from './subject';
import { WorkflowView } from './workflow-view';

/** How graphs are drawn, wherever they are. */
export interface IGraphOptions {
  commands: CommandRegistry;
  trans: TranslationBundle;
  direction: () => Direction;
  setDirection: (direction: Direction) => void;
  /** What the server can carry out. */
  features: () => Features;
  schedules: (path: string) => Promise<Schedules>;
  openMenu: (subject: ISubject, node: PictureNode, x: number, y: number) => void;
}

/** The graph of what `subject` says, as a widget. */
export class GraphWidget extends ReactWidget {
  constructor(
    private readonly _subject: () => ISubject | null,
    private readonly _options: IGraphOptions
  ) {
    super();
    this.addClass('nbflow-GraphWidget');
  }

  protected render(): React.JSX.Element {
    const { trans, commands, direction, setDirection, features, schedules, openMenu } =
      this._options;
    const subject = this._subject();
    if (subject === null) {
      return <p className="nbflow-Empty">{trans.__('Open a notebook to see its workflow.')}</p>;
    }
    return (
      <WorkflowView
        subject={subject}
        commands={commands}
        direction={direction()}
        onDirection={setDirection}
        features={features()}
        schedules={schedules}
        openMenu={openMenu}
        trans={trans}
      />
    );
  }
}

export class WorkflowPanel extends LuminoWidget implements IWorkflowPanel {
  constructor(workflows: IWorkflows, options: IGraphOptions) {
    super();
    this.addClass('nbflow-Panel');
    this.title.icon = workflowIcon;
    this.title.caption = options.trans.__('Workflow');
    this.node.setAttribute('role', 'region');
    this.node.setAttribute('aria-label', options.trans.__('Workflow'));

    this.graph = new GraphWidget(() => this._subject(workflows.current), options);
    this.graph.title.label = options.trans.__('Graph');
    workflows.currentChanged.connect(() => this.graph.update());

    this._tabs.addClass('nbflow-PanelTabs');
    const layout = new BoxLayout({ direction: 'top-to-bottom', spacing: 0 });
    BoxLayout.setStretch(this._tabs, 1);
    layout.addWidget(this._tabs);
    this.layout = layout;
    this.addTab(this.graph, 0);
  }

  readonly graph: GraphWidget;

  addTab(widget: Widget, rank: number): void {
    const at = this._ranks.filter(each => each <= rank).length;
    this._ranks.splice(at, 0, rank);
    this._tabs.insertWidget(at, widget);
    this._tabs.currentIndex = 0;
  }

  showTab(widget: Widget): void {
    this._tabs.currentWidget = widget;
  }

  /** One for each notebook, so that what is shown of it stays as it is. */
  private _subject(workflow: INotebookWorkflow | null): ISubject | null {
    if (workflow === null) {
      return null;
    }
    const subject = this._subjects.get(workflow) ?? new OpenSubject(workflow);
    this._subjects.set(workflow, subject);
    return subject;
  }

  private readonly _tabs = new TabPanel({ tabsMovable: false });
  private readonly _ranks: number[] = [];
  private readonly _subjects = new WeakMap<INotebookWorkflow, ISubject>();
}
