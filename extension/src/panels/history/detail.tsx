/**
 * One run: its steps, its log, and how it differs from another one.
 */

import { Dialog, InputDialog, showDialog } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import { deleteIcon, runIcon, stopIcon } from '@jupyterlab/ui-components';
import type { CommandRegistry } from '@lumino/commands';
import React from 'react';

import { CommandIDs } from '../../commands';
import { useAnswer } from '../../hooks';
import { keepIcon, keptIcon } from '../../icons';
import type { HistoryModel, RunView } from '../../models/history';
import { removable, resumable, stateOf } from '../../models/history';
import { changedParameters, moment, parametersText, took } from '../../models/words';
import { asRequestError } from '../../request';
import { statusWord } from '../../status';
import type { IWorkflows } from '../../tokens';
import type { Cause, Run, RunDifference } from '../../wire';
import { ENDED } from '../../wire';
import { Action, attempt, Note, Select, Sign, Tabs } from '../parts';
import { Timeline } from './timeline';

interface IProps {
  model: HistoryModel;
  workflows: IWorkflows;
  commands: CommandRegistry;
  trans: TranslationBundle;
}

export function RunDetail(props: IProps): React.JSX.Element {
  const { model, commands, trans } = props;
  const { view, step, shown: run } = model;
  if (run === null) {
    return <Note>{trans.__('Loading the run …')}</Note>;
  }
  return (
    <section className="nbflow-RunDetail" aria-label={trans.__('The selected run')}>
      <header>
        <Sign state={run.status} trans={trans} />
        <span className="nbflow-RunDetail-what">
          <span>
            <strong>{run.label || statusWord(run.status, trans)}</strong>
            {[moment(run.started), took(run.seconds)].filter(Boolean).map(each => ` · ${each}`)}
          </span>
          <small>
            {[parametersText(run.parameters), startedBy(run, trans)].filter(Boolean).join(' · ')}
            <Since {...props} run={run} />
          </small>
        </span>
        <span className="nbflow-RunDetail-actions" role="group" aria-label={trans.__('This run')}>
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
          <RunActions {...props} run={run} />
        </span>
      </header>
      {run.message ? <Note error>{run.message}</Note> : null}
      <Tabs<RunView>
        label={trans.__('About this run')}
        tabs={[
          { id: 'steps', label: trans.__('Steps') },
          { id: 'time', label: trans.__('Timeline') },
          { id: 'log', label: trans.__('Log') },
          { id: 'diff', label: trans.__('Compare') }
        ]}
        current={view}
        onSelect={each => model.turnTo(each, step)}
      />
      <div className="nbflow-RunDetail-view" role="tabpanel">
        {view === 'steps' ? (
          <Steps {...props} run={run} onLog={name => model.turnTo('log', name)} />
        ) : view === 'time' ? (
          <Timeline {...props} run={run} />
        ) : view === 'log' ? (
          <Log {...props} run={run} step={step} onStep={name => model.turnTo('log', name)} />
        ) : (
          <Difference {...props} run={run} />
        )}
      </div>
    </section>
  );
}

/** Who, or what, wanted the run. */
function startedBy(run: Run, trans: TranslationBundle): string {
  const by = run.actor ? trans.__('by %1', run.actor) : '';
  return run.trigger === 'manual' ? by : [run.trigger, by].filter(Boolean).join(' ');
}

interface IRunProps extends IProps {
  run: Run;
}

/** How far the notebook, if it is open, has moved away from what was run. */
function Since({ model, workflows, commands, run, trans }: IRunProps): React.JSX.Element | null {
  const workflow = workflows.all.find(each => each.path === model.path);
  const { answer } = useAnswer(async () => {
    return workflow ? workflows.api.changes(model.at(run.run), workflow.graph.read()) : null;
  }, [run.run, workflow]);
  if (answer === null) {
    return null;
  }
  const there = [...answer.changed, ...answer.added];
  const count = there.length + answer.removed.length;
  if (count === 0) {
    return <>{trans.__(' · the notebook is still the same')}</>;
  }
  const told = trans._n('%1 cell changed since', '%1 cells changed since', count);
  return (
    <>
      {' · '}
      {there.length === 0 ? (
        told
      ) : (
        <button
          type="button"
          className="nbflow-Link"
          onClick={() =>
            void commands.execute(CommandIDs.jump, { path: model.path, cell: there[0], line: null })
          }
        >
          {told}
        </button>
      )}
    </>
  );
}

