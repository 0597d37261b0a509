/**
 * The one stream of events of a browser tab, kept open: each event once, in order, none lost.
 *
 * The server tells each frame's id; after a break the stream is asked for from the last one on. A
 * tab that nobody sees gives its connection back, as a browser has six of them for a server.
 */

import type { ISignal } from '@lumino/signaling';
import { Signal } from '@lumino/signaling';

import type { IApi } from '../api';
import type { FeedEvent } from '../wire';

const FIRST_PAUSE = 500;
/** A restarted server is found again within seconds. */
const LONGEST_PAUSE = 4000;

export class EventFeed {
  constructor(
    private readonly _api: Pick<IApi, 'events'>,
    private readonly _pause: (ms: number) => Promise<void> = pause
  ) {}

  /** An event that has just been told. */
  get event(): ISignal<this, FeedEvent> {
    return this._event;
  }

  /** Whether it was started and not stopped. */
  get listening(): boolean {
    return this._abort !== null;
  }

  /** Whether the stream is open. */
  get connected(): boolean {
    return this._connected;
  }

  /** The stream was opened, again or for the first time, or has broken. */
  get connectedChanged(): ISignal<this, boolean> {
    return this._connectedChanged;
  }

  /** Listen until `stop`; more than once is once. */
  start(): void {
    if (this._abort === null) {
      this._abort = new AbortController();
      void this._listen(this._abort.signal);
    }
  }

  /** Let go of the connection; `start` goes on where it was. */
  stop(): void {
    this._abort?.abort();
    this._abort = null;
    this._connect(false);
  }

  private async _listen(signal: AbortSignal): Promise<void> {
    let wait = FIRST_PAUSE;
    while (!signal.aborted) {
      try {
        for await (const { id, event } of this._api.events(this._last, signal)) {
          if (signal.aborted) {
            return;
          }
          wait = FIRST_PAUSE;
          this._connect(true);
          this._last = id ?? this._last;
          if (event !== null) {
            this._event.emit(event);
          }
        }
      } catch {
        // The server is away or has closed the stream: asked for again below.
      }
      if (signal.aborted) {
        return;
      }
      this._connect(false);
      await this._pause(wait);
      wait = Math.min(2 * wait, LONGEST_PAUSE);
    }
  }

  private _connect(connected: boolean): void {
    if (connected !== this._connected) {
      this._connected = connected;
      this._connectedChanged.emit(connected);
    }
  }

  private _last: string | null = null;
  private _abort: AbortController | null = null;
  private _connected = false;
  private readonly _event = new Signal<this, FeedEvent>(this);
  private readonly _connectedChanged = new Signal<this, boolean>(this);
}

function pause(ms: number): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, ms));
}
