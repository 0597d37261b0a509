import { describe, expect, test } from '@jest/globals';

import { Api, query } from '../api';
import type { RequestError } from '../request';
import { asRequestError, Connection, frame } from '../request';
import { sample } from './sample';

function connection(answer: () => Response) {
  const asked: [string, RequestInit][] = [];
  const made = new Connection((path, init) => {
    asked.push([path, init]);
    return Promise.resolve(answer());
  });
  return { api: new Api(made), asked };
}

describe('a request', () => {
  test('that the server refuses has its words', async () => {
    const body = JSON.stringify(sample('error'));
    const { api } = connection(() => new Response(body, { status: 422 }));
    const refused = await api.tags().catch(asRequestError);
    expect(refused).toMatchObject({ status: 422, code: 'notebook', hint: 'rename one' });
    expect((refused as RequestError).diagnostics).toHaveLength(1);
  });

  test('that something before the server refuses is an error, too', async () => {
    const { api } = connection(() => new Response('<html>', { status: 502, statusText: 'Bad' }));
    expect(await api.tags().catch(asRequestError)).toMatchObject({ status: 502, message: 'Bad' });
  });

  test('names and paths are quoted', async () => {
    const { api, asked } = connection(() => new Response('{}'));
    await api.table({ path: 'a b/ü.ipynb', run: 'r/1' }, 'x y', { offset: 5 });
    expect(asked[0][0]).toBe('runs/r%2F1/outputs/x%20y?path=a%20b%2F%C3%BC.ipynb&offset=5');
    expect(query({ a: null, b: undefined, c: 0, d: false })).toBe('?c=0&d=false');
  });
});

describe('a stream', () => {
  test('is read frame by frame, however it is cut', async () => {
    const text = 'id: 1\ndata: {"run":"ü"}\n\n: ping\n\nid: 2\r\ndata: {"run":"b"}\r\n\r\n';
    const bytes = new TextEncoder().encode(text);
    const cuts = [bytes.slice(0, 20), bytes.slice(20, 22), bytes.slice(22)];
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        cuts.forEach(cut => controller.enqueue(cut));
        controller.close();
      }
    });
    const { api, asked } = connection(() => new Response(body));
    const seen = [];
    for await (const fed of api.events('0', new AbortController().signal)) {
      seen.push([fed.id, fed.event?.run ?? null]);
    }
    expect(seen).toEqual([
      ['1', 'ü'],
      [null, null],
      ['2', 'b']
    ]);
    expect(asked[0][0]).toBe('events?after=0');
    expect(asked[0][1].headers).toMatchObject({ 'Last-Event-ID': '0' });
  });

  test('data over several lines is one text', () => {
    expect(frame('data: a\ndata: b')).toEqual({ id: null, data: 'a\nb' });
  });
});
