/** The attempts of a run on an axis of time. Pure. */

import type { Attempt } from '../wire';
import type { State } from './history';

/** An attempt in shares of the axis: it waited from `from` to `begin`, and ran until `end`. */
export interface Bar {
  from: number;
  begin: number;
  end: number;
  state: State;
  seconds: number;
}

export interface TimelineRow {
  step: string;
  item: string | null;
  bars: readonly Bar[];
}

export interface Timeline {
  rows: readonly TimelineRow[];
  /** The length of the axis. */
  seconds: number;
}

/** One row for each step (and item), those that began first at the top; `now` ends what goes on. */
export function timelineOf(attempts: readonly Attempt[], now: number): Timeline {
  const ends = (each: Attempt) => (each.finished === null ? now : Date.parse(each.finished));
  const begin = Math.min(...attempts.map(each => Date.parse(each.queued)), now);
  const length = Math.max(...attempts.map(ends), begin) - begin || 1;
  const share = (at: number) => Math.min(Math.max((at - begin) / length, 0), 1);
  const rows = new Map<string, { step: string; item: string | null; bars: Bar[] }>();
  for (const each of attempts) {
    const started = each.started === null ? ends(each) : Date.parse(each.started);
    const key = JSON.stringify([each.step, each.item]);
    const row = rows.get(key) ?? { step: each.step, item: each.item, bars: [] };
    row.bars.push({
      from: share(Date.parse(each.queued)),
      begin: share(started),
      end: share(ends(each)),
      state: each.reused ? 'reused' : each.status,
      seconds: each.started === null ? 0 : (ends(each) - started) / 1000
    });
    rows.set(key, row);
  }
  const first = (row: TimelineRow) => Math.min(...row.bars.map(bar => bar.begin));
  return {
    rows: [...rows.values()].sort((a, b) => first(a) - first(b)),
    seconds: length / 1000
  };
}
