import { describe, expect, test } from '@jest/globals';

import { EventFeed } from '../models/feed';
import { applied, RunModel } from '../models/run';
import type { EventKind, FeedEvent, Run, RunEvent, StepResult } from '../wire';
import { FakeEvents, FakeRuns, settled } from './fakes';
import { sample } from './sample';

const DONE = sample<Run>('run-succeeded');
const ID = DONE.run;
const QUEUED: Run = {
  ...DONE,
  status: 'running',
  finished: null,
  steps: DONE.steps.map(each => ({
    ...each,
    status: 'queued',
    started: null,
    finished: null,
    seconds: null,
    attempts: 0,
    outputs: []
  }))
};

let number = 0;
function event(kind: EventKind, told: Partial<FeedEvent> = {}): FeedEvent {
  return {
    id: ++number,
    at: '2026-01-05T06:00:02+00:00',
    run: ID,
    kind,
    step: null,
    item: null,
    attempt: null,
    status: null,
    reason: null,
    message: null,
    data: {},
    notebook: 'shop.ipynb',
    ...told
  };
}

async function watched() {
  const events = new FakeEvents();
  const runs = new FakeRuns();
  const feed = new EventFeed(events, () => Promise.resolve());
  const model = new RunModel(runs, feed, 'shop.ipynb');
  feed.start();
  events.streams[0].send('0');
  await settled();
  const send = async (told: FeedEvent) => {
    events.streams.at(-1)?.send(String(told.id), told);
    await settled();
  };
  return { events, runs, feed, model, send };
}

async function showing(run: Run) {
  const all = await watched();
  void all.model.show(ID);
  all.runs.asked[0].answer.give(run);
  await settled();
  return all;
}

const step = (run: Run | null, name: string): StepResult | undefined =>
  run?.steps.find(each => each.step === name);

describe('a run that goes on', () => {
  test('is its snapshot with the events since', async () => {
    const { model, send } = await showing(QUEUED);
    await send(event('step_started', { step: 'sales', attempt: 1 }));
    expect(model.steps.get('sales')?.status).toBe('running');
    expect(model.steps.get('sales')?.started).toBe('2026-01-05T06:00:02+00:00');
    const data = { seconds: 1.5, outputs: DONE.steps[0].outputs };
    await send(event('step_finished', { step: 'sales', attempt: 1, status: 'succeeded', data }));
    expect(model.steps.get('sales')).toMatchObject({ status: 'succeeded', ...data });
    await send(event('step_reused', { step: 'returns', status: 'succeeded' }));
    expect(model.steps.get('returns')).toMatchObject({ status: 'succeeded', action: 'reuse' });
  });

  test('events that came while the snapshot was under way are applied to it', async () => {
    const { model, runs, send } = await watched();
    void model.show(ID);
    await send(event('step_started', { step: 'sales', attempt: 1 }));
    runs.asked[0].answer.give(QUEUED);
    await settled();
    expect(model.steps.get('sales')?.status).toBe('running');
  });

  test('an event that the snapshot has gone beyond changes nothing', () => {
    const late: RunEvent = event('step_started', { step: 'sales', attempt: 1 });
    expect(step(applied(DONE, late), 'sales')?.status).toBe('succeeded');
    expect(applied(DONE, event('run_started')).status).toBe('succeeded');
    const again: RunEvent = event('step_started', { step: 'sales', attempt: 2 });
    expect(step(applied(DONE, again), 'sales')?.status).toBe('running');
  });

  test('its end is told once, with the facts that no event tells', async () => {
    const { model, runs, send } = await showing(QUEUED);
    const ends: Run[] = [];
    model.finished.connect((_, run) => ends.push(run));
    await send(event('run_finished', { status: 'succeeded' }));
    expect([model.run?.status, ends]).toEqual(['succeeded', []]);
    runs.asked[1].answer.give(DONE);
    await settled();
    expect(ends).toEqual([DONE]);
    await send(event('run_finished', { status: 'succeeded' }));
    expect(ends.length).toBe(1);
  });

  test('its end is told also where its facts cannot be had', async () => {
    const { model, runs, send } = await showing(QUEUED);
    const ends: string[] = [];
    model.finished.connect((_, run) => ends.push(run.status));
    await send(event('run_finished', { status: 'failed' }));
    runs.asked[1].answer.refuse(new Error('the server went away'));
    await settled();
    expect(ends).toEqual(['failed']);
  });

  test('a run of the notebook that somebody else started is shown', async () => {
    const { runs, send } = await showing(DONE);
    await send(event('run_started', { run: 'other', notebook: 'elsewhere.ipynb' }));
    expect(runs.asked.map(each => each.run)).toEqual([ID]);
    await send(event('run_queued', { run: 'other' }));
    expect(runs.asked.map(each => each.run)).toEqual([ID, 'other']);
  });

  test('a snapshot that was overtaken by another run is dropped', async () => {
    const { model, runs } = await watched();
    void model.show(ID);
    void model.show('newer');
    runs.asked[1].answer.give({ ...DONE, run: 'newer' });
    await settled();
    runs.asked[0].answer.give(DONE);
    await settled();
    expect(model.run?.run).toBe('newer');
  });

  test('a step with items counts as its worst item', async () => {
    const item = (name: string, status: StepResult['status']): StepResult => ({
      ...DONE.steps[0],
      item: name,
      status
    });
    const steps = [item('Uri', 'succeeded'), item('Zug', 'failed'), item('Bern', 'running')];
    const { model } = await showing({ ...DONE, steps });
    expect(model.steps.get('sales')?.item).toBe('Zug');
    expect([...model.items]).toEqual([['sales', { ended: 2, all: 3 }]]);
  });

  test('a run that cannot be had is an error, not a silence', async () => {
    const { model, runs } = await watched();
    void model.show(ID);
    runs.asked[0].answer.refuse(new Error('gone'));
    await settled();
    expect(model.error?.message).toBe('gone');
  });
});

describe('the stream', () => {
  test('goes on after a break from where it was, and the run is fetched again', async () => {
    const { events, runs, send } = await showing(QUEUED);
    await send(event('step_started', { step: 'sales', attempt: 1 }));
    const last = String(number);
    events.streams[0].close();
    await settled();
    expect(events.streams.map(each => each.after)).toEqual([null, last]);
    events.streams[1].send(last);
    await settled();
    expect(runs.asked).toHaveLength(2);
  });

  test('lets go and comes back without losing its place', async () => {
    const { events, feed } = await watched();
    events.streams[0].send('7');
    await settled();
    feed.stop();
    expect(feed.connected).toBe(false);
    feed.start();
    expect(events.streams.at(-1)?.after).toBe('7');
  });
});
