/**
 * The types of `wire.ts` as checks at run time: a field that one side has and the other has not
 * fails to compile here, or fails the test that reads the samples.
 */

import type * as wire from '../wire';

type Check = (value: unknown) => boolean;

type Shape<T> = { [Field in keyof Required<T>]: Check };

export const text: Check = value => typeof value === 'string';
export const number: Check = value => typeof value === 'number';
export const yes: Check = value => typeof value === 'boolean';
export const anything: Check = () => true;
const value: Check = given => given !== undefined;

export const maybe =
  (check: Check): Check =>
  given =>
    given === null || check(given);

/** May be left out. */
const optional =
  (check: Check): Check =>
  given =>
    given === undefined || given === null || check(given);

export const one =
  (...of: string[]): Check =>
  given =>
    typeof given === 'string' && of.includes(given);

export const list =
  (check: Check): Check =>
  given =>
    Array.isArray(given) && given.every(check);

const record =
  (check: Check): Check =>
  given =>
    isObject(given) && Object.values(given).every(check);

/** Every field is there and right, and none is unknown. */
export function object<T>(shape: Shape<T>): Check {
  return given => wrong(shape, given).length === 0;
}

function wrong(shape: Record<string, Check>, given: unknown): string[] {
  if (!isObject(given)) {
    return ['not an object'];
  }
  const bad = Object.entries(shape).filter(([field, check]) => !check(given[field]));
  return [...bad.map(([field]) => field), ...Object.keys(given).filter(field => !(field in shape))];
}

function isObject(given: unknown): given is Record<string, unknown> {
  return typeof given === 'object' && given !== null && !Array.isArray(given);
}

const status = one(
  'queued',
  'running',
  'waiting',
  'succeeded',
  'failed',
  'skipped',
  'cancelled',
  'lost'
);
const action = one('run', 'reuse', 'skip');

const diagnosticShape: Shape<wire.Diagnostic> = {
  code: text,
  severity: one('error', 'warning', 'info'),
  message: text,
  cell: maybe(text),
  cell_index: maybe(number),
  line: maybe(number),
  hint: maybe(text),
  fix: maybe(object<wire.Fix>({ old: text, new: text, line: maybe(number), column: number }))
};
const diagnostic = object<wire.Diagnostic>(diagnosticShape);

export const graph = object<wire.Graph>({
  schema_version: number,
  notebook: text,
  parameters: list(
    object<wire.Parameter>({
      name: text,
      type: text,
      default: value,
      required: yes,
      help: maybe(text),
      choices: list(value),
      bounds: object<wire.Bounds>({
        ge: optional(number),
        gt: optional(number),
        le: optional(number),
        lt: optional(number)
      }),
      path: yes,
      cell: maybe(text)
    })
  ),
  steps: list(
    object<wire.Step>({
      id: text,
      name: text,
      title: maybe(text),
      language: text,
      group: maybe(text),
      cells: list(text),
      cell_indexes: list(number),
      reads: list(text),
      writes: list(text),
      effects: list(text),
      when: maybe(text),
      foreach: maybe(text),
      tags: list(text)
    })
  ),
  definitions: list(object<wire.Definition>({ cell: text, cell_index: number, names: list(text) })),
  edges: list(
    object<wire.Edge>({
      from: text,
      to: text,
      names: list(text),
      kind: one('data', 'order', 'file', 'tag', 'guard', 'ambient'),
      certainty: one('sure', 'may', 'learned'),
      from_line: maybe(number),
      to_line: maybe(number),
      because: text
    })
  ),
  diagnostics: list(diagnostic)
});

export const plan = object<wire.Plan>({
  schema_version: number,
  notebook: text,
  parameters: record(value),
  tasks: list(
    object<wire.Task>({
      step: text,
      item: maybe(text),
      action,
      reason: maybe(text),
      message: text,
      expected_seconds: maybe(number)
    })
  )
});

