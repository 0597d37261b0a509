/**
 * The one way to the server, and the one error that comes back from it.
 */

import type { Diagnostic, Failure } from './wire';

/** `fetch` with the server's address, token and XSRF cookie: `ServerConnection` in a Lab. */
export type Fetch = (path: string, init: RequestInit) => Promise<Response>;

/** A request that did not succeed. `status` is 0 where no answer came at all. */
export class RequestError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly hint: string | null = null,
    readonly diagnostics: readonly Diagnostic[] = [],
    /** What is wrong with each field of what was filled in. */
    readonly fields: Readonly<Record<string, string>> = {}
  ) {
    super(message);
    this.name = 'RequestError';
  }
}

/** Whatever was thrown, as the one error. */
export function asRequestError(reason: unknown): RequestError {
  if (reason instanceof RequestError) {
    return reason;
  }
  return new RequestError(0, 'offline', reason instanceof Error ? reason.message : String(reason));
}

/** One frame of a stream of server-sent events. */
export interface Frame {
  id: string | null;
  data: string;
}

export class Connection {
  constructor(private readonly _fetch: Fetch) {}

  /** The answer's JSON; null where it has no body. */
  async json<T>(method: string, path: string, body?: unknown): Promise<T> {
    const response = await this._answer(path, {
      method,
      ...(body === undefined ? {} : { body: JSON.stringify(body) })
    });
    const text = await response.text();
    return (text ? JSON.parse(text) : null) as T;
  }

  /** The frames of a stream until it ends; `signal` ends it from this side. */
  async *frames(path: string, lastId: string | null, signal: AbortSignal): AsyncGenerator<Frame> {
    const response = await this._answer(path, {
      method: 'GET',
      headers: { Accept: 'text/event-stream', ...(lastId ? { 'Last-Event-ID': lastId } : {}) },
      signal
    });
    if (response.body === null) {
      return;
    }
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    for (let rest = '', read = await reader.read(); !read.done; read = await reader.read()) {
      const blocks = (rest + read.value).replace(/\r\n/g, '\n').split('\n\n');
      rest = blocks.pop() ?? '';
      yield* blocks.map(frame);
    }
  }

  private async _answer(path: string, init: RequestInit): Promise<Response> {
    let response: Response;
    try {
      response = await this._fetch(path, init);
    } catch (reason) {
      throw asRequestError(reason);
    }
    if (!response.ok) {
      throw await failure(response);
    }
    return response;
  }
}

/** One block of an event stream. Comments (pings) have no data. */
export function frame(block: string): Frame {
  const fields = block.split('\n').map(line => /^(\w*): ?(.*)$/.exec(line));
  const all = (name: string) => fields.flatMap(each => (each?.[1] === name ? [each[2]] : []));
  return { id: all('id').at(-1) ?? null, data: all('data').join('\n') };
}

async function failure(response: Response): Promise<RequestError> {
  const told = (await response.json().catch(() => null)) as Partial<Failure> | null;
  const error = told?.error;
  if (error === undefined || typeof error !== 'object') {
    const message = response.statusText || `HTTP ${response.status}`;
    return new RequestError(response.status, 'http', message);
  }
  return new RequestError(
    response.status,
    error.code,
    error.message,
    error.hint,
    error.diagnostics ?? [],
    error.fields ?? {}
  );
}
