/**
 * Where panels about a notebook go: into one area below it, as tabs of that.
 */

import type { JupyterFrontEnd } from '@jupyterlab/application';
import type { Widget } from '@lumino/widgets';

import type { IWorkflows } from '../tokens';

/** The last one that was put below a notebook and is still there. */
let last: Widget | null = null;

/** Show a widget below the current notebook. */
export function below(app: JupyterFrontEnd, widget: Widget, workflows: IWorkflows): void {
  if (!widget.isAttached) {
    const neighbour = last !== null && last.isAttached ? last : null;
    const notebook = workflows.current?.panel.id;
    app.shell.add(
      widget,
      'main',
      neighbour
        ? { ref: neighbour.id, mode: 'tab-after', activate: true }
        : { ref: notebook, mode: 'split-bottom', activate: true }
    );
  }
  last = widget;
  app.shell.activateById(widget.id);
}
