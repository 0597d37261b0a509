/**
 * The documents that travel between server and browser, as `nbflow/faces/wire.py` writes them.
 *
 * `tests/wire/*.json` are samples of them that pytest and jest read alike (`src/test/wire.test.ts`).
 */

import type { IOutput } from '@jupyterlab/nbformat';

export type Status =
  'queued' | 'running' | 'waiting' | 'succeeded' | 'failed' | 'skipped' | 'cancelled' | 'lost';

/** Nothing more will happen to what is in one of these. */
export const ENDED: ReadonlySet<Status> = new Set<Status>([
  'succeeded',
  'failed',
  'skipped',
  'cancelled',
  'lost'
]);

export type Severity = 'error' | 'warning' | 'info';

/** A JSON value, such as a parameter's. */
export type Value = string | number | boolean | null | Value[] | { [key: string]: Value };

/** How small or large a number may be: at least, more than, at most, less than. */
export interface Bounds {
  ge?: number;
  gt?: number;
  le?: number;
  lt?: number;
}

export interface Parameter {
  name: string;
  type: string;
  default: Value;
  required: boolean;
  help: string | null;
  choices: Value[];
  bounds: Bounds;
  /** It is a path, given as text. */
  path: boolean;
  cell: string | null;
}

export interface Step {
  id: string;
  name: string;
  title: string | null;
  language: string;
  group: string | null;
  cells: string[];
  cell_indexes: number[];
  reads: string[];
  writes: string[];
  effects: string[];
  when: string | null;
  foreach: string | null;
  tags: string[];
}

export interface Definition {
  cell: string;
  cell_index: number;
  names: string[];
}

export type EdgeKind = 'data' | 'order' | 'file' | 'tag' | 'guard' | 'ambient';

export interface Edge {
  from: string;
  to: string;
  names: string[];
  kind: EdgeKind;
  certainty: 'sure' | 'may' | 'learned';
  from_line: number | null;
  to_line: number | null;
  because: string;
}

/**
 * A change of a cell that mends a finding: `old` becomes `new`. With a line (from 1) and a column (from
 * 0, in characters) it is a piece of the cell's text, without them one of its tags.
 */
export interface Fix {
  old: string;
  new: string;
  line: number | null;
  column: number;
}

export interface Diagnostic {
  code: string;
  severity: Severity;
  message: string;
  cell: string | null;
  cell_index: number | null;
  line: number | null;
  hint: string | null;
  fix: Fix | null;
}

/** `show`: what the notebook says. */
export interface Graph {
  schema_version: number;
  notebook: string;
  parameters: Parameter[];
  steps: Step[];
  definitions: Definition[];
  edges: Edge[];
  diagnostics: Diagnostic[];
}

export type Action = 'run' | 'reuse' | 'skip';

export interface Task {
  step: string;
  item: string | null;
  action: Action;
  reason: string | null;
  message: string;
  expected_seconds: number | null;
}

export interface Plan {
  schema_version: number;
  notebook: string;
  parameters: Record<string, Value>;
  tasks: Task[];
}

export interface Output {
  name: string;
  kind: string;
  rows: number | null;
  columns: number | null;
  bytes: number | null;
}

export interface StepError {
  type: string;
  message: string;
  cell: string | null;
  cell_index: number | null;
  line: number | null;
}

export interface StepResult {
  step: string;
  item: string | null;
  status: Status;
  action: Action;
  reason: string | null;
  message: string;
  attempts: number;
  started: string | null;
  finished: string | null;
  seconds: number | null;
  cells: string[];
  outputs: Output[];
  error: StepError | null;
  peak_memory: number | null;
  log: string | null;
}

/** A run in a list of runs. */
export interface RunSummary {
  run: string;
  status: Status;
  notebook: string;
  notebook_hash: string;
  parameters: Record<string, Value>;
  trigger: string;
  actor: string;
  started: string | null;
  finished: string | null;
  seconds: number | null;
  result: string | null;
  reason?: string | null;
  message?: string | null;
  /** It cannot be deleted. */
  kept: boolean;
  /** What somebody calls it, or nothing. */
  label: string;
  /** How many steps have which status or were reused. */
  counts?: Record<string, number>;
}

