/**
 * The form of a notebook's parameters: what it asks, and what was answered.
 *
 * The server types and checks what comes back; here a value is a text or a tick, as inputs have it.
 */

import type { Parameter, Value } from '../wire';

export type Answer = string | boolean;

export type Answers = Readonly<Record<string, Answer>>;

/** The inputs that browsers have, and three of ours. */
export type Input =
  'text' | 'date' | 'datetime-local' | 'number' | 'checkbox' | 'choice' | 'long' | 'path';

export interface Question {
  name: string;
  input: Input;
  /** Of numbers: whole ones only, or any. */
  step: '1' | 'any';
  /** Of numbers: the smallest and the largest that inputs may take. */
  least?: number;
  most?: number;
  choices: string[];
  required: boolean;
  help: string;
  /** What the notebook itself says. */
  usual: Answer;
}

const DATE = /^\d{4}-\d{2}-\d{2}$/;
const MOMENT = /^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?$/;

/** What a form asks, in the notebook's order. */
export function questions(parameters: readonly Parameter[]): Question[] {
  return parameters.map(parameter => ({
    name: parameter.name,
    input: inputOf(parameter),
    step: parameter.type === 'int' ? '1' : 'any',
    ...limits(parameter),
    choices: parameter.choices.map(asText),
    required: parameter.required,
    help: parameter.help ?? '',
    usual: usual(parameter)
  }));
}

/**
 * Inputs have no word for "more than": of whole numbers it is one more, of others the server refuses
 * the limit itself.
 */
function limits({ type, bounds: { ge, gt, le, lt } }: Parameter): Pick<Question, 'least' | 'most'> {
  const next = type === 'int' ? 1 : 0;
  const least = ge ?? (gt === undefined ? undefined : gt + next);
  const most = le ?? (lt === undefined ? undefined : lt - next);
  return {
    ...(least === undefined ? {} : { least }),
    ...(most === undefined ? {} : { most })
  };
}

function inputOf(parameter: Parameter): Input {
  const given = asText(parameter.default);
  if (parameter.choices.length > 0) {
    return 'choice';
  }
  switch (parameter.type) {
    case 'bool':
      return 'checkbox';
    case 'int':
    case 'float':
      return given === '' || Number.isFinite(Number(given)) ? 'number' : 'text';
    case 'date':
      return given === '' || DATE.test(given) ? 'date' : 'text';
    case 'datetime':
      return given === '' || MOMENT.test(given) ? 'datetime-local' : 'text';
    case 'list':
    case 'dict':
      return 'long';
    default:
      return parameter.path ? 'path' : 'text';
  }
}

function usual(parameter: Parameter): Answer {
  if (inputOf(parameter) === 'checkbox') {
    return parameter.default === true;
  }
  const text = asText(parameter.default);
  return parameter.type === 'datetime' ? text.replace(' ', 'T') : text;
}

function asText(value: Value): string {
  if (value === null) {
    return '';
  }
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** The answers to begin with: the last ones as far as they still fit, else the notebook's own. */
export function beginning(asked: readonly Question[], last: Answers): Answers {
  return Object.fromEntries(
    asked.map(question => [question.name, fits(question, last[question.name]) ?? question.usual])
  );
}

function fits(question: Question, answer: Answer | undefined): Answer | undefined {
  if (typeof answer !== typeof question.usual) {
    return undefined;
  }
  const gone = question.input === 'choice' && !question.choices.includes(String(answer));
  return gone ? undefined : answer;
}

/** What a run is given: what differs from the notebook, and what the notebook leaves open. */
export function parametersOf(
  asked: readonly Question[],
  answers: Answers
): Record<string, string | boolean> {
  const told = asked.filter(
    ({ name, usual, required }) => required || (answers[name] ?? usual) !== usual
  );
  return Object.fromEntries(
    told
      .map(({ name, usual }): [string, Answer] => [name, answers[name] ?? usual])
      .filter(([, answer]) => answer !== '')
  );
}

/** The names that need an answer and have none. */
export function unanswered(asked: readonly Question[], answers: Answers): string[] {
  return asked
    .filter(({ name, required, usual }) => required && (answers[name] ?? usual) === '')
    .map(({ name }) => name);
}
