/**
 * One run: its steps, its log, and how it differs from another one.
 */

import type { TranslationBundle } from '@jupyterlab/translation';
import type { CommandRegistry } from '@lumino/commands';
import React from 'react';

import { CommandIDs } from '../../commands';
import type { HistoryModel } from '../../models/history';
import { stateOf } from '../../models/history';
import { moment, took } from '../../models/words';
import { asRequestError } from '../../request';
import { statusWord } from '../../status';
import type { IWorkflows } from '../../tokens';
import type { Cause, Run, RunDifference, StepResult } from '../../wire';
import { ENDED } from '../../wire';
import { Action, Note, Sign, Tabs } from '../parts';
import { parametersText } from './panel';

interface IProps {
  model: HistoryModel;
  workflows: IWorkflows;
  commands: CommandRegistry;
  trans: TranslationBundle;
}

type View = 'steps' | 'log' | 'diff';

export function RunDetail(props: IProps): React.JSX.Element {
  const { model, commands, trans } = props;
  const [view, setView] = React.useState<View>('steps');
  const [step, setStep] = React.useState('');
  const run = model.shown;
  if (run === null) {
    return <Note>{trans.__('Loading the run …')}</Note>;
  }
  return (
    <section className="nbflow-RunDetail" aria-label={trans.__('The selected run')}>
      <header>
        <Sign state={run.status} trans={trans} />
        <span>
          <strong>{statusWord(run.status, trans)}</strong> {moment(run.started)} {took(run.seconds)}
          <small>{parametersText(run.parameters)}</small>
        </span>
        <Action
          text
          label={trans.__('Open result')}
          disabled={run.result === null}
          onClick={() =>
            void commands.execute(CommandIDs.openResult, { run: run.run, path: model.path })
          }
        />
        <Action
          text
          label={trans.__('Graph')}
          onClick={() =>
            void commands.execute(CommandIDs.showRunGraph, { path: model.path, run: run.run })
          }
        />
        <Action
          text
          label={trans.__('Tables')}
          onClick={() =>
            void commands.execute(CommandIDs.showTables, { run: run.run, path: model.path })
          }
        />
      </header>
      {run.message ? <Note error>{run.message}</Note> : null}
      <Tabs<View>
        label={trans.__('About this run')}
        tabs={[
          { id: 'steps', label: trans.__('Steps') },
          { id: 'log', label: trans.__('Log') },
          { id: 'diff', label: trans.__('Compare') }
        ]}
        current={view}
        onSelect={setView}
      />
      <div className="nbflow-RunDetail-view" role="tabpanel">
        {view === 'steps' ? (
          <Steps
            {...props}
            run={run}
            onLog={name => {
              setStep(name);
              setView('log');
            }}
          />
        ) : view === 'log' ? (
          <Log {...props} run={run} step={step} onStep={setStep} />
        ) : (
          <Difference {...props} run={run} />
        )}
      </div>
    </section>
  );
}

interface IStepsProps extends IProps {
  run: Run;
  onLog: (step: string) => void;
}

function Steps({ model, run, commands, trans, onLog }: IStepsProps): React.JSX.Element {
  return (
    <ul className="nbflow-StepList">
      {run.steps.map(step => (
        <li key={`${step.step} ${step.item ?? ''}`}>
          <Sign state={stateOf(step)} trans={trans} />
          <button
            type="button"
            className="nbflow-Link"
            title={trans.__('Show the cell')}
            onClick={() =>
              void commands.execute(CommandIDs.jump, {
                path: model.path,
                cell: step.cells[0] ?? '',
                line: step.error?.line ?? null
              })
            }
          >
            {step.step}
          </button>
          <span className="nbflow-StepList-why">
            {step.error ? (
              <span className="nbflow-mod-error">{`${step.error.type}: ${step.error.message}`}</span>
            ) : (
              step.message
            )}
          </span>
          <Timeline run={run} step={step} />
          <span className="nbflow-StepList-time">{took(step.seconds)}</span>
          <span className="nbflow-StepList-actions">
            <Action text label={trans.__('Log')} onClick={() => onLog(step.step)} />
            {step.outputs.length > 0 ? (
              <Action
                text
                label={trans.__('Load')}
                onClick={() =>
                  void commands.execute(CommandIDs.loadOutput, {
                    path: model.path,
                    run: run.run,
                    step: step.step
                  })
                }
              />
            ) : null}
          </span>
        </li>
      ))}
    </ul>
  );
}

/** When a step ran, within its run. */
function Timeline({ run, step }: { run: Run; step: StepResult }): React.JSX.Element {
  const whole = run.seconds ?? 0;
  if (run.started === null || step.started === null || whole <= 0 || step.action === 'reuse') {
    return <span className="nbflow-Timeline" aria-hidden="true" />;
  }
  const begin = (Date.parse(step.started) - Date.parse(run.started)) / 1000 / whole;
  const left = Math.min(Math.max(begin, 0), 0.99);
  const width = Math.min(Math.max((step.seconds ?? 0) / whole, 0.01), 1 - left);
  return (
    <span className="nbflow-Timeline" aria-hidden="true">
      <span
        data-state={stateOf(step)}
        style={{ left: `${left * 100}%`, width: `${width * 100}%` }}
      />
    </span>
  );
}

