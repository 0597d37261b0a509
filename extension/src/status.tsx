/**
 * How a step is doing, as a mark: a shape and a colour of its own for each, so that neither alone
 * has to tell it.
 */

import type { TranslationBundle } from '@jupyterlab/translation';
import { LabIcon } from '@jupyterlab/ui-components';
import React from 'react';

import { clock, count, duration, since } from './format';
import { useClock } from './hooks';
import type { ShownResult } from './models/outlook';
import type { Items } from './models/run';
import type { Output, StepResult } from './wire';

/**
 * A step's status as it is shown: reused is a way of having succeeded, stale what became of it,
 * storing the last of running.
 */
export type Mark = StepResult['status'] | 'reused' | 'stale' | 'storing' | 'none';

export function markOf(result: ShownResult | undefined): Mark {
  if (result === undefined) {
    return 'none';
  }
  if (result.stale !== undefined) {
    return 'stale';
  }
  if (result.storing) {
    return 'storing';
  }
  return result.status === 'succeeded' && result.action === 'reuse' ? 'reused' : result.status;
}

const LINE = 'fill="none" stroke="currentColor" stroke-width="1.8" stroke-linecap="round"';
const SHAPES: Record<Mark, string> = {
  none: `<circle cx="8" cy="8" r="2" fill="currentColor" opacity="0.5"/>`,
  queued: `<circle cx="8" cy="8" r="5" ${LINE} stroke-dasharray="2 3.2"/>`,
  running: `<circle cx="8" cy="8" r="5.6" ${LINE} opacity="0.25"/>
    <path class="nbflow-spin" d="M8 2.4a5.6 5.6 0 0 1 5.6 5.6" ${LINE}/>`,
  storing: `<path d="M8 2v7M4.8 6.2L8 9.4l3.2-3.2M2.6 10.6v2.8h10.8v-2.8" ${LINE} stroke-linejoin="round"/>`,
  waiting: `<circle cx="8" cy="8" r="6" ${LINE}/><path d="M8 4.8V8l2.2 1.6" ${LINE}/>`,
  succeeded: `<circle cx="8" cy="8" r="7" fill="currentColor"/>
    <path d="M4.8 8.3l2.2 2.2 4.2-4.6" class="nbflow-on" ${LINE}/>`,
  reused: `<path d="M12.9 9.4A5.2 5.2 0 1 1 12.3 5M12.6 2v3.3H9.3" ${LINE} stroke-linejoin="round"/>`,
  stale: `<circle cx="8" cy="8" r="6" ${LINE} stroke-dasharray="3.2 3.1"/>
    <path d="M5.6 8.2l1.7 1.7 3.1-3.5" ${LINE}/>`,
  failed: `<path d="M5.2 1h5.6L15 5.2v5.6L10.8 15H5.2L1 10.8V5.2z" fill="currentColor"/>
    <path d="M5.6 5.6l4.8 4.8M10.4 5.6l-4.8 4.8" class="nbflow-on" ${LINE}/>`,
  skipped: `<path d="M4 4l4 4-4 4M8.5 4l4 4-4 4" ${LINE} stroke-linejoin="round"/>`,
  cancelled: `<circle cx="8" cy="8" r="6" ${LINE}/><path d="M4 12L12 4" ${LINE}/>`,
  lost: `<path d="M5.6 6a2.4 2.4 0 1 1 3.6 2.1c-.8.5-1.2.9-1.2 1.9" ${LINE}/>
    <circle cx="8" cy="13" r="1" fill="currentColor"/>`
};

/** The mark of each status, drawn in the colour of the text around it. */
export const markIcons = Object.fromEntries(
  Object.entries(SHAPES).map(([mark, body]) => [
    mark,
    new LabIcon({
      name: `nbflow:status-${mark}`,
      svgstr: `<svg xmlns="http://www.w3.org/2000/svg" width="16" viewBox="0 0 16 16">${body}</svg>`
    })
  ])
) as Record<Mark, LabIcon>;

export function StatusMark({ mark }: { mark: Mark }): React.JSX.Element {
  const Icon = markIcons[mark].react;
  return <Icon tag="span" className={`nbflow-Mark nbflow-mod-${mark}`} aria-hidden="true" />;
}

/** A status in a word. */
export function statusWord(mark: Mark, trans: TranslationBundle): string {
  const words: Record<Mark, string> = {
    none: trans.__('not run yet'),
    queued: trans.__('queued'),
    running: trans.__('running'),
    storing: trans.__('being stored'),
    waiting: trans.__('waiting'),
    succeeded: trans.__('succeeded'),
    reused: trans.__('reused'),
    stale: trans.__('will run'),
    failed: trans.__('failed'),
    skipped: trans.__('skipped'),
    cancelled: trans.__('cancelled'),
    lost: trans.__('lost')
  };
  return words[mark];
}

/** A step's state in words: what it waits for, why it was left out. */
export function stateWord(result: ShownResult | undefined, trans: TranslationBundle): string {
  const mark = markOf(result);
  if (mark === 'waiting' && result?.reason === 'approval') {
    return trans.__('waits for approval');
  }
  return mark === 'skipped' && result?.reason === 'condition_false'
    ? trans.__('condition false')
    : statusWord(mark, trans);
}

const SAID: ReadonlySet<Mark> = new Set<Mark>(['reused', 'stale', 'storing', 'waiting', 'skipped']);

/** What stands beside a step's mark: a time, or a word where time says nothing. */
export function Fact({ result, trans }: IFactProps): React.JSX.Element {
  return SAID.has(markOf(result)) ? <>{stateWord(result, trans)}</> : <Elapsed result={result} />;
}

interface IFactProps {
  result: ShownResult;
  trans: TranslationBundle;
}

/** How long it took, or has taken so far and is likely to take. */
export function Elapsed({ result }: { result: ShownResult }): React.JSX.Element | null {
  const running = result.status === 'running';
  const now = useClock(running);
  if (running) {
    const passed = clock(since(result.started, now));
    const expected = Math.round(result.expected ?? 0);
    return <>{expected < 1 ? passed : `${passed} / ${clock(expected)}`}</>;
  }
  return result.seconds === null || result.action === 'reuse' ? null : (
    <>{duration(result.seconds)}</>
  );
}

/** `2/6` of a step that runs once for each item. */
export function ItemCount({ items, trans }: IItemCountProps): React.JSX.Element | null {
  return items === undefined ? null : (
    <span
      className="nbflow-ItemCount"
      title={trans._n('%2 of %1 item', '%2 of %1 items', items.all, items.ended)}
    >
      {items.ended}/{items.all}
    </span>
  );
}

interface IItemCountProps {
  items: Items | undefined;
  trans: TranslationBundle;
}

/** `48,210 × 12`: rows and columns of the output that counts, the largest table. */
export function sizeOut(outputs: readonly Output[], trans: TranslationBundle): string | null {
  const largest = outputs.reduce<Output | null>(
    (most, each) => (each.rows !== null && each.rows > (most?.rows ?? -1) ? each : most),
    null
  );
  return largest === null || largest.rows === null || largest.columns === null
    ? rowsOut(outputs, trans)
    : `${count(largest.rows)} × ${count(largest.columns)}`;
}

/** `48,210 rows` of the output that counts: the largest table. */
export function rowsOut(outputs: readonly Output[], trans: TranslationBundle): string | null {
  const rows = outputs.flatMap(each => (each.rows === null ? [] : [each.rows]));
  return rows.length === 0
    ? null
    : trans._n('%2 row', '%2 rows', Math.max(...rows), count(Math.max(...rows)));
}
