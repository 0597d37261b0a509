import { describe, expect, test } from '@jest/globals';
import type { ISignal } from '@lumino/signaling';
import { Signal } from '@lumino/signaling';

import { EventFeed } from '../models/feed';
import type { IFile } from '../models/outlook';
import { OutlookModel } from '../models/outlook';
import { RunModel } from '../models/run';
import type { Plan, Run, RunRequest } from '../wire';
import { Answer, FakeEvents, FakeRuns, settled } from './fakes';
import { sample } from './sample';

const RUN = sample<Run>('run-succeeded');
const PLAN = sample<Plan>('plan');

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
}

async function opened() {
  const runs = new FakeRuns();
  const run = new RunModel(runs, new EventFeed(new FakeEvents()), 'shop.ipynb');
  void run.show(RUN.run);
  runs.asked[0].answer.give(RUN);
  await settled();
  const plans = new FakePlans();
  const file = new FakeFile();
  return { plans, file, run, runs, model: new OutlookModel(plans, run, file, 0) };
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

  test('tells how long a running step is likely to take', async () => {
    const { plans, file, model, run, runs } = await opened();
    file.save.emit();
    await rested();
    plans.asked[0].answer.give(PLAN);
    await settled();
    const [first, second, ...others] = RUN.steps;
    const steps = [first, { ...second, status: 'running' as const, finished: null }, ...others];
    void run.show(RUN.run);
    runs.asked[1].answer.give({ ...RUN, status: 'running', steps });
    await settled();
    expect(model.plan).toBeNull();
    expect(model.results.get('returns')).toMatchObject({ status: 'running', expected: 1.5 });
    expect(model.results.get('metrics')?.stale).toBeUndefined();
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
