/**
 * The outputs of a run: what there is, its rows, and what is in its columns.
 */

import { Notification } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import { ReactWidget, refreshIcon, tableRowsIcon } from '@jupyterlab/ui-components';
import type { CommandRegistry } from '@lumino/commands';
import React from 'react';

import { CommandIDs } from '../../commands';
import type { TablesModel } from '../../models/tables';
import { PAGE } from '../../models/tables';
import { count } from '../../format';
import { moment, size } from '../../models/words';
import { asRequestError } from '../../request';
import { statusWord } from '../../status';
import type { IWorkflows } from '../../tokens';
import type { StoredOutput, Table } from '../../wire';
import { insertBelow } from '../cells';
import { Action, Grid, Note, Select, shown, Tabs } from '../parts';

export class TablesPanel extends ReactWidget {
  constructor(
    readonly model: TablesModel,
    private readonly _workflows: IWorkflows,
    private readonly _commands: CommandRegistry,
    private readonly _trans: TranslationBundle
  ) {
    super();
    this.addClass('nbflow-Tables');
    model.changed.connect(() => this.update());
  }

  dispose(): void {
    this.model.dispose();
    super.dispose();
  }

  protected render(): React.JSX.Element {
    return (
      <Tables
        model={this.model}
        commands={this._commands}
        trans={this._trans}
        onQuery={name => void this._query(name)}
      />
    );
  }

  /** A cell that selects from a table, below the active one. */
  private async _query(name: string): Promise<void> {
    const workflow = this._workflows.all.find(each => each.path === this.model.path);
    if (workflow === undefined) {
      return;
    }
    try {
      const at = {
        path: workflow.path,
        content: workflow.graph.read(),
        cell: workflow.activeCell
      };
      const { cells } = await this._workflows.api.cook('filter', at, { table: name });
      await insertBelow(workflow.panel, cells);
    } catch (reason) {
      Notification.error(asRequestError(reason).message);
    }
  }
}

interface IProps {
  model: TablesModel;
  commands: CommandRegistry;
  trans: TranslationBundle;
  onQuery: (name: string) => void;
}

function Tables({ model, commands, trans, onQuery }: IProps): React.JSX.Element {
  if (model.known && model.run === null) {
    return (
      <Note>
        {trans.__('This notebook has not run as a workflow yet.')}{' '}
        <Action
          text
          label={trans.__('Run it')}
          onClick={() => void commands.execute(CommandIDs.run, { path: model.path })}
        />
      </Note>
    );
  }
  return (
    <>
      <div className="nbflow-Tables-bar">
        <label>
          {trans.__('Run')}{' '}
          <Select value={model.run ?? ''} onChange={event => void model.show(event.target.value)}>
            {model.runs.map(run => (
              <option key={run.run} value={run.run}>
                {`${moment(run.started)} ${statusWord(run.status, trans)}`}
              </option>
            ))}
          </Select>
        </label>
        <Action
          icon={refreshIcon}
          label={trans.__('Show the latest run')}
          onClick={() => void model.show(null)}
        />
      </div>
      {model.error ? <Note error>{model.error.message}</Note> : null}
      <div className="nbflow-Tables-body">
        <OutputList model={model} trans={trans} />
        {model.selected ? (
          <Output
            key={`${model.run} ${model.selected.step} ${model.selected.name}`}
            model={model}
            output={model.selected}
            commands={commands}
            trans={trans}
            onQuery={onQuery}
          />
        ) : model.known ? (
          <Note>{trans.__('This run has left nothing to look at.')}</Note>
        ) : null}
      </div>
    </>
  );
}

function OutputList({ model, trans }: Pick<IProps, 'model' | 'trans'>): React.JSX.Element {
  const outputs = model.outputs;
  const walk = (event: React.KeyboardEvent) => {
    const by = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0;
    const next = outputs[outputs.findIndex(each => each === model.selected) + by];
    if (by !== 0 && next !== undefined) {
      event.preventDefault();
      void model.select(next);
    }
  };
  return (
    <ul
      className="nbflow-OutputList"
      role="listbox"
      aria-label={trans.__('Outputs of the run')}
      tabIndex={0}
      onKeyDown={walk}
    >
      {outputs.map(output => (
        <li
          key={`${output.step} ${output.name}`}
          role="option"
          aria-selected={output === model.selected}
          data-name={output.name}
          onClick={() => void model.select(output)}
        >
          {output.tabular ? <tableRowsIcon.react tag="span" /> : <span />}
          <span>
            {output.name}
            <small>{output.name === output.step ? '' : output.step}</small>
          </span>
          <small>{measure(output, trans)}</small>
        </li>
      ))}
    </ul>
  );
}

