/** Stand-ins for `api.ts`, the only thing that tests of models replace. */

import type { ISignal } from '@lumino/signaling';
import { Signal } from '@lumino/signaling';

import type { Fed, RunAt } from '../api';
import type { ISource } from '../models/workflow';
import type { Content, FeedEvent, Graph, Run, Runs, Started } from '../wire';

/** A promise that the test settles. */
export class Answer<T> {
  readonly promise = new Promise<T>((resolve, reject) => {
    this.give = resolve;
    this.refuse = reject;
  });
  declare give: (value: T) => void;
  declare refuse: (reason: unknown) => void;
}

export class FakeGraphs {
  readonly asked: { content: Content; answer: Answer<Graph> }[] = [];

  graph = (_path: string, content: Content): Promise<Graph> => {
    const answer = new Answer<Graph>();
    this.asked.push({ content, answer });
    return answer.promise;
  };
}

export class FakeSource implements ISource {
  path = 'shop.ipynb';
  source = 'x = 1';
  readonly change = new Signal<this, void>(this);

  get changed(): ISignal<unknown, unknown> {
    return this.change;
  }

  read(): Content {
    const cell = { id: 'c1', cell_type: 'code', source: this.source, metadata: {} };
    return { nbformat: 4, nbformat_minor: 5, metadata: {}, cells: [cell] };
  }

  write(source: string): void {
    this.source = source;
    this.change.emit();
  }
}

/** One opening of the stream: the test says what comes and when it breaks. */
export class Stream {
  private readonly _waiting: Answer<Fed | null>[] = [new Answer()];

  constructor(readonly after: string | null) {}

  send(id: string | null, event: FeedEvent | null = null): void {
    this._next({ id, event });
  }

  close(): void {
    this._next(null);
  }

  async *read(): AsyncGenerator<Fed> {
    for (let at = 0; ; at++) {
      const fed = await this._waiting[at].promise;
      if (fed === null) {
        throw new Error('broken');
      }
      yield fed;
    }
  }

  private _next(fed: Fed | null): void {
    this._waiting.at(-1)?.give(fed);
    this._waiting.push(new Answer());
  }
}

export class FakeEvents {
  readonly streams: Stream[] = [];

  events = (after: string | null): AsyncGenerator<Fed> => {
    const stream = new Stream(after);
    this.streams.push(stream);
    return stream.read();
  };
}

export class FakeRuns {
  latest: Runs = { schema_version: 1, runs: [] };
  readonly asked: { run: string; answer: Answer<Run> }[] = [];

  runs = () => Promise.resolve(this.latest);

  run = ({ run }: RunAt): Promise<Run> => {
    const answer = new Answer<Run>();
    this.asked.push({ run, answer });
    return answer.promise;
  };

  start = () => Promise.resolve<Started>({ schema_version: 1, run: 'new' });
  resume = () => Promise.resolve<Started>({ schema_version: 1, run: 'again' });
  cancel = (at: RunAt) => this.run(at);
}

/** All that is already decided happens. */
export async function settled(): Promise<void> {
  await new Promise(resolve => setImmediate(resolve));
}
