/**
 * The runs of a notebook: a list, or a matrix of steps and runs; and what is known of one of them.
 */

import { Dialog, showDialog } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import { deleteIcon, ReactWidget, refreshIcon, runIcon } from '@jupyterlab/ui-components';
import type { CommandRegistry } from '@lumino/commands';
import React from 'react';

import { CommandIDs } from '../../commands';
import { keptIcon } from '../../icons';
import type { HistoryModel, Matrix } from '../../models/history';
import { matches, removable, shares, stateOf } from '../../models/history';
import { moment, parametersText, took } from '../../models/words';
import { statusWord } from '../../status';
import type { IWorkflows } from '../../tokens';
import type { RunSummary, Status } from '../../wire';
import { Action, attempt, Note, Select, Sign, Tabs } from '../parts';
import { RunDetail } from './detail';

export class HistoryPanel extends ReactWidget {
  constructor(
    readonly model: HistoryModel,
    private readonly _workflows: IWorkflows,
    private readonly _commands: CommandRegistry,
    private readonly _trans: TranslationBundle
  ) {
    super();
    this.addClass('nbflow-History');
    model.changed.connect(() => this.update());
    void model.begin();
  }

  dispose(): void {
    this.model.dispose();
    super.dispose();
  }

  protected render(): React.JSX.Element {
    return (
      <History
        model={this.model}
        workflows={this._workflows}
        commands={this._commands}
        trans={this._trans}
      />
    );
  }
}

interface IProps {
  model: HistoryModel;
  workflows: IWorkflows;
  commands: CommandRegistry;
  trans: TranslationBundle;
}

type View = 'list' | 'matrix';

const STATUSES: readonly Status[] = ['succeeded', 'failed', 'running', 'cancelled', 'lost'];

function History({ model, workflows, commands, trans }: IProps): React.JSX.Element {
  const [view, setView] = React.useState<View>('list');
  const [status, setStatus] = React.useState('');
  const [words, setWords] = React.useState('');
  const runs = model.runs.filter(run => matches(run, status, words));
  const superfluous = runs.filter(removable);
  React.useEffect(() => {
    if (view === 'matrix') {
      void model.loadMatrix();
    }
  }, [view, model.runs.length]);
  return (
    <>
      <div className="nbflow-History-bar">
        <Tabs<View>
          label={trans.__('View')}
          tabs={[
            { id: 'list', label: trans.__('Runs') },
            { id: 'matrix', label: trans.__('Steps × runs') }
          ]}
          current={view}
          onSelect={setView}
        />
        <Select
          aria-label={trans.__('Runs of which status')}
          value={status}
          onChange={event => setStatus(event.target.value)}
        >
          <option value="">{trans.__('all runs')}</option>
          {STATUSES.map(each => (
            <option key={each} value={each}>
              {statusWord(each, trans)}
            </option>
          ))}
        </Select>
        <input
          className="jp-mod-styled"
          type="search"
          placeholder={trans.__('Filter by parameter, person, name')}
          aria-label={trans.__('Filter the runs')}
          value={words}
          onChange={event => setWords(event.target.value)}
        />
        <Action
          label={trans._n(
            'Delete the run listed here',
            'Delete the %1 runs listed here',
            superfluous.length
          )}
          icon={deleteIcon}
          disabled={superfluous.length === 0}
          onClick={() => void removeAll(model, superfluous, trans)}
        />
        <Action
          label={trans.__('Refresh')}
          icon={refreshIcon}
          onClick={() => void model.refresh()}
        />
      </div>
      {model.error ? <Note error>{model.error.message}</Note> : null}
      {model.known && model.runs.length === 0 ? (
        <Note>
          {trans.__('This notebook has not run as a workflow yet.')}{' '}
          <Action
            text
            icon={runIcon}
            label={trans.__('Run it')}
            onClick={() => void commands.execute(CommandIDs.run, { path: model.path })}
          />
        </Note>
      ) : (
        <div className="nbflow-History-body">
          {view === 'list' ? (
            <RunList model={model} runs={runs} trans={trans} />
          ) : (
            <RunMatrix model={model} matrix={model.matrix()} trans={trans} />
          )}
          {model.selected !== null ? (
            <RunDetail
              key={model.selected}
              model={model}
              workflows={workflows}
              commands={commands}
              trans={trans}
            />
          ) : null}
        </div>
      )}
    </>
  );
}

