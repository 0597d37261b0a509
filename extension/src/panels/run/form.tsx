/**
 * The body of the run dialog: the notebook's parameters as a form, how to run, and what will happen.
 */

import type { Dialog } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import { folderIcon, ReactWidget, undoIcon } from '@jupyterlab/ui-components';
import React from 'react';

import type { Answer, Answers, Question } from '../../models/parameters';
import { parametersOf } from '../../models/parameters';
import type { PlanModel } from '../../models/plan';
import { outlook } from '../../models/plan';
import { took } from '../../models/words';
import type { RunRequest } from '../../wire';
import { Action, Select } from '../parts';

/** What the form holds; all of it is remembered but `force`. */
export interface Wish {
  answers: Answers;
  jobs: string;
  until: string;
  force: boolean;
}

export class RunForm extends ReactWidget implements Dialog.IBodyWidget<Wish> {
  constructor(
    private readonly _path: string,
    private readonly _questions: readonly Question[],
    private readonly _steps: readonly string[],
    private _wish: Wish,
    private readonly _plan: PlanModel,
    private readonly _unsaved: boolean,
    private readonly _browse: ((name: string) => void) | null,
    private readonly _trans: TranslationBundle
  ) {
    super();
    this.addClass('nbflow-RunForm');
    _plan.changed.connect(() => this._onPlan());
    this._consider();
  }

  getValue(): Wish {
    return this._wish;
  }

  protected render(): React.JSX.Element {
    const trans = this._trans;
    return (
      <>
        <div className="nbflow-RunForm-fields">
          {this._questions.length > 0 ? (
            <fieldset>
              <legend>{trans.__('Parameters')}</legend>
              {this._questions.map(question => (
                <Row
                  key={question.name}
                  id={idOf(question.name)}
                  name={question.name}
                  question={question}
                  wrong={this._wrong(question)}
                  trans={trans}
                >
                  {this._field(question)}
                </Row>
              ))}
            </fieldset>
          ) : null}
          <fieldset>
            <legend>{trans.__('How to run')}</legend>
            <Row id="nbflow-how-until" name={trans.__('Until')} trans={trans}>
              <Select
                id="nbflow-how-until"
                value={this._wish.until}
                onChange={event => this._change({ until: event.target.value })}
              >
                <option value="">{trans.__('all steps')}</option>
                {this._steps.map(step => (
                  <option key={step} value={step}>
                    {step}
                  </option>
                ))}
              </Select>
            </Row>
            <Row id="nbflow-how-jobs" name={trans.__('Steps at once')} trans={trans}>
              <input
                id="nbflow-how-jobs"
                className="jp-mod-styled"
                type="number"
                min="1"
                step="1"
                placeholder={trans.__('as many as the machine allows')}
                value={this._wish.jobs}
                onChange={event => this._change({ jobs: event.target.value })}
              />
            </Row>
            <Row id="nbflow-how-force" name={trans.__('Run all anew')} trans={trans}>
              <input
                id="nbflow-how-force"
                type="checkbox"
                checked={this._wish.force}
                onChange={event => this._change({ force: event.target.checked })}
              />
            </Row>
          </fieldset>
        </div>
        <Prospect plan={this._plan} asked={this._questions} unsaved={this._unsaved} trans={trans} />
      </>
    );
  }

  /** An input, with a way back from an answer to what the notebook itself says. */
  private _field(question: Question): React.JSX.Element {
    const { name, usual, required } = question;
    const answer = this._wish.answers[name] ?? usual;
    return (
      <div className="nbflow-RunForm-field">
        <Control
          question={question}
          wrong={this._wrong(question) !== null}
          answer={answer}
          onChange={given => this._answer(name, given)}
        />
        {question.input === 'path' && this._browse ? (
          <Action
            icon={folderIcon}
            label={this._trans.__('Choose a file or folder for “%1”', name)}
            onClick={() => this._browse?.(name)}
          />
        ) : null}
        {required || answer === usual ? null : (
          <Action
            icon={undoIcon}
            label={this._trans.__('Back to what the notebook says: %1', toldAs(usual))}
            onClick={() => this._reset(name, usual)}
          />
        )}
      </div>
    );
  }

  /** What the server says of an answer. */
  private _wrong({ name }: Question): string | null {
    return this._plan.error?.fields[name] ?? null;
  }

  /** The dialog looks at its inputs when they change; what the server says of them comes later. */
  private _onPlan(): void {
    this.update();
    void this.renderPromise?.then(() => {
      this.node.dispatchEvent(new Event('input', { bubbles: true }));
    });
  }

  /** The button goes, so the cursor goes to the input. */
  private _reset(name: string, usual: Answer): void {
    this._answer(name, usual);
    this.node.querySelector<HTMLElement>(`#${CSS.escape(idOf(name))}`)?.focus();
  }

  private _answer(name: string, answer: Answer): void {
    this._change({ answers: { ...this._wish.answers, [name]: answer } });
  }

  private _change(part: Partial<Wish>): void {
    this._wish = { ...this._wish, ...part };
    this.update();
    this._consider();
  }

