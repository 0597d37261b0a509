/**
 * The workflow panel.
 */

import type { TranslationBundle } from '@jupyterlab/translation';
import { ReactWidget } from '@jupyterlab/ui-components';
import React from 'react';

import type { IWorkflows } from '../../tokens';

export class WorkflowPanel extends ReactWidget {
  constructor(
    private readonly _workflows: IWorkflows,
    private readonly _trans: TranslationBundle
  ) {
    super();
    this.addClass('nbflow-Panel');
    _workflows.currentChanged.connect(() => this.update());
    _workflows.opened.connect((_, workflow) => workflow.graph.changed.connect(() => this.update()));
  }

  protected render(): React.JSX.Element {
    const graph = this._workflows.current?.graph.graph;
    return (
      <ul>
        {graph?.steps.map(step => <li key={step.id}>{step.name}</li>) ?? (
          <li>{this._trans.__('Open a notebook to see its workflow.')}</li>
        )}
      </ul>
    );
  }
}
