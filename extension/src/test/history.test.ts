import { describe, expect, test } from '@jest/globals';
import { Signal } from '@lumino/signaling';

import type { EventFeed } from '../models/feed';
import type { HistoryApi } from '../models/history';
import {
  countsOf,
  HistoryModel,
  matches,
  removable,
  resumable,
  shares,
  stateOf
} from '../models/history';
import { timelineOf } from '../models/timeline';
import { nameOf, TablesModel } from '../models/tables';
import { outlook, PlanModel } from '../models/plan';
import { changedParameters } from '../models/words';
import type {
  Attempt,
  FeedEvent,
  Outputs,
  Plan,
  Run,
  RunEvent,
  Runs,
  StoredOutput,
  Table
} from '../wire';
import { sample } from './sample';

class Feed {
  readonly event = new Signal<this, FeedEvent>(this);
  tell(event: Partial<FeedEvent>): void {
    this.event.emit({ ...sample<RunEvent>('event'), ...event });
  }
  get asFeed(): EventFeed {
    return this as unknown as EventFeed;
  }
}

const GOOD = sample<Run>('run-succeeded');
const BAD = { ...sample<Run>('run-failed'), run: 'bad' };

class Server implements HistoryApi {
  known: Run[] = [BAD, GOOD];
  asked: string[] = [];
  removed: string[] = [];
  runs = (): Promise<Runs> => Promise.resolve({ schema_version: 1, runs: [...this.known] });
  run = ({ run }: { run: string }): Promise<Run> => {
    this.asked.push(run);
    const found = this.known.find(each => each.run === run);
    return found ? Promise.resolve(found) : Promise.reject(new Error('gone'));
  };
  remove = ({ run }: { run: string }): Promise<void> => {
    this.known = this.known.filter(each => each.run !== run);
    return Promise.resolve();
  };
  keep = ({ run }: { run: string }, kept: boolean, label: string): Promise<Run> => {
    this.known = this.known.map(each => (each.run === run ? { ...each, kept, label } : each));
    return this.run({ run });
  };
}

/** Lets everything that waits for an answer go on. */
async function settled(): Promise<void> {
  for (let i = 0; i < 20; i++) {
    await Promise.resolve();
  }
}

async function history() {
  const [server, feed] = [new Server(), new Feed()];
  const model = new HistoryModel(server, feed.asFeed, 'shop.ipynb');
  await model.refresh();
  return { server, feed, model };
}

describe('the history of a notebook', () => {
  test('lists its runs, and looks at one', async () => {
    const { model } = await history();
    expect(model.runs.map(each => each.run)).toEqual(['bad', GOOD.run]);
    await model.select('bad');
    expect(model.shown?.steps.length).toBe(BAD.steps.length);
  });

  test('shows a run that somebody else starts', async () => {
    const { server, feed, model } = await history();
    server.known = [{ ...GOOD, run: 'new', status: 'running' }, ...server.known];
    feed.tell({ run: 'elsewhere', kind: 'run_queued', notebook: 'other.ipynb' });
    await settled();
    expect(model.runs.length).toBe(2);
    feed.tell({ run: 'new', kind: 'run_queued', notebook: 'shop.ipynb' });
    await settled();
    expect(model.runs[0].run).toBe('new');
  });

  test('looks at the newest run, and at the first one when it comes', async () => {
    const { server, feed, model } = await history();
    await model.begin();
    expect(model.shown?.run).toBe('bad');

    server.known = [];
    const other = new HistoryModel(server, feed.asFeed, 'shop.ipynb');
    await other.begin();
    expect(other.selected).toBeNull();
    server.known = [GOOD];
    feed.tell({ run: GOOD.run, kind: 'run_queued', notebook: 'shop.ipynb' });
    await settled();
    expect(other.shown?.run).toBe(GOOD.run);
  });

  test('reads a run again when it ends', async () => {
    const { server, feed, model } = await history();
    await model.select('bad');
    server.known = [{ ...BAD, status: 'succeeded' }, GOOD];
    feed.tell({ run: 'bad', kind: 'run_finished' });
    await settled();
    expect(model.shown?.status).toBe('succeeded');
  });

  test('forgets a run that was deleted', async () => {
    const { model } = await history();
    await model.select('bad');
    await model.remove('bad');
    expect(model.runs.map(each => each.run)).toEqual([GOOD.run]);
    expect(model.selected).toBeNull();
  });

  test('keeps a run under a name', async () => {
    const { model } = await history();
    await model.keep('bad', true, 'as sent');
    expect(model.runs.filter(removable).map(each => each.run)).toEqual([GOOD.run]);
    expect(model.runs.filter(each => matches(each, '', 'As Sent'))).toHaveLength(1);
    expect(model.runs.filter(each => matches(each, 'succeeded', 'sent'))).toHaveLength(0);
  });

  test('tells that the server did not answer', async () => {
    const { model } = await history();
    await model.select('nobody');
    expect(model.error?.message).toBe('gone');
    await model.refresh();
    expect(model.error).toBeNull();
  });

  test('has a matrix with the newest run at the right, and asks for each run once', async () => {
    const { server, model } = await history();
    await model.loadMatrix();
    await model.loadMatrix();
    expect(server.asked).toEqual(['bad', GOOD.run]);
    const { runs, steps } = model.matrix();
    expect(runs.map(each => each.run)).toEqual([GOOD.run, 'bad']);
    const metrics = steps.find(each => each.name === 'metrics');
    expect(metrics?.results.map(each => each?.status)).toEqual(['succeeded', 'failed']);
  });
});

