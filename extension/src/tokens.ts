/**
 * What other extensions can use: the models behind the panels.
 */

import type { NotebookPanel } from '@jupyterlab/notebook';
import { Token } from '@lumino/coreutils';
import type { ISignal } from '@lumino/signaling';
import type { Widget } from '@lumino/widgets';

import type { IApi } from './api';
import type { EventFeed } from './models/feed';
import type { OutlookModel } from './models/outlook';
import type { RunModel } from './models/run';
import type { WorkflowModel } from './models/workflow';
import type { Features, Fix } from './wire';

/** An open notebook: what it says, how its latest run goes, and where its cells are. */
export interface INotebookWorkflow {
  readonly panel: NotebookPanel;
  /** The path for the server's routes: without a drive. */
  readonly path: string;
  readonly graph: WorkflowModel;
  readonly run: RunModel;
  /** What its next run would do, as far as that is known. */
  readonly outlook: OutlookModel;
  /** The active cell's id. */
  readonly activeCell: string | null;
  readonly activeCellChanged: ISignal<INotebookWorkflow, string | null>;
  /** Scroll to a cell, make it the active one and, with a line, put the cursor there. */
  jump(cell: string, line?: number | null): Promise<void>;
  /** The text of a cell as it stands, null where there is no such cell. */
  cellSource(cell: string): string | null;
  /** Change a piece of a cell's text (as one step of undo), or a tag; false: it is not there. */
  mend(cell: string, fix: Fix): boolean;
  cellTags(cell: string): readonly string[];
  setCellTags(cell: string, tags: readonly string[]): void;
}

export interface IWorkflows {
  readonly api: IApi;
  readonly feed: EventFeed;
  /** What the server can do; everything is false until it has answered. */
  readonly features: Features;
  readonly featuresChanged: ISignal<IWorkflows, Features>;
  /** The notebook that the user looks at, or looked at last. */
  readonly current: INotebookWorkflow | null;
  readonly currentChanged: ISignal<IWorkflows, INotebookWorkflow | null>;
  of(panel: NotebookPanel): INotebookWorkflow;
  /** All open notebooks. */
  readonly all: readonly INotebookWorkflow[];
  readonly opened: ISignal<IWorkflows, INotebookWorkflow>;
}

export const IWorkflows = new Token<IWorkflows>(
  'nbflow:IWorkflows',
  'The workflows of open notebooks: their graphs and runs.'
);

/** The workflow panel of the side bar, for those who have something to show there. */
export interface IWorkflowPanel {
  /** Add a tab; its name is the widget's `title.label`. The graph has rank 0. */
  addTab(widget: Widget, rank: number): void;
  /** Bring a tab to the front (`CommandIDs.showGraph` shows the panel itself). */
  showTab(widget: Widget): void;
}

export const IWorkflowPanel = new Token<IWorkflowPanel>(
  'nbflow:IWorkflowPanel',
  'The workflow panel of the side bar.'
);
