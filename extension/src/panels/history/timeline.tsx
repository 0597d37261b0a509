/**
 * A run on an axis of time: when each attempt waited, and when it ran.
 */

import type { TranslationBundle } from '@jupyterlab/translation';
import React from 'react';

import { useAnswer } from '../../hooks';
import type { HistoryModel } from '../../models/history';
import type { Bar, TimelineRow } from '../../models/timeline';
import { timelineOf } from '../../models/timeline';
import { took } from '../../models/words';
import { statusWord } from '../../status';
import type { IWorkflows } from '../../tokens';
import type { Run } from '../../wire';
import { Note } from '../parts';

/** Below this the quarters of a run are told in milliseconds. */
const FINE_SECONDS = 2;

interface IProps {
  model: HistoryModel;
  workflows: IWorkflows;
  run: Run;
  trans: TranslationBundle;
}

export function Timeline({ model, workflows, run, trans }: IProps): React.JSX.Element {
  const asked = useAnswer(() => workflows.api.timeline(model.at(run.run)), [run]);
  if (asked.answer === null) {
    return asked.error ? (
      <Note error>{asked.error.message}</Note>
    ) : (
      <Note>{trans.__('Loading the run …')}</Note>
    );
  }
  const { rows, seconds } = timelineOf(asked.answer.attempts, Date.now());
  return (
    <div
      className="nbflow-Timeline"
      role="list"
      aria-label={trans.__('When the steps waited and ran')}
    >
      <div className="nbflow-Timeline-axis" aria-hidden="true">
        {[0, 0.25, 0.5, 0.75, 1].map(share => (
          <span key={share} style={{ left: `${share * 100}%` }}>
            {mark(share * seconds, seconds)}
          </span>
        ))}
      </div>
      {rows.map(row => (
        <Row key={`${row.step} ${row.item ?? ''}`} row={row} trans={trans} />
      ))}
    </div>
  );
}

interface IRowProps {
  row: TimelineRow;
  trans: TranslationBundle;
}

function Row({ row, trans }: IRowProps): React.JSX.Element {
  const name = row.item === null ? row.step : `${row.step} · ${row.item}`;
  const told = row.bars.map(bar => said(bar, trans)).join(', ');
  return (
    <div role="listitem" className="nbflow-Timeline-row" aria-label={`${name}: ${told}`}>
      <span className="nbflow-Timeline-name" title={name}>
        {name}
      </span>
      <span className="nbflow-Timeline-track">
        {row.bars.map((bar, at) => (
          <React.Fragment key={at}>
            <i
              className="nbflow-Timeline-wait"
              style={{ left: `${bar.from * 100}%`, width: `${(bar.begin - bar.from) * 100}%` }}
            />
            <b
              data-state={bar.state}
              title={said(bar, trans)}
              style={{ left: `${bar.begin * 100}%`, width: `${(bar.end - bar.begin) * 100}%` }}
            />
          </React.Fragment>
        ))}
      </span>
    </div>
  );
}

function said({ state, seconds }: Bar, trans: TranslationBundle): string {
  return [statusWord(state, trans), seconds > 0 ? took(seconds) : ''].filter(Boolean).join(' ');
}

/** What stands at a point of the axis of a run that took so long. */
function mark(at: number, seconds: number): string {
  if (at === 0) {
    return '0';
  }
  return seconds < FINE_SECONDS ? `${Math.round(at * 1000)} ms` : took(at);
}