export interface Run extends RunSummary {
  schema_version: number;
  steps: StepResult[];
  learned: unknown[];
}

export interface Runs {
  schema_version: number;
  runs: RunSummary[];
}

/** One planned start of a schedule: it has a run, or was left out and says why. */
export interface Firing {
  planned: string;
  run: string | null;
  status: Status;
  reason: string | null;
  message: string;
}

export interface Schedule {
  id: string;
  notebook: string;
  /** When it runs, in a sentence. */
  words: string;
  timezone: string;
  overlap: 'skip' | 'queue' | 'replace' | 'parallel';
  paused: boolean;
  next: string | null;
  last: Firing | null;
}

export interface Schedules {
  schema_version: number;
  schedules: Schedule[];
}

/** How long each step took the last times that it ran, the latest last. */
export interface Durations {
  schema_version: number;
  notebook: string;
  steps: { step: string; seconds: number[] }[];
}

/** One attempt at a step: what was reused or skipped never started. */
export interface Attempt {
  step: string;
  item: string | null;
  number: number;
  queued: string;
  started: string | null;
  finished: string | null;
  status: Status;
  reused: boolean;
}

export interface Attempts {
  schema_version: number;
  run: string;
  attempts: Attempt[];
}

/** The code cells in which a notebook differs from what was run. */
export interface Changes {
  schema_version: number;
  run: string;
  changed: string[];
  added: string[];
  removed: string[];
}

export type EventKind =
  | 'run_queued'
  | 'run_started'
  | 'run_finished'
  | 'plan_grew'
  | 'step_queued'
  | 'step_started'
  | 'step_output'
  | 'step_finished'
  | 'step_reused'
  | 'step_waiting'
  | 'learned'
  | 'alert';

/** One row of the ledger. */
export interface RunEvent {
  id: number;
  at: string;
  run: string;
  kind: EventKind;
  step: string | null;
  item: string | null;
  attempt: number | null;
  status: Status | null;
  reason: string | null;
  message: string | null;
  data: { seconds?: number | null; outputs?: Output[]; error?: StepError | null };
}

/** A row as it comes over the stream: with its notebook, where the server knows it. */
export interface FeedEvent extends RunEvent {
  notebook?: string | null;
}

export interface Cause {
  kind: string;
  name: string;
  message: string;
  details: string[];
  because: Cause[];
}

export interface Why {
  schema_version: number;
  run: string;
  step: string;
  item: string | null;
  status: Status;
  action: Action;
  reason: string | null;
  message: string;
  compared_with: string | null;
  causes: Cause[];
  because: string[];
}

export interface StepDifference {
  step: string;
  before: Status | null;
  after: Status | null;
  causes: Cause[];
  outputs: { name: string; message: string }[];
}

export interface RunDifference {
  schema_version: number;
  before: string;
  after: string;
  notebook: string;
  same: number;
  steps: StepDifference[];
}

/** What went wrong, as every face says it; `fields`: with each field of what was filled in. */
export interface Failure {
  schema_version: number;
  error: {
    code: string;
    message: string;
    hint: string | null;
    fields: Record<string, string>;
    diagnostics: Diagnostic[];
  };
}

export interface Features {
  runs: boolean;
  recipes: boolean;
  foreach: boolean;
  approvals: boolean;
  publications: boolean;
  schedules: boolean;
  share: boolean;
}

export interface Capabilities {
  schema_version: number;
  version: string;
  features: Features;
}

export type TagTakes =
  'nothing' | 'text' | 'number' | 'duration' | 'choice' | 'names' | 'expression';

export interface Tag {
  name: string;
  takes: TagTakes;
  choices: string[];
  /** Whether the value may be left out (`check`, `check:warn`). */
  optional: boolean;
  minimum: number | null;
  maximum: number | null;
  on: 'step' | 'cell';
  label: string;
  help: string;
  example: string;
  repeats: boolean;
  /** False: a later version will carry it out; this one refuses it. */
  available: boolean;
}

