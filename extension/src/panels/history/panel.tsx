/**
 * The runs of a notebook: a list, or a matrix of steps and runs; and what is known of one of them.
 */

import { Dialog, Notification, showDialog } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import { deleteIcon, ReactWidget, refreshIcon, runIcon, stopIcon } from '@jupyterlab/ui-components';
import type { CommandRegistry } from '@lumino/commands';
import React from 'react';

import { CommandIDs } from '../../commands';
import type { HistoryModel, Matrix } from '../../models/history';
import { resumable, shares, stateOf } from '../../models/history';
import { moment, took } from '../../models/words';
import { asRequestError } from '../../request';
import { statusWord } from '../../status';
import type { IWorkflows } from '../../tokens';
import type { RunSummary, Value } from '../../wire';
import { ENDED } from '../../wire';
import { Action, Note, Sign, Tabs } from '../parts';
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
    void this._begin();
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

  private async _begin(): Promise<void> {
    await this.model.refresh();
    const newest = this.model.runs[0];
    if (newest !== undefined && this.model.selected === null) {
      await this.model.select(newest.run);
    }
  }
}

interface IProps {
  model: HistoryModel;
  workflows: IWorkflows;
  commands: CommandRegistry;
  trans: TranslationBundle;
}

type View = 'list' | 'matrix';

function History({ model, workflows, commands, trans }: IProps): React.JSX.Element {
  const [view, setView] = React.useState<View>('list');
  const [filter, setFilter] = React.useState('');
  const runs = model.runs.filter(run => matches(run, filter));
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
        <input
          className="jp-mod-styled"
          type="search"
          placeholder={trans.__('Filter by status or parameter')}
          aria-label={trans.__('Filter the runs')}
          value={filter}
          onChange={event => setFilter(event.target.value)}
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
      ) : null}
      <div className="nbflow-History-body">
        {view === 'list' ? (
          <RunList model={model} runs={runs} commands={commands} trans={trans} />
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
    </>
  );
}

function matches(run: RunSummary, filter: string): boolean {
  const words = filter.toLowerCase().split(/\s+/).filter(Boolean);
  const text = [run.status, run.trigger, run.actor, parametersText(run.parameters), run.run]
    .join(' ')
    .toLowerCase();
  return words.every(word => text.includes(word));
}

/** `day 2026-03-14, top 5`. */
export function parametersText(parameters: Record<string, Value>): string {
  return Object.entries(parameters)
    .map(([name, value]) => `${name} ${typeof value === 'string' ? value : JSON.stringify(value)}`)
    .join(', ');
}

interface IListProps {
  model: HistoryModel;
  runs: readonly RunSummary[];
  commands: CommandRegistry;
  trans: TranslationBundle;
}

function RunList({ model, runs, commands, trans }: IListProps): React.JSX.Element {
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
            <span>{moment(run.started) || statusWord(run.status, trans)}</span>
            <small>{parametersText(run.parameters)}</small>
          </span>
          <span className="nbflow-RunList-bar" aria-hidden="true">
            <span style={{ width: `${Math.max(lengths[at] * 100, 1)}%` }} data-state={run.status} />
          </span>
          <span className="nbflow-RunList-numbers">
            <span>{took(run.seconds)}</span>
            <small>{reusedText(run, trans)}</small>
          </span>
          <RunActions model={model} run={run} commands={commands} trans={trans} />
        </li>
      ))}
    </ul>
  );
}

function reusedText(run: RunSummary, trans: TranslationBundle): string {
  const reused = run.counts?.reused ?? 0;
  return reused > 0 ? trans.__('%1 reused', reused) : '';
}

interface IActionsProps {
  model: HistoryModel;
  run: RunSummary;
  commands: CommandRegistry;
  trans: TranslationBundle;
}

function RunActions({ model, run, commands, trans }: IActionsProps): React.JSX.Element {
  const ended = ENDED.has(run.status);
  return (
    <span className="nbflow-RunList-actions" onClick={event => event.stopPropagation()}>
      {ended ? (
        <>
          {resumable(run) ? (
            <Action
              text
              label={trans.__('Resume')}
              onClick={() =>
                void commands.execute(CommandIDs.resume, {
                  path: model.path,
                  run: run.run,
                  latestCode: true
                })
              }
            />
          ) : null}
          <Action
            icon={runIcon}
            label={trans.__('Run again with the same parameters')}
            onClick={() =>
              void commands.execute(CommandIDs.run, {
                path: model.path,
                parameters: run.parameters
              })
            }
          />
          <Action
            icon={deleteIcon}
            label={trans.__('Delete this run')}
            onClick={() => void remove(model, run, trans)}
          />
        </>
      ) : (
        <Action
          icon={stopIcon}
          label={trans.__('Cancel')}
          onClick={() => void commands.execute(CommandIDs.cancel, { path: model.path })}
        />
      )}
    </span>
  );
}

async function remove(
  model: HistoryModel,
  run: RunSummary,
  trans: TranslationBundle
): Promise<void> {
  const answer = await showDialog({
    title: trans.__('Delete the run of %1?', moment(run.started)),
    body: trans.__('Its result notebook and its logs are deleted. The notebook itself is not.'),
    buttons: [
      Dialog.cancelButton({ label: trans.__('Cancel') }),
      Dialog.warnButton({ label: trans.__('Delete') })
    ]
  });
  if (answer.button.accept) {
    try {
      await model.remove(run.run);
    } catch (reason) {
      Notification.error(asRequestError(reason).message);
    }
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
              <th key={run.run} scope="col" aria-selected={run.run === model.selected}>
                <button
                  type="button"
                  title={`${moment(run.started)} · ${statusWord(run.status, trans)} · ${took(run.seconds)}`}
                  aria-label={`${moment(run.started)} ${statusWord(run.status, trans)}`}
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
                <td key={at} aria-selected={matrix.runs[at].run === model.selected}>
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
