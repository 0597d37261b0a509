/**
 * What the server found in the notebook: each with a way to its line and, where one exists, a fix.
 */

import type { TranslationBundle } from '@jupyterlab/translation';
import { ReactWidget } from '@jupyterlab/ui-components';
import React from 'react';

import { useSignals } from '../../hooks';
import type { INotebookWorkflow, IWorkflows } from '../../tokens';
import type { Diagnostic, Fix, Severity } from '../../wire';

export class ProblemsWidget extends ReactWidget {
  constructor(
    private readonly _workflows: IWorkflows,
    private readonly _trans: TranslationBundle
  ) {
    super();
    this.addClass('nbflow-Problems');
    _workflows.currentChanged.connect(() => this.update());
  }

  protected render(): React.JSX.Element {
    const { current } = this._workflows;
    return current === null ? (
      <p className="nbflow-Empty">
        {this._trans.__('Open a notebook to see what was found in it.')}
      </p>
    ) : (
      <Problems key={current.path} workflow={current} trans={this._trans} />
    );
  }
}

const ORDER: readonly Severity[] = ['error', 'warning', 'info'];

function Problems({ workflow, trans }: { workflow: INotebookWorkflow; trans: TranslationBundle }) {
  useSignals(workflow.graph.changed);
  const found = [
    ...(workflow.graph.graph?.diagnostics ?? []),
    ...(workflow.graph.error?.diagnostics ?? [])
  ].sort(
    (a, b) =>
      ORDER.indexOf(a.severity) - ORDER.indexOf(b.severity) ||
      (a.cell_index ?? -1) - (b.cell_index ?? -1)
  );
  if (found.length === 0) {
    return <p className="nbflow-Empty">{trans.__('Nothing was found: this notebook can run.')}</p>;
  }
  return (
    <ul className="nbflow-Problems-list">
      {found.map((each, at) => (
        <Problem key={at} found={each} workflow={workflow} trans={trans} />
      ))}
    </ul>
  );
}

interface IProblemProps {
  found: Diagnostic;
  workflow: INotebookWorkflow;
  trans: TranslationBundle;
}

function Problem({ found, workflow, trans }: IProblemProps): React.JSX.Element {
  const { cell, fix } = found;
  return (
    <li className={`nbflow-Problem nbflow-mod-${found.severity}`} data-code={found.code}>
      <button
        className="nbflow-Problem-message"
        disabled={cell === null}
        onClick={() => cell !== null && void workflow.jump(cell, found.line)}
      >
        <span className="nbflow-Problem-mark" aria-label={found.severity} role="img" />
        <span>
          {found.message}
          {found.hint && <span className="nbflow-Problem-hint">{found.hint}</span>}
          <span className="nbflow-Problem-place">
            {found.cell_index !== null &&
              (found.line === null
                ? trans.__('cell %1', found.cell_index + 1)
                : trans.__('cell %1, line %2', found.cell_index + 1, found.line))}{' '}
            {found.code}
          </span>
        </span>
      </button>
      {cell !== null && fix !== null && (
        <button
          className="nbflow-Problem-fix jp-mod-styled jp-Button"
          title={fixWords(fix, trans)}
          onClick={() => {
            workflow.mend(cell, fix);
            void workflow.jump(cell, fix.line);
          }}
        >
          {trans.__('Fix')}
        </button>
      )}
    </li>
  );
}

/** What a fix does. A change of the text can be undone in the cell as if it had been typed. */
function fixWords(fix: Fix, trans: TranslationBundle): string {
  return fix.new === ''
    ? trans.__('Remove %1', fix.old.trim())
    : trans.__('Write %1 instead of %2', fix.new, fix.old);
}