interface ILogProps extends IProps {
  run: Run;
  step: string;
  onStep: (step: string) => void;
}

/** How often a log that still grows is read again. */
const FOLLOW_MS = 2000;

function Log({ model, workflows, run, step, onStep, trans }: ILogProps): React.JSX.Element {
  const [lines, setLines] = React.useState<readonly string[] | null>(null);
  const [error, setError] = React.useState<string | null>(null);
  const end = React.useRef<HTMLPreElement>(null);
  React.useEffect(() => {
    let current = true;
    const read = async () => {
      try {
        const found = await workflows.api.logs(model.at(run.run), step);
        if (current) {
          setLines(found.lines);
          setError(null);
        }
      } catch (reason) {
        if (current) {
          setError(asRequestError(reason).message);
        }
      }
    };
    void read();
    const timer = ENDED.has(run.status) ? 0 : window.setInterval(() => void read(), FOLLOW_MS);
    return () => {
      current = false;
      window.clearInterval(timer);
    };
  }, [run.run, run.status, step]);
  React.useEffect(() => {
    if (!ENDED.has(run.status)) {
      end.current?.scrollTo({ top: end.current.scrollHeight });
    }
  }, [lines]);
  return (
    <>
      <select
        className="jp-mod-styled"
        aria-label={trans.__('Step')}
        value={step}
        onChange={event => onStep(event.target.value)}
      >
        <option value="">{trans.__('all steps')}</option>
        {run.steps.map(each => (
          <option key={each.step} value={each.step}>
            {each.step}
          </option>
        ))}
      </select>
      {error ? <Note error>{error}</Note> : null}
      {lines?.length === 0 ? <Note>{trans.__('Nothing was printed.')}</Note> : null}
      <pre className="nbflow-Log" ref={end} tabIndex={0} aria-label={trans.__('Log')}>
        {lines?.join('\n')}
      </pre>
    </>
  );
}

interface IDifferenceProps extends IProps {
  run: Run;
}

function Difference({ model, workflows, run, trans }: IDifferenceProps): React.JSX.Element {
  const others = model.runs.filter(each => each.run !== run.run && ENDED.has(each.status));
  const [chosen, setOther] = React.useState<string | null>(null);
  const before = others.find(each => (each.started ?? '') < (run.started ?? ''));
  const other = chosen ?? before?.run ?? others[0]?.run;
  const [difference, setDifference] = React.useState<RunDifference | null>(null);
  const [error, setError] = React.useState<string | null>(null);
  React.useEffect(() => {
    let current = true;
    setDifference(null);
    if (other !== undefined) {
      workflows.api.diff(model.path, other, run.run).then(
        found => (current ? setDifference(found) : undefined),
        (reason: unknown) => (current ? setError(asRequestError(reason).message) : undefined)
      );
    }
    return () => {
      current = false;
    };
  }, [run.run, other]);
  if (other === undefined) {
    return <Note>{trans.__('There is no other run to compare with.')}</Note>;
  }
  return (
    <>
      <label className="nbflow-Compare">
        {trans.__('with the run of')}{' '}
        <select
          className="jp-mod-styled"
          value={other}
          onChange={event => setOther(event.target.value)}
        >
          {others.map(each => (
            <option key={each.run} value={each.run}>
              {`${moment(each.started)} ${statusWord(each.status, trans)} ${parametersText(each.parameters)}`}
            </option>
          ))}
        </select>
      </label>
      {error ? <Note error>{error}</Note> : null}
      {difference ? <Differences difference={difference} trans={trans} /> : null}
    </>
  );
}

interface IDifferencesProps {
  difference: RunDifference;
  trans: TranslationBundle;
}

function Differences({ difference, trans }: IDifferencesProps): React.JSX.Element {
  return (
    <>
      <Note>{trans._n('%1 step is the same', '%1 steps are the same', difference.same)}</Note>
      <ul className="nbflow-Differences">
        {difference.steps.map(step => (
          <li key={step.step}>
            <strong>{step.step}</strong>{' '}
            <small>
              {step.before !== step.after
                ? `${step.before ?? trans.__('not there')} → ${step.after ?? trans.__('not there')}`
                : ''}
            </small>
            <ul>
              {step.causes.map((cause, at) => (
                <CauseItem key={at} cause={cause} />
              ))}
              {step.outputs.map(output => (
                <li key={output.name}>{output.message}</li>
              ))}
            </ul>
          </li>
        ))}
      </ul>
    </>
  );
}

function CauseItem({ cause }: { cause: Cause }): React.JSX.Element {
  return (
    <li>
      {cause.message}
      {cause.details.length > 0 ? <pre>{cause.details.join('\n')}</pre> : null}
    </li>
  );
}