function measure(output: StoredOutput, trans: TranslationBundle): string {
  return output.kind === 'table' && output.rows !== null
    ? trans.__('%1 × %2', count(output.rows), output.columns ?? 0)
    : output.type.split('.').at(-1) || size(output.bytes);
}

type View = 'rows' | 'profile';

interface IOutputProps extends IProps {
  output: StoredOutput;
}

function Output({ model, output, commands, trans, onQuery }: IOutputProps): React.JSX.Element {
  const [view, setView] = React.useState<View>('rows');
  const table = model.table;
  const isTable = output.kind === 'table';
  return (
    <section className="nbflow-Output" aria-label={output.name}>
      <header>
        <strong>{output.name}</strong>
        <small>
          {[measure(output, trans), size(output.bytes), output.step].filter(Boolean).join(' · ')}
        </small>
        <span className="nbflow-Output-actions" role="group" aria-label={trans.__('This output')}>
          {isTable ? (
            <Action
              text
              label={trans.__('SELECT from here')}
              onClick={() => onQuery(output.name)}
            />
          ) : null}
          <Action
            text
            label={trans.__('Load into kernel')}
            onClick={() =>
              void commands.execute(CommandIDs.loadOutput, {
                path: model.path,
                run: model.run ?? '',
                step: output.step
              })
            }
          />
        </span>
      </header>
      {table === null ? (
        <Note>{trans.__('Reading …')}</Note>
      ) : table.columns.length === 0 ? (
        <pre className="nbflow-Log" role="region" tabIndex={0} aria-label={output.name}>
          {table.text}
        </pre>
      ) : (
        <>
          <div className="nbflow-Output-bar">
            <Tabs<View>
              label={trans.__('View')}
              tabs={[
                { id: 'rows', label: trans.__('Rows') },
                { id: 'profile', label: trans.__('Columns') }
              ]}
              current={view}
              onSelect={setView}
            />
            {view === 'rows' ? <Pager model={model} table={table} trans={trans} /> : null}
          </div>
          {view === 'rows' ? (
            <Grid table={table} label={trans.__('Rows of %1', output.name)} />
          ) : (
            <Profile table={table} trans={trans} />
          )}
        </>
      )}
    </section>
  );
}

interface ITableProps {
  table: Table;
  trans: TranslationBundle;
}

function Pager({ model, table, trans }: ITableProps & { model: TablesModel }): React.JSX.Element {
  const first = model.offset + 1;
  const last = model.offset + table.rows.length;
  return (
    <span className="nbflow-Pager">
      <Action
        text
        label={trans.__('Previous')}
        disabled={model.offset === 0}
        onClick={() => void model.page(Math.max(model.offset - PAGE, 0))}
      />
      <span role="status">
        {table.total === 0
          ? trans.__('no rows')
          : trans.__('%1–%2 of %3', count(first), count(last), count(table.total))}
      </span>
      <Action
        text
        label={trans.__('Next')}
        disabled={last >= table.total}
        onClick={() => void model.page(model.offset + PAGE)}
      />
    </span>
  );
}

function Profile({ table, trans }: ITableProps): React.JSX.Element {
  const types = new Map(table.columns.map(column => [column.name, column.type]));
  return (
    <div
      className="nbflow-Grid"
      tabIndex={0}
      role="region"
      aria-label={trans.__('Columns of %1', table.name)}
    >
      <table>
        <thead>
          <tr>
            <th scope="col">{trans.__('Column')}</th>
            <th scope="col">{trans.__('Type')}</th>
            <th scope="col" data-numeric>
              {trans.__('Missing')}
            </th>
            <th scope="col" data-numeric>
              {trans.__('Different')}
            </th>
            <th scope="col">{trans.__('Smallest')}</th>
            <th scope="col">{trans.__('Largest')}</th>
          </tr>
        </thead>
        <tbody>
          {table.profile.map(column => (
            <tr key={column.name}>
              <th scope="row">{column.name}</th>
              <td>{types.get(column.name)}</td>
              <td data-numeric>
                <Share part={column.nulls} of={table.total} />
              </td>
              <td data-numeric>{column.distinct === null ? '' : count(column.distinct)}</td>
              <td>{column.min === null ? '' : shown(column.min)}</td>
              <td>{column.max === null ? '' : shown(column.max)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** How many of how many, as a number and a bar. */
function Share({ part, of }: { part: number; of: number }): React.JSX.Element {
  return (
    <>
      {part === 0 ? <span className="nbflow-mod-dim">0</span> : count(part)}
      <meter min={0} max={Math.max(of, 1)} value={part} aria-hidden="true" />
    </>
  );
}
