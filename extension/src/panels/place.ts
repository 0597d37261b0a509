/**
 * Where panels about a notebook go: into one area below it, as tabs of that.
 */

import type { JupyterFrontEnd } from '@jupyterlab/application';
import { MainAreaWidget } from '@jupyterlab/apputils';
import { PathExt } from '@jupyterlab/coreutils';
import type { LabIcon } from '@jupyterlab/ui-components';
import type { Widget } from '@lumino/widgets';

import type { IWorkflows } from '../tokens';

/** The last one that was put below a notebook and is still there. */
let last: Widget | null = null;

export interface ILook {
  /** The beginning of the widgets' ids. */
  id: string;
  icon: LabIcon;
  /** What a tab says of the notebook with that name. */
  label: (name: string) => string;
}

/** Panels of one kind, one for each notebook. */
export class PanelsBelow<T extends Widget> {
  constructor(
    private readonly _app: JupyterFrontEnd,
    private readonly _workflows: IWorkflows,
    private readonly _look: ILook,
    private readonly _make: (path: string) => T
  ) {}

  /** Bring a notebook's panel to the front, below the current notebook. */
  show(path: string): T {
    const widget = this._open.get(path) ?? this._made(path);
    if (!widget.isAttached) {
      const neighbour = last !== null && last.isAttached ? last : null;
      const notebook = this._workflows.current?.panel.id;
      this._app.shell.add(
        widget,
        'main',
        neighbour
          ? { ref: neighbour.id, mode: 'tab-after', activate: true }
          : { ref: notebook, mode: 'split-bottom', activate: true }
      );
    }
    last = widget;
    this._app.shell.activateById(widget.id);
    return widget.content;
  }

  private _made(path: string): MainAreaWidget<T> {
    const widget = new MainAreaWidget({ content: this._make(path) });
    widget.id = `${this._look.id}-${path}`;
    widget.title.label = this._look.label(PathExt.basename(path));
    widget.title.caption = path;
    widget.title.icon = this._look.icon;
    widget.title.closable = true;
    widget.toolbar.hide();
    widget.disposed.connect(() => this._open.delete(path));
    this._open.set(path, widget);
    return widget;
  }

  private readonly _open = new Map<string, MainAreaWidget<T>>();
}