interface IListProps {
  model: HistoryModel;
  runs: readonly RunSummary[];
  trans: TranslationBundle;
}

function RunList({ model, runs, trans }: IListProps): React.JSX.Element {
  const lengths = shares(runs);
  const walk = (event: React.KeyboardEvent) => {
    const by = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0;
    const next = runs[runs.findIndex(run => run.run === model.selected) + by];
    if (by !== 0 && next !== undefined) {
      event.preventDefault();
      void model.select(next.run);
    }
  };
  return (
    <ul
      className="nbflow-RunList"
      role="listbox"
      aria-label={trans.__('Runs, newest first')}
      tabIndex={0}
      aria-activedescendant={model.selected ? `nbflow-run-${model.selected}` : undefined}
      onKeyDown={walk}
    >
      {runs.map((run, at) => (
        <li
          key={run.run}
          id={`nbflow-run-${run.run}`}
          role="option"
          aria-selected={run.run === model.selected}
          data-run={run.run}
          data-state={run.status}
          onClick={() => void model.select(run.run)}
        >
          <Sign state={run.status} trans={trans} />
          <span className="nbflow-RunList-what">
            <span>
              {run.label || moment(run.started) || statusWord(run.status, trans)}
              {run.kept ? (
                <keptIcon.react
                  tag="span"
                  className="nbflow-RunList-kept"
                  title={trans.__('kept')}
                />
              ) : null}
            </span>
            <small>
              {[run.label ? moment(run.started) : '', parametersText(run.parameters)]
                .filter(Boolean)
                .join(' · ')}
            </small>
          </span>
          <span className="nbflow-RunList-bar" aria-hidden="true">
            <span style={{ width: `${Math.max(lengths[at] * 100, 1)}%` }} data-state={run.status} />
          </span>
          <span className="nbflow-RunList-numbers">
            <span>{took(run.seconds)}</span>
            <small>{reusedText(run, trans)}</small>
          </span>
        </li>
      ))}
    </ul>
  );
}

function reusedText(run: RunSummary, trans: TranslationBundle): string {
  const reused = run.counts?.reused ?? 0;
  return reused > 0 ? trans.__('%1 reused', reused) : '';
}

/** Delete all these, after a word of warning. */
async function removeAll(
  model: HistoryModel,
  runs: readonly RunSummary[],
  trans: TranslationBundle
): Promise<void> {
  const answer = await showDialog({
    title: trans._n('Delete the run?', 'Delete %1 runs?', runs.length),
    body: trans.__(
      'Their result notebooks and logs are deleted. Runs that are kept, and the notebook, are not.'
    ),
    buttons: [
      Dialog.cancelButton({ label: trans.__('Cancel') }),
      Dialog.warnButton({ label: trans.__('Delete') })
    ]
  });
  if (answer.button.accept) {
    await attempt(() => model.remove(...runs.map(run => run.run)));
  }
}

interface IMatrixProps {
  model: HistoryModel;
  matrix: Matrix;
  trans: TranslationBundle;
}

/** Each run a column, as high as it took long; each step a row. */
function RunMatrix({ model, matrix, trans }: IMatrixProps): React.JSX.Element {
  const lengths = shares(matrix.runs);
  return (
    <div
      className="nbflow-Matrix"
      tabIndex={0}
      role="region"
      aria-label={trans.__('Steps and runs')}
    >
      <table>
        <thead>
          <tr>
            <th scope="col">{trans.__('Step')}</th>
            {matrix.runs.map((run, at) => (
              <th key={run.run} scope="col" data-selected={run.run === model.selected}>
                <button
                  type="button"
                  title={`${moment(run.started)} · ${statusWord(run.status, trans)} · ${took(run.seconds)}`}
                  aria-label={`${moment(run.started)} ${statusWord(run.status, trans)}`}
                  aria-pressed={run.run === model.selected}
                  onClick={() => void model.select(run.run)}
                >
                  <span
                    data-state={run.status}
                    style={{ height: `${Math.max(lengths[at] * 100, 4)}%` }}
                  />
                </button>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {matrix.steps.map(({ name, results }) => (
            <tr key={name}>
              <th scope="row" title={name}>
                {name}
              </th>
              {results.map((result, at) => (
                <td key={at} data-selected={matrix.runs[at].run === model.selected}>
                  {result === null ? null : (
                    <span title={`${result.message} ${took(result.seconds)}`.trim()}>
                      <Sign state={stateOf(result)} trans={trans} />
                    </span>
                  )}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