const outputShape: Shape<wire.Output> = {
  name: text,
  kind: text,
  rows: maybe(number),
  columns: maybe(number),
  bytes: maybe(number)
};

const stepError = object<wire.StepError>({
  type: text,
  message: text,
  cell: maybe(text),
  cell_index: maybe(number),
  line: maybe(number)
});

const summaryShape: Shape<wire.RunSummary> = {
  run: text,
  status,
  notebook: text,
  notebook_hash: text,
  parameters: record(value),
  trigger: text,
  actor: text,
  started: maybe(text),
  finished: maybe(text),
  seconds: maybe(number),
  result: maybe(text),
  reason: optional(text),
  message: optional(text),
  kept: yes,
  label: text,
  counts: optional(record(number))
};

const firing = object<wire.Firing>({
  planned: text,
  run: maybe(text),
  status: one(
    'succeeded',
    'failed',
    'skipped',
    'cancelled',
    'lost',
    'queued',
    'running',
    'waiting'
  ),
  reason: maybe(text),
  message: text
});

export const schedules = object<wire.Schedules>({
  schema_version: number,
  schedules: list(
    object<wire.Schedule>({
      id: text,
      notebook: text,
      words: text,
      timezone: text,
      overlap: one('skip', 'queue', 'replace', 'parallel'),
      paused: yes,
      next: maybe(text),
      last: maybe(firing)
    })
  )
});

export const durations = object<wire.Durations>({
  schema_version: number,
  notebook: text,
  steps: list(object<wire.Durations['steps'][number]>({ step: text, seconds: list(number) }))
});

export const attempts = object<wire.Attempts>({
  schema_version: number,
  run: text,
  attempts: list(
    object<wire.Attempt>({
      step: text,
      item: maybe(text),
      number,
      queued: text,
      started: maybe(text),
      finished: maybe(text),
      status,
      reused: yes
    })
  )
});

export const changes = object<wire.Changes>({
  schema_version: number,
  run: text,
  changed: list(text),
  added: list(text),
  removed: list(text)
});

export const runs = object<wire.Runs>({
  schema_version: number,
  runs: list(object<wire.RunSummary>(summaryShape))
});

export const run = object<wire.Run>({
  ...summaryShape,
  schema_version: number,
  learned: list(anything),
  steps: list(
    object<wire.StepResult>({
      step: text,
      item: maybe(text),
      status,
      action,
      reason: maybe(text),
      message: text,
      attempts: number,
      started: maybe(text),
      finished: maybe(text),
      seconds: maybe(number),
      cells: list(text),
      outputs: list(object<wire.Output>(outputShape)),
      error: maybe(stepError),
      peak_memory: maybe(number),
      log: maybe(text)
    })
  )
});

export const event = object<wire.FeedEvent>({
  id: number,
  at: text,
  run: text,
  kind: one(
    'run_queued',
    'run_started',
    'run_finished',
    'plan_grew',
    'step_queued',
    'step_started',
    'step_output',
    'step_finished',
    'step_reused',
    'step_waiting',
    'learned',
    'alert'
  ),
  step: maybe(text),
  item: maybe(text),
  attempt: maybe(number),
  status: maybe(status),
  reason: maybe(text),
  message: maybe(text),
  data: isObject,
  notebook: optional(text)
});

const cause: Check = given =>
  object<wire.Cause>({
    kind: text,
    name: text,
    message: text,
    details: list(text),
    because: list(cause)
  })(given);

export const why = object<wire.Why>({
  schema_version: number,
  run: text,
  step: text,
  item: maybe(text),
  status,
  action,
  reason: maybe(text),
  message: text,
  compared_with: maybe(text),
  causes: list(cause),
  because: list(text)
});

export const diff = object<wire.RunDifference>({
  schema_version: number,
  before: text,
  after: text,
  notebook: text,
  same: number,
  steps: list(
    object<wire.StepDifference>({
      step: text,
      before: maybe(status),
      after: maybe(status),
      causes: list(cause),
      outputs: list(object<{ name: string; message: string }>({ name: text, message: text }))
    })
  )
});