export interface Tags {
  schema_version: number;
  tags: Tag[];
}

export interface Diagnostics {
  schema_version: number;
  diagnostics: Diagnostic[];
}

/** How a run is asked for; what is left out is the server's default. */
export interface RunRequest {
  path: string;
  parameters?: Record<string, Value>;
  jobs?: number;
  force?: boolean;
  force_steps?: string[];
  until?: string[];
  from?: string[];
  only?: string[];
  one_lane?: boolean;
}

export interface Started {
  schema_version: number;
  run: string;
}

export interface Column {
  name: string;
  type: string;
}

export interface StoredOutput extends Output {
  step: string;
  type: string;
  /** It has rows and columns to look at, in whatever form it is stored. */
  tabular: boolean;
  preview: string;
  schema: Column[];
}

export interface Outputs {
  schema_version: number;
  run: string;
  outputs: StoredOutput[];
}

export interface ColumnProfile {
  name: string;
  nulls: number;
  distinct: number | null;
  min: Value;
  max: Value;
}

/** Rows of an output; what is no table has a `text` and no columns. */
export interface Table {
  schema_version: number;
  name: string;
  columns: Column[];
  rows: Value[][];
  total: number;
  profile: ColumnProfile[];
  text: string | null;
}

/** The result notebook of a run; `content` is nbformat. */
export interface Result {
  schema_version: number;
  run: string;
  notebook: string;
  content: Content;
}

export interface Lines {
  schema_version: number;
  run: string;
  step: string;
  lines: string[];
}

/** Ordinary Python for the user's own kernel, and the names that it binds. */
export interface Code {
  schema_version: number;
  names: string[];
  code: string;
}

export type FieldType =
  | 'text'
  | 'file'
  | 'table'
  | 'columns'
  | 'column'
  | 'choice'
  | 'number'
  | 'boolean'
  | 'sql'
  | 'list';

export interface FieldChoice {
  value: string;
  label: string;
}

/**
 * One field of a recipe's form. `of` names the field whose table or file has the columns that are
 * offered; a `list` has rows of `fields`; `when`: asked only while another field has such a value
 * (`*.xlsx`: one that ends so).
 */
export interface RecipeField {
  name: string;
  label: string;
  type: FieldType;
  choices: FieldChoice[];
  required: boolean;
  help: string;
  default: Value;
  of: string | null;
  fields: RecipeField[];
  when: Record<string, string[]>;
}

export interface Recipe {
  name: string;
  title: string;
  help: string;
  icon: string;
  fields: RecipeField[];
}

export interface Recipes {
  schema_version: number;
  recipes: Recipe[];
}

export interface RecipeCell {
  cell_type: 'code';
  source: string;
  metadata: { tags: string[] };
}

/** What is wrong at a field (`conditions.0.value` in a row); an empty field: about all of it. */
export interface Finding {
  field: string;
  severity: Severity;
  message: string;
  hint: string | null;
}

export interface Cooked {
  schema_version: number;
  cells: RecipeCell[];
  preview: Table | null;
  diagnostics: Finding[];
}

/** A table that the notebook makes; columns and rows as its last run left it. */
export interface NamedTable {
  name: string;
  columns: Column[];
  rows: number | null;
}

export interface NamedTables {
  schema_version: number;
  tables: NamedTable[];
}

/** The notebook to start from, as nbformat has it. */
export interface Template {
  schema_version: number;
  content: Record<string, unknown>;
}

export interface Columns {
  schema_version: number;
  columns: Column[];
}

/** A notebook as it stands in the editor, outputs left out. */
export interface Content {
  nbformat: number;
  nbformat_minor: number;
  metadata: Record<string, unknown>;
  cells: ContentCell[];
}

export interface ContentCell {
  id: string;
  cell_type: string;
  source: string;
  metadata: Record<string, unknown>;
  outputs?: IOutput[];
}
