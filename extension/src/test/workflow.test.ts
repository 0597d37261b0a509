import { describe, expect, test } from '@jest/globals';

import { WorkflowModel } from '../models/workflow';
import { RequestError } from '../request';
import type { Graph } from '../wire';
import { FakeGraphs, FakeSource, settled } from './fakes';
import { sample } from './sample';

const GRAPH = sample<Graph>('show');
const named = (notebook: string): Graph => ({ ...GRAPH, notebook });

function opened() {
  const api = new FakeGraphs();
  const source = new FakeSource();
  return { api, source, model: new WorkflowModel(api, source, 0) };
}

describe('the graph of an open notebook', () => {
  test('is asked for again only when the text has changed', async () => {
    const { api, source, model } = opened();
    void model.refresh();
    api.asked[0].answer.give(GRAPH);
    await settled();
    await model.refresh();
    expect(api.asked).toHaveLength(1);
    source.source = 'x = 2';
    void model.refresh();
    expect(api.asked).toHaveLength(2);
    expect(model.graph).toEqual(GRAPH);
    expect(model.busy).toBe(true);
  });

  test('waits until the text is left alone', async () => {
    const { api, source } = opened();
    for (const text of ['x', 'x ', 'x =', 'x = 3']) {
      source.write(text);
    }
    await new Promise(resolve => setTimeout(resolve, 10));
    expect(api.asked.map(each => each.content.cells[0].source)).toEqual(['x = 3']);
  });

  test('an answer that was overtaken is dropped', async () => {
    const { api, source, model } = opened();
    void model.refresh();
    source.source = 'x = 2';
    void model.refresh();
    api.asked[1].answer.give(named('second'));
    await settled();
    api.asked[0].answer.give(named('first'));
    await settled();
    expect(model.graph?.notebook).toBe('second');
    expect(model.busy).toBe(false);
  });

  test('an error is kept beside the last graph, and goes with the next answer', async () => {
    const { api, source, model } = opened();
    void model.refresh();
    api.asked[0].answer.give(GRAPH);
    await settled();
    source.source = 'x = (';
    void model.refresh();
    api.asked[1].answer.refuse(new RequestError(400, 'notebook', 'cannot be read'));
    await settled();
    expect(model.error?.code).toBe('notebook');
    expect(model.graph).toEqual(GRAPH);
    source.source = 'x = ()';
    void model.refresh();
    api.asked[2].answer.give(GRAPH);
    await settled();
    expect(model.error).toBeNull();
  });

  test('a server that was away is asked again for the same text', async () => {
    const { api, model } = opened();
    void model.refresh();
    api.asked[0].answer.refuse(new TypeError('Failed to fetch'));
    await settled();
    expect(model.error?.status).toBe(0);
    void model.refresh();
    expect(api.asked).toHaveLength(2);
  });

  test('nothing is asked or told after the notebook was closed', async () => {
    const { api, source, model } = opened();
    void model.refresh();
    let told = 0;
    model.changed.connect(() => told++);
    model.dispose();
    source.write('x = 2');
    await model.refresh();
    api.asked[0].answer.give(GRAPH);
    await settled();
    expect([api.asked.length, told]).toEqual([1, 0]);
  });
});
