import { describe, expect, test } from '@jest/globals';
import type { ISignal } from '@lumino/signaling';
import { Signal } from '@lumino/signaling';

import { EventFeed } from '../models/feed';
import type { IFile } from '../models/outlook';
import { OutlookModel } from '../models/outlook';
import { RunModel } from '../models/run';
import type { Durations, Graph, Plan, Run, RunRequest, StepResult } from '../wire';
import { Answer, FakeEvents, FakeRuns, settled } from './fakes';
import { sample } from './sample';

const RUN = sample<Run>('run-succeeded');
const PLAN = sample<Plan>('plan');
const TIMES: Durations = {
  ...sample<Durations>('durations'),
  steps: RUN.steps.map(({ step }, at) => ({ step, seconds: [at + 1] }))
};

class FakeFile implements IFile {
  path = 'shop.ipynb';
  dirty = false;
  readonly save = new Signal<this, void>(this);
  readonly edit = new Signal<this, void>(this);

  get saved(): ISignal<this, void> {
    return this.save;
  }

  get dirtyChanged(): ISignal<this, void> {
    return this.edit;
  }
}

class FakePlans {
  readonly asked: { request: RunRequest; answer: Answer<Plan> }[] = [];

  plan = (request: RunRequest): Promise<Plan> => {
    const answer = new Answer<Plan>();
    this.asked.push({ request, answer });
    return answer.promise;
  };

  durations = () => Promise.resolve(TIMES);
}

/** The same run while it goes on: how its first steps stand, the others wait. */
function going(...first: Partial<StepResult>[]): Run {
  const nothing = { started: null, finished: null, seconds: null, action: 'run' as const };
  const steps = RUN.steps.map((step, at) => ({
    ...step,
    status: 'queued' as const,
    ...nothing,
    ...first[at]
  }));
  return { ...RUN, status: 'running', finished: null, steps };
}

async function opened() {
  const runs = new FakeRuns();
  const run = new RunModel(runs, new EventFeed(new FakeEvents()), 'shop.ipynb');
  void run.show(RUN.run);
  runs.asked[0].answer.give(RUN);
  await settled();
  const plans = new FakePlans();
  const file = new FakeFile();
  const reading = { graph: sample<Graph>('show') };
  const show = async (now: Run) => {
    void run.show(RUN.run);
    runs.asked.at(-1)?.answer.give(now);
    await settled();
  };
  return { plans, file, run, show, model: new OutlookModel(plans, run, file, reading, 0) };
}

/** A debouncer of no time has asked. */
async function rested(): Promise<void> {
  await new Promise(resolve => setTimeout(resolve, 5));
}

describe('what the next run would do', () => {
  test('is asked after a save, with the parameters of the last run', async () => {
    const { plans, file, model } = await opened();
    file.save.emit();
    await rested();
    expect(plans.asked.map(each => each.request)).toEqual([
      { path: 'shop.ipynb', parameters: RUN.parameters }
    ]);
    plans.asked[0].answer.give(PLAN);
    await settled();
    expect(model.plan).toEqual(PLAN);
    expect(model.results.get('returns')?.stale).toBe('its source changed');
    expect(model.results.get('sales')?.stale).toBeUndefined();
  });

  test('is not known while there are unsaved changes', async () => {
    const { plans, file, model, run } = await opened();
    file.save.emit();
    await rested();
    plans.asked[0].answer.give(PLAN);
    await settled();
    let told = 0;
    model.changed.connect(() => told++);
    file.dirty = true;
    file.edit.emit();
    expect([told, model.plan]).toEqual([1, null]);
    expect(model.results).toBe(run.steps);
  });

  test('is not known of a notebook that cannot run', async () => {
    const { plans, file, model } = await opened();
    file.save.emit();
    await rested();
    plans.asked[0].answer.refuse(new Error('a parameter is missing'));
    await settled();
    expect(model.plan).toBeNull();
    expect(model.error).toBeNull();
  });

  test('an answer that was overtaken is dropped', async () => {
    const { plans, file, model } = await opened();
    file.save.emit();
    await rested();
    file.save.emit();
    await rested();
    plans.asked[1].answer.give({ ...PLAN, notebook: 'second' });
    plans.asked[0].answer.give({ ...PLAN, notebook: 'first' });
    await settled();
    expect(model.plan?.notebook).toBe('second');
  });
});

describe('a run that goes on', () => {
  const AT = '2026-01-05T06:00:00+00:00';
  const NOW = Date.parse(AT) + 500;

  test('tells how long a step is likely to take, and the whole', async () => {
    const { file, model, show } = await opened();
    file.save.emit();
    await rested();
    await show(going({ status: 'running', started: AT }));
    expect(model.plan).toBeNull();
    expect(model.results.get('sales')).toMatchObject({ status: 'running', expected: 1 });
    expect(model.results.get('returns')?.expected).toBeUndefined();
    // sales, of which half is over → returns → metrics → dashboard → report
    expect(model.secondsLeft(NOW)).toBe(0.5 + 2 + 3 + 4 + 5);
    await show(RUN);
    expect(model.secondsLeft(NOW)).toBeNull();
  });

  test('has one running step in a chain, however late the rows of the others are', async () => {
    const { file, model, show } = await opened();
    file.save.emit();
    await rested();
    const started = (second: number) => ({
      status: 'running' as const,
      started: `2026-01-05T06:00:0${second}+00:00`
    });
    await show(going(started(1), started(2), started(3)));
    const stored = [...model.results.values()].filter(each => each.storing);
    expect(stored.map(each => each.step)).toEqual(['sales', 'returns']);
    expect(model.results.get('metrics')).toMatchObject({ status: 'running', expected: 3 });

    // What is typed meanwhile tells nothing of what runs.
    file.dirty = true;
    expect([...model.results.values()].some(each => each.storing)).toBe(false);
    expect(model.secondsLeft(NOW)).toBeNull();
  });
});