export const failure = object<wire.Failure>({
  schema_version: number,
  error: object<wire.Failure['error']>({
    code: text,
    message: text,
    hint: maybe(text),
    fields: record(text),
    diagnostics: list(diagnostic)
  })
});

export const capabilities = object<wire.Capabilities>({
  schema_version: number,
  version: text,
  features: object<wire.Features>({
    runs: yes,
    recipes: yes,
    foreach: yes,
    approvals: yes,
    publications: yes,
    schedules: yes,
    share: yes
  })
});

export const tags = object<wire.Tags>({
  schema_version: number,
  tags: list(
    object<wire.Tag>({
      name: text,
      takes: one('nothing', 'text', 'number', 'duration', 'choice', 'names', 'expression'),
      choices: list(text),
      optional: yes,
      minimum: maybe(number),
      maximum: maybe(number),
      on: one('step', 'cell'),
      label: text,
      help: text,
      example: text,
      repeats: yes,
      available: yes
    })
  )
});

export const diagnostics = object<wire.Diagnostics>({
  schema_version: number,
  diagnostics: list(diagnostic)
});

export const started = object<wire.Started>({ schema_version: number, run: text });

export const lines = object<wire.Lines>({
  schema_version: number,
  run: text,
  step: text,
  lines: list(text)
});

const column = object<wire.Column>({ name: text, type: text });

export const columns = object<wire.Columns>({ schema_version: number, columns: list(column) });

export const outputs = object<wire.Outputs>({
  schema_version: number,
  run: text,
  outputs: list(
    object<wire.StoredOutput>({
      ...outputShape,
      step: text,
      type: text,
      tabular: yes,
      preview: text,
      schema: list(column)
    })
  )
});

export const table = object<wire.Table>({
  schema_version: number,
  name: text,
  columns: list(column),
  rows: list(list(value)),
  total: number,
  profile: list(
    object<wire.ColumnProfile>({
      name: text,
      nulls: number,
      distinct: maybe(number),
      min: value,
      max: value
    })
  ),
  text: maybe(text)
});

export const result = object<wire.Result>({
  schema_version: number,
  run: text,
  notebook: text,
  content: isObject
});

export const code = object<wire.Code>({
  schema_version: number,
  code: text,
  names: list(text)
});

const field: Check = given =>
  object<wire.RecipeField>({
    name: text,
    label: text,
    type: one(
      'text',
      'file',
      'table',
      'columns',
      'column',
      'choice',
      'number',
      'boolean',
      'sql',
      'list'
    ),
    choices: list(object<wire.FieldChoice>({ value: text, label: text })),
    required: yes,
    help: text,
    default: value,
    of: maybe(text),
    fields: list(field),
    when: record(list(text))
  })(given);

export const recipes = object<wire.Recipes>({
  schema_version: number,
  recipes: list(
    object<wire.Recipe>({ name: text, title: text, help: text, icon: text, fields: list(field) })
  )
});

const previewed: Check = given =>
  // A preview is a table without a document around it.
  table({ schema_version: 1, ...(given as object) });

export const cooked = object<wire.Cooked>({
  schema_version: number,
  cells: list(
    object<wire.RecipeCell>({
      cell_type: one('code'),
      source: text,
      metadata: object<wire.RecipeCell['metadata']>({ tags: list(text) })
    })
  ),
  preview: maybe(previewed),
  diagnostics: list(
    object<wire.Finding>({
      field: text,
      severity: one('error', 'warning', 'info'),
      message: text,
      hint: maybe(text)
    })
  )
});

export const namedTables = object<wire.NamedTables>({
  schema_version: number,
  tables: list(object<wire.NamedTable>({ name: text, columns: list(column), rows: maybe(number) }))
});

export const template = object<wire.Template>({ schema_version: number, content: anything });