function RunActions({ model, run, commands, trans }: IRunProps): React.JSX.Element {
  if (!ENDED.has(run.status)) {
    return (
      <Action
        icon={stopIcon}
        label={trans.__('Cancel')}
        onClick={() => void commands.execute(CommandIDs.cancel, { path: model.path })}
      />
    );
  }
  const at = { path: model.path, run: run.run };
  return (
    <>
      {resumable(run) ? (
        <Action
          text
          label={trans.__('Resume')}
          onClick={() => void commands.execute(CommandIDs.resume, { ...at, latestCode: true })}
        />
      ) : null}
      <Action
        icon={runIcon}
        label={trans.__('Run again with the same parameters')}
        onClick={() =>
          void commands.execute(CommandIDs.run, { path: model.path, parameters: run.parameters })
        }
      />
      <Action
        icon={run.kept ? keptIcon : keepIcon}
        label={run.kept ? trans.__('Do not keep this run any longer') : trans.__('Keep this run…')}
        pressed={run.kept}
        onClick={() => void keep(model, run, trans)}
      />
      <Action
        icon={deleteIcon}
        label={trans.__('Delete this run')}
        disabled={!removable(run)}
        onClick={() => void remove(model, run, trans)}
      />
    </>
  );
}

async function keep(model: HistoryModel, run: Run, trans: TranslationBundle): Promise<void> {
  if (run.kept) {
    await attempt(() => model.keep(run.run, false, ''));
    return;
  }
  const answer = await InputDialog.getText({
    title: trans.__('Keep this run'),
    label: trans.__('It cannot be deleted while it is kept. A name for it, if you like:'),
    text: run.label,
    okLabel: trans.__('Keep')
  });
  if (answer.button.accept) {
    await attempt(() => model.keep(run.run, true, answer.value?.trim() ?? ''));
  }
}

async function remove(model: HistoryModel, run: Run, trans: TranslationBundle): Promise<void> {
  const answer = await showDialog({
    title: trans.__('Delete the run of %1?', moment(run.started)),
    body: trans.__('Its result notebook and its logs are deleted. The notebook itself is not.'),
    buttons: [
      Dialog.cancelButton({ label: trans.__('Cancel') }),
      Dialog.warnButton({ label: trans.__('Delete') })
    ]
  });
  if (answer.button.accept) {
    await attempt(() => model.remove(run.run));
  }
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
          <span className="nbflow-StepList-time">{took(step.seconds)}</span>
          <span className="nbflow-StepList-actions">
            <Action text label={trans.__('Log')} onClick={() => onLog(step.step)} />
            {run.result !== null && step.cells.length > 0 ? (
              <Action
                text
                label={trans.__('Result')}
                onClick={() =>
                  void commands.execute(CommandIDs.openResult, {
                    path: model.path,
                    run: run.run,
                    cell: step.cells.at(-1) ?? ''
                  })
                }
              />
            ) : null}
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
      <Select
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
      </Select>
      {error ? <Note error>{error}</Note> : null}
      {lines?.length === 0 ? <Note>{trans.__('Nothing was printed.')}</Note> : null}
      <pre className="nbflow-Log" ref={end} role="region" tabIndex={0} aria-label={trans.__('Log')}>
        {lines?.join('\n')}
      </pre>
    </>
  );
}

function Difference({ model, workflows, run, trans }: IRunProps): React.JSX.Element {
  const others = model.runs.filter(each => each.run !== run.run && ENDED.has(each.status));
  const [chosen, setOther] = React.useState<string | null>(null);
  const before = others.find(each => (each.started ?? '') < (run.started ?? ''));
  const other = chosen ?? before?.run ?? others[0]?.run;
  const { answer: difference, error } = useAnswer(
    async () => (other ? workflows.api.diff(model.path, other, run.run) : null),
    [run.run, other]
  );
  if (other === undefined) {
    return <Note>{trans.__('There is no other run to compare with.')}</Note>;
  }
  return (
    <>
      <label className="nbflow-Compare">
        {trans.__('with the run of')}{' '}
        <Select value={other} onChange={event => setOther(event.target.value)}>
          {others.map(each => (
            <option key={each.run} value={each.run}>
              {`${moment(each.started)} ${statusWord(each.status, trans)} ${parametersText(each.parameters)}`}
            </option>
          ))}
        </Select>
      </label>
      {error ? <Note error>{error.message}</Note> : null}
      {changedParameters(
        others.find(each => each.run === other)?.parameters ?? {},
        run.parameters
      ).map(change => (
        <Note key={change}>{change}</Note>
      ))}
      {difference ? <Differences difference={difference} step={model.step} trans={trans} /> : null}
    </>
  );
}

interface IDifferencesProps {
  difference: RunDifference;
  /** The step that one asks about, or nothing. */
  step: string;
  trans: TranslationBundle;
}

function Differences({ difference, step: asked, trans }: IDifferencesProps): React.JSX.Element {
  const place = React.useRef<HTMLLIElement>(null);
  React.useEffect(() => place.current?.scrollIntoView({ block: 'nearest' }), [difference, asked]);
  const differs = difference.steps.some(each => each.step === asked);
  return (
    <>
      {asked && !differs ? <Note>{trans.__('“%1” is the same.', asked)}</Note> : null}
      <Note>{trans._n('%1 step is the same', '%1 steps are the same', difference.same)}</Note>
      <ul className="nbflow-Differences">
        {difference.steps.map(step => (
          <li
            key={step.step}
            ref={step.step === asked ? place : null}
            aria-current={step.step === asked ? 'true' : undefined}
          >
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