  private _consider(): void {
    this._plan.consider(requestOf(this._path, this._questions, this._wish));
  }
}

/** The id of a parameter's input. */
export function idOf(name: string): string {
  return `nbflow-run-${name}`;
}

function toldAs(usual: Answer): string {
  return usual === '' ? '–' : String(usual);
}

/** What a wish asks of the server. */
export function requestOf(path: string, asked: readonly Question[], wish: Wish): RunRequest {
  const jobs = Number.parseInt(wish.jobs, 10);
  return {
    path,
    parameters: parametersOf(asked, wish.answers),
    ...(jobs > 0 ? { jobs } : {}),
    ...(wish.until ? { until: [wish.until] } : {}),
    ...(wish.force ? { force: true } : {})
  };
}

interface IRowProps {
  id: string;
  name: string;
  question?: Question;
  wrong?: string | null;
  trans: TranslationBundle;
  children: React.ReactNode;
}

function Row({ id, name, question, wrong, trans, children }: IRowProps): React.JSX.Element {
  return (
    <div className="nbflow-RunForm-row">
      <label htmlFor={id}>
        {name}
        {question?.required ? <abbr title={trans.__('required')}> *</abbr> : null}
      </label>
      <div>
        {children}
        {question?.help ? <small id={`${id}-help`}>{question.help}</small> : null}
        {wrong ? (
          <small id={`${id}-wrong`} className="nbflow-mod-error" role="alert">
            {wrong}
          </small>
        ) : null}
      </div>
    </div>
  );
}

interface IControlProps {
  question: Question;
  answer: Answer;
  wrong: boolean;
  onChange: (answer: Answer) => void;
}

/** The input that fits a question; a browser's own, with its calendar and its checks. */
function Control({ question, answer, wrong, onChange }: IControlProps): React.JSX.Element {
  const id = idOf(question.name);
  const told = [question.help ? `${id}-help` : '', wrong ? `${id}-wrong` : ''].filter(Boolean);
  const common = {
    id,
    'aria-describedby': told.join(' ') || undefined,
    'aria-invalid': wrong || undefined,
    required: question.required
  };
  const text = String(answer);
  switch (question.input) {
    case 'checkbox':
      return (
        <input
          id={common.id}
          aria-describedby={common['aria-describedby']}
          type="checkbox"
          checked={answer === true}
          onChange={event => onChange(event.target.checked)}
        />
      );
    case 'choice':
      return (
        <Select {...common} value={text} onChange={event => onChange(event.target.value)}>
          {question.usual === '' ? <option value="">–</option> : null}
          {question.choices.map(choice => (
            <option key={choice} value={choice}>
              {choice}
            </option>
          ))}
        </Select>
      );
    case 'long':
      return (
        <textarea
          {...common}
          className="jp-mod-styled"
          rows={2}
          spellCheck={false}
          value={text}
          onChange={event => onChange(event.target.value)}
        />
      );
    case 'text':
    case 'path':
    case 'date':
    case 'datetime-local':
    case 'number':
      return (
        <input
          {...common}
          className="jp-mod-styled"
          type={question.input === 'path' ? 'text' : question.input}
          min={question.least}
          max={question.most}
          placeholder={question.required ? undefined : String(question.usual)}
          step={question.input === 'datetime-local' ? '1' : question.step}
          value={text}
          onChange={event => onChange(event.target.value)}
        />
      );
  }
}

interface IProspectProps {
  plan: PlanModel;
  asked: readonly Question[];
  unsaved: boolean;
  trans: TranslationBundle;
}

/** What the run will do, or why it cannot. */
function Prospect({ plan, asked, unsaved, trans }: IProspectProps): React.JSX.Element {
  return (
    <p className="nbflow-RunForm-prospect" role="status">
      {told(plan, asked, trans)}
      {unsaved ? (
        <small>{trans.__('The notebook has unsaved changes. It is saved before it runs.')}</small>
      ) : null}
    </p>
  );
}

function told(
  plan: PlanModel,
  asked: readonly Question[],
  trans: TranslationBundle
): React.JSX.Element {
  const wrong = Object.keys(plan.error?.fields ?? {});
  if (wrong.length > 0 && wrong.every(name => asked.some(each => each.name === name))) {
    return (
      <span className="nbflow-mod-error">{trans.__('It cannot run with these answers.')}</span>
    );
  }
  if (plan.error !== null) {
    return (
      <span className="nbflow-mod-error">
        {plan.error.message}
        {plan.error.hint ? <small>{plan.error.hint}</small> : null}
      </span>
    );
  }
  if (plan.plan === null) {
    return <span className="nbflow-mod-dim">{trans.__('Looking at what has to run …')}</span>;
  }
  const { run, reuse, seconds } = outlook(plan.plan);
  const about = seconds === null ? '' : trans.__(', about %1', took(seconds));
  return (
    <span>
      {trans._n('%1 step will run', '%1 steps will run', run)}
      {about}
      {reuse > 0 ? ` · ${trans.__('%1 reused', reuse)}` : ''}
    </span>
  );
}
