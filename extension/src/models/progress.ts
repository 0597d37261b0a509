/**
 * How a run gets on, as far as its ledger and former runs tell. Pure.
 *
 * The ledger says that a step has succeeded when its results are on the disk; steps that need it do
 * not wait for that. So a step that others have begun after is being stored, not running.
 */

import { since } from '../format';
import type { Edge, Graph, StepResult } from '../wire';
import { ENDED } from '../wire';

export type Results = ReadonlyMap<string, StepResult>;

/** How many seconds each step took the last times, the latest last. */
export type Times = ReadonlyMap<string, readonly number[]>;

/** So many of the last times say how long it will take. */
const TYPICAL_OF = 5;

/** How long a step is likely to take: one slow time does not count. */
export function typical(seconds: readonly number[] | undefined): number | null {
  const last = (seconds ?? []).slice(-TYPICAL_OF).sort((a, b) => a - b);
  return last[Math.floor(last.length / 2)] ?? null;
}

/** The steps whose cells are done, as one that needs them has begun, and whose results are not. */
export function storing(steps: Results, edges: readonly Edge[]): ReadonlySet<string> {
  const begun = (name: string) => Date.parse(steps.get(name)?.started ?? '');
  return new Set(
    edges.flatMap(({ from, to }) =>
      steps.get(from)?.status === 'running' && begun(to) >= begun(from) ? [from] : []
    )
  );
}

/**
 * Seconds to the end of a run: along the longest chain of what is still to do. Null where a step of
 * it has never run, or runs once for each item, so that nobody knows.
 */
export function secondsLeft(
  { steps: order, edges }: Pick<Graph, 'steps' | 'edges'>,
  steps: Results,
  times: Times,
  now: number
): number | null {
  const stored = storing(steps, edges);
  const own = (name: string): number | null => {
    const result = steps.get(name);
    if (result === undefined || ENDED.has(result.status) || stored.has(name)) {
      return 0;
    }
    const expected = result.item === null ? typical(times.get(name)) : null;
    const passed = result.status === 'running' ? since(result.started, now) : 0;
    return result.action !== 'run' ? 0 : expected === null ? null : Math.max(expected - passed, 0);
  };
  const after = new Map<string, number>();
  for (const { name } of [...order].reverse()) {
    const seconds = own(name);
    if (seconds === null) {
      return null;
    }
    const next = edges.flatMap(edge => (edge.from === name ? [after.get(edge.to) ?? 0] : []));
    after.set(name, seconds + Math.max(0, ...next));
  }
  return Math.max(0, ...after.values());
}
