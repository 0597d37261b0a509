/**
 * When the notebook runs by itself: next and last time of each schedule. There only where the server
 * can do it and the notebook has one.
 */

import type { TranslationBundle } from '@jupyterlab/translation';
import React from 'react';

import { useAnswer } from '../../hooks';
import type { Mark } from '../../status';
import { StatusMark, statusWord } from '../../status';
import type { Firing, Schedule, Schedules } from '../../wire';

export interface ISchedulesProps {
  ask: () => Promise<Schedules>;
  /** Asked again when one of these changes. */
  of: readonly unknown[];
  trans: TranslationBundle;
}

export function ScheduleStrip({ ask, of, trans }: ISchedulesProps): React.JSX.Element | null {
  const { answer } = useAnswer(ask, of);
  const schedules = answer?.schedules ?? [];
  return schedules.length === 0 ? null : (
    <ul className="nbflow-Schedules" aria-label={trans.__('Schedules')}>
      {schedules.map(each => (
        <Row key={each.id} schedule={each} trans={trans} />
      ))}
    </ul>
  );
}

function Row({ schedule, trans }: { schedule: Schedule; trans: TranslationBundle }) {
  const { words, timezone, paused, next, last, overlap } = schedule;
  const mark = markOfFiring(last, paused);
  return (
    <li
      className={`nbflow-Schedules-row${paused ? ' nbflow-mod-paused' : ''}`}
      data-schedule={schedule.id}
      title={[`${words} (${timezone})`, overlapWord(overlap, trans)].join('\n')}
    >
      <StatusMark mark={mark} />
      <span className="nbflow-Schedules-words">{words}</span>
      <span className="nbflow-Schedules-times">
        {paused ? trans.__('paused') : next && trans.__('next %1', moment(next))}
        {last && ` · ${lastWord(last, trans)}`}
      </span>
    </li>
  );
}

function markOfFiring(last: Firing | null, paused: boolean): Mark {
  return paused || last === null ? 'none' : last.status;
}

function lastWord(last: Firing, trans: TranslationBundle): string {
  return last.reason === 'overlap'
    ? trans.__('left out %1, %2', moment(last.planned), last.message)
    : trans.__('%1 %2', statusWord(last.status, trans), moment(last.planned));
}

function overlapWord(overlap: Schedule['overlap'], trans: TranslationBundle): string {
  const words: Record<Schedule['overlap'], string> = {
    skip: trans.__('While a run is still going on, the next one is left out.'),
    queue: trans.__('While a run is still going on, the next one waits for its end.'),
    replace: trans.__('While a run is still going on, the next one cancels it.'),
    parallel: trans.__('Runs may go on side by side.')
  };
  return words[overlap];
}

/** In the reader's own time and way: `Tue 06:00`, farther away with the day. */
export function moment(instant: string, now: Date = new Date()): string {
  const at = new Date(instant);
  const days = Math.abs(at.getTime() - now.getTime()) / 86_400_000;
  const day: Intl.DateTimeFormatOptions =
    days < 6
      ? { weekday: 'short' }
      : { day: 'numeric', month: 'short', year: days > 300 ? 'numeric' : undefined };
  return at.toLocaleString(undefined, { ...day, hour: '2-digit', minute: '2-digit' });
}
