/**
 * Every route of the server as a typed call: the only addresses in the extension.
 */

import type { Connection } from './request';
import type {
  Attempts,
  Capabilities,
  Changes,
  Code,
  Columns,
  Content,
  Cooked,
  Diagnostics,
  Durations,
  FeedEvent,
  Graph,
  Lines,
  NamedTables,
  Outputs,
  Plan,
  Recipes,
  Result,
  Run,
  RunDifference,
  RunRequest,
  Runs,
  Schedules,
  Started,
  Table,
  Tags,
  Template,
  Value,
  Why
} from './wire';

/** What a stream of events brings: a row, or only the news that it is open or alive. */
export interface Fed {
  id: string | null;
  event: FeedEvent | null;
}

export interface IApi {
  capabilities(): Promise<Capabilities>;
  graph(path: string, content: Content): Promise<Graph>;
  /** What a run that is asked for so would do. */
  plan(request: RunRequest): Promise<Plan>;
  tags(): Promise<Tags>;
  checkTags(path: string, content: Content, cell: string, tags: string[]): Promise<Diagnostics>;
  start(request: RunRequest): Promise<Started>;
  /** The newest runs of a notebook, or of all notebooks of its project. */
  runs(path: string, limit: number, project?: boolean): Promise<Runs>;
  run(at: RunAt): Promise<Run>;
  remove(at: RunAt): Promise<void>;
  cancel(at: RunAt): Promise<Run>;
  resume(at: RunAt, latestCode: boolean): Promise<Started>;
  /** Guard a run from being deleted, or let go of it. */
  keep(at: RunAt, kept: boolean, label: string): Promise<Run>;
  changes(at: RunAt, content: Content): Promise<Changes>;
  timeline(at: RunAt): Promise<Attempts>;
  runGraph(at: RunAt): Promise<Graph>;
  runNotebook(at: RunAt): Promise<Result>;
  logs(at: RunAt, step: string): Promise<Lines>;
  why(at: RunAt, step: string): Promise<Why>;
  diff(path: string, before: string, after: string): Promise<RunDifference>;
  outputs(at: RunAt): Promise<Outputs>;
  table(at: RunAt, name: string, page: Page): Promise<Table>;
  /** Code that loads what a step made, or what it was given. */
  open(at: RunAt, step: string, inputs: boolean): Promise<Code>;
  durations(path: string): Promise<Durations>;
  /** Only a server that has schedules knows this. */
  schedules(path: string): Promise<Schedules>;
  recipes(): Promise<Recipes>;
  /** What a recipe's form stands for; `cell`: the one below which the new cells go. */
  cook(name: string, at: DraftAt, values: Record<string, Value>): Promise<Cooked>;
  /** The tables that a notebook makes above a cell. */
  tables(at: DraftAt): Promise<NamedTables>;
  template(): Promise<Template>;
  columns(
    path: string,
    content: Content,
    of: { file: string } | { table: string }
  ): Promise<Columns>;
  events(after: string | null, signal: AbortSignal): AsyncGenerator<Fed>;
}

/** A run, and a notebook of the project that it belongs to. */
export interface RunAt {
  path: string;
  run: string;
}

/** A notebook as an editor holds it, and a cell in it. */
export interface DraftAt {
  path: string;
  content: Content;
  cell?: string | null;
}

export interface Page {
  offset?: number;
  limit?: number;
  profile?: boolean;
}

export class Api implements IApi {
  constructor(private readonly _connection: Connection) {}

  capabilities = () => this._get<Capabilities>('capabilities');

  graph = (path: string, content: Content) => this._post<Graph>('graph', { path, content });

  plan = (request: RunRequest) => this._post<Plan>('plan', request);

  tags = () => this._get<Tags>('tags');

  checkTags = (path: string, content: Content, cell: string, tags: string[]) =>
    this._post<Diagnostics>('tags', { path, content, cell, tags });

  start = (request: RunRequest) => this._post<Started>('runs', request);

  runs = (path: string, limit: number, project = false) =>
    this._get<Runs>(`runs${query({ path, limit, project: project ? 1 : null })}`);

  run = (at: RunAt) => this._get<Run>(below(at));

  remove = async (at: RunAt) => {
    await this._connection.json<null>('DELETE', below(at));
  };

  cancel = (at: RunAt) => this._post<Run>(below(at, 'cancel'), {});

  resume = (at: RunAt, latestCode: boolean) =>
    this._post<Started>(below(at, 'resume'), { latest_code: latestCode });

  keep = (at: RunAt, kept: boolean, label: string) =>
    this._post<Run>(below(at, 'keep'), { kept, label });

  changes = (at: RunAt, content: Content) => this._post<Changes>(below(at, 'changes'), { content });

  timeline = (at: RunAt) => this._get<Attempts>(below(at, 'timeline'));

  runGraph = (at: RunAt) => this._get<Graph>(below(at, 'graph'));

  runNotebook = (at: RunAt) => this._get<Result>(below(at, 'notebook'));

  logs = (at: RunAt, step: string) => this._get<Lines>(below(at, 'logs', { step }));

  why = (at: RunAt, step: string) => this._get<Why>(below(at, 'why', { step }));

  diff = (path: string, before: string, after: string) =>
    this._get<RunDifference>(`runs/diff${query({ path, before, after })}`);

  outputs = (at: RunAt) => this._get<Outputs>(below(at, 'outputs'));

  table = (at: RunAt, name: string, page: Page) =>
    this._get<Table>(below(at, `outputs/${part(name)}`, { ...page }));

  open = (at: RunAt, step: string, inputs: boolean) =>
    this._get<Code>(below(at, `steps/${part(step)}/open`, { inputs: inputs ? 1 : null }));

  durations = (path: string) => this._get<Durations>(`durations${query({ path })}`);

  schedules = (path: string) => this._get<Schedules>(`schedules${query({ path })}`);

  recipes = () => this._get<Recipes>('recipes');

  cook = (name: string, at: DraftAt, values: Record<string, Value>) =>
    this._post<Cooked>(`recipes/${part(name)}`, { ...at, values });

  tables = (at: DraftAt) => this._post<NamedTables>('tables', at);

  template = () => this._get<Template>('template');

  columns = (path: string, content: Content, of: { file: string } | { table: string }) =>
    this._post<Columns>('columns', { path, content, ...of });

  async *events(after: string | null, signal: AbortSignal): AsyncGenerator<Fed> {
    for await (const { id, data } of this._connection.frames(
      `events${query({ after })}`,
      after,
      signal
    )) {
      yield { id, event: data ? (JSON.parse(data) as FeedEvent) : null };
    }
  }

  private _get<T>(path: string): Promise<T> {
    return this._connection.json<T>('GET', path);
  }

  private _post<T>(path: string, body: unknown): Promise<T> {
    return this._connection.json<T>('POST', path, body);
  }
}

/** A name as one part of a path. */
const part = encodeURIComponent;

type Given = Record<string, string | number | boolean | null | undefined>;

/** An address below a run's. */
function below({ path, run }: RunAt, rest = '', given: Given = {}): string {
  return `runs/${part(run)}${rest && `/${rest}`}${query({ path, ...given })}`;
}

/** What is given as a query string; what is null or left out is left out. */
export function query(values: Given): string {
  const given = Object.entries(values).filter(([, value]) => value !== null && value !== undefined);
  const text = given.map(([name, value]) => `${name}=${part(String(value))}`).join('&');
  return text ? `?${text}` : '';
}