test('a result that was reused is told apart', () => {
  expect(stateOf({ status: 'succeeded', action: 'reuse' })).toBe('reused');
  expect(stateOf({ status: 'failed', action: 'run' })).toBe('failed');
  expect(countsOf(BAD.steps).reused).toBe(1);
});

test('bars are as long as runs took, against the longest', () => {
  expect(
    shares([
      { ...GOOD, seconds: 2 },
      { ...GOOD, seconds: 4 },
      { ...GOOD, seconds: null }
    ])
  ).toEqual([0.5, 1, 0]);
  expect(shares([])).toEqual([]);
});

test('what failed can be gone on with, what goes on cannot', () => {
  expect(resumable(BAD)).toBe(true);
  expect(resumable(GOOD)).toBe(false);
  expect(resumable({ ...GOOD, status: 'running' })).toBe(false);
});

describe('a run on an axis of time', () => {
  const attempt = (
    step: string,
    times: (number | null)[],
    given: Partial<Attempt> = {}
  ): Attempt => {
    const at = (seconds: number | null) =>
      seconds === null ? null : new Date(seconds * 1000).toISOString();
    const [queued, started, finished] = times.map(at);
    const made = { step, item: null, number: 1, queued: queued ?? '', started, finished };
    return { ...made, status: 'succeeded', reused: false, ...given };
  };

  test('has waiting and running as shares of the whole', () => {
    const { rows, seconds } = timelineOf([attempt('b', [0, 5, 10]), attempt('a', [0, 0, 5])], 0);
    expect(seconds).toBe(10);
    expect(rows.map(row => row.step)).toEqual(['a', 'b']);
    expect(rows[1].bars).toEqual([{ from: 0, begin: 0.5, end: 1, state: 'succeeded', seconds: 5 }]);
  });

  test('has each attempt as a bar of its own, and what goes on until now', () => {
    const { rows } = timelineOf(
      [
        attempt('a', [0, 0, 4], { status: 'failed' }),
        attempt('a', [4, 5, null], { status: 'running', number: 2 })
      ],
      10_000
    );
    expect(rows).toHaveLength(1);
    expect(rows[0].bars.map(bar => [bar.begin, bar.end])).toEqual([
      [0, 0.4],
      [0.5, 1]
    ]);
  });

  test('has a mark where something was reused', () => {
    const [row] = timelineOf([attempt('a', [0, null, 1], { reused: true })], 2000).rows;
    expect(row.bars[0]).toMatchObject({ begin: 1, end: 1, state: 'reused', seconds: 0 });
  });

  test('is empty for what has not begun', () => {
    expect(timelineOf([], 0).rows).toEqual([]);
  });
});

describe('a plan', () => {
  test('is told in numbers', () => {
    expect(outlook(sample<Plan>('plan'))).toEqual({ run: 4, reuse: 1, skip: 0, seconds: 6 });
  });

  test('is that of the last answers, whichever comes last', async () => {
    const waiting: ((plan: Plan) => void)[] = [];
    const api = { plan: () => new Promise<Plan>(resolve => waiting.push(resolve)) };
    const model = new PlanModel(api, 0);
    const changed = () => new Promise<void>(resolve => model.changed.connect(() => resolve()));
    const asked = async (count: number) => {
      while (waiting.length < count) {
        await new Promise(resolve => setTimeout(resolve, 0));
      }
    };
    model.consider({ path: 'a' });
    await asked(1);
    model.consider({ path: 'b' });
    await asked(2);
    const told = changed();
    waiting[1]({ ...sample<Plan>('plan'), notebook: 'b' });
    await told;
    waiting[0]({ ...sample<Plan>('plan'), notebook: 'a' });
    await settled();
    expect(model.plan?.notebook).toBe('b');
    model.dispose();
  });
});

describe('the tables of a run', () => {
  const outputs = sample<Outputs>('outputs');
  const table = sample<Table>('output');
  const pages: string[] = [];
  const api = {
    runs: () => Promise.resolve({ schema_version: 1, runs: [GOOD] }),
    outputs: () => Promise.resolve(outputs),
    table: (_: unknown, name: string, page: { offset?: number }) => {
      pages.push(`${name} ${page.offset}`);
      return Promise.resolve({ ...table, profile: page.offset === 0 ? table.profile : [] });
    }
  };

  test('begin with the last table, and keep its profile from page to page', async () => {
    const model = new TablesModel(api, new Feed().asFeed, 'shop.ipynb');
    await model.show(null);
    expect(model.selected?.name).toBe('metrics');
    await model.page(100);
    expect(model.offset).toBe(100);
    expect(model.table?.profile).toEqual(table.profile);
    expect(pages).toEqual(['metrics 0', 'metrics 100']);
  });

  test('an earlier version of a name is asked for with its step', () => {
    const [first] = outputs.outputs;
    const later: StoredOutput = { ...first, step: 'clean' };
    expect(nameOf(first, [first, later])).toBe('sales.sales');
    expect(nameOf(later, [first, later])).toBe('sales');
  });
});

test('two runs are told apart by what they were given', () => {
  const before = { day: '2026-01-05', top: 20, old: true };
  const after = { day: '2026-01-05', top: 30, fresh: [1] };
  expect(changedParameters(before, after)).toEqual([
    'top: 20 → 30',
    'old: true → –',
    'fresh: – → [1]'
  ]);
});
