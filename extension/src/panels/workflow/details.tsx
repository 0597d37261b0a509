/**
 * What is known of the step that the notebook's cursor is in.
 */

import type { TranslationBundle } from '@jupyterlab/translation';
import React from 'react';

import { count, duration } from '../../format';
import type { ShownResult } from '../../models/outlook';
import type { Picture, PictureEdge, PictureNode } from '../../models/picture';
import { edgeNames } from '../../models/picture';
import type { Mark } from '../../status';
import { markOf, stateWord, StatusMark, statusWord } from '../../status';
import { worst } from './card';
import type { Output } from '../../wire';

export interface IDetailsProps {
  node: PictureNode;
  picture: Picture;
  results: ReadonlyMap<string, ShownResult>;
  /** How many seconds it took the last times, the latest last. */
  durations: readonly number[];
  trans: TranslationBundle;
  onOpen: (node: PictureNode) => void;
  onJump: (cell: string, line: number | null) => void;
  onMenu: (node: PictureNode, x: number, y: number) => void;
}

export function Details(props: IDetailsProps): React.JSX.Element {
  const { node, picture, trans } = props;
  const result = node.kind === 'section' ? undefined : props.results.get(node.steps[0]?.name ?? '');
  const mark =
    node.kind === 'section'
      ? worst(node.steps.map(step => markOf(props.results.get(step.name))))
      : markOf(result);
  const edges = (end: 'from' | 'to') => picture.edges.filter(edge => edge[end] === node.id);
  return (
    <section className="nbflow-Details" aria-label={trans.__('Details of %1', node.label)}>
      <header>
        <StatusMark mark={mark} />
        <strong className="nbflow-Details-name" title={node.label}>
          {node.kind === 'definitions' ? trans.__('Definitions') : node.label}
        </strong>
        <span className="nbflow-Details-facts" title={facts(mark, result, trans)}>
          {facts(mark, result, trans)}
        </span>
        {node.kind === 'step' && <Sparkline seconds={props.durations} trans={trans} />}
        {node.kind === 'step' && (
          <button
            className="nbflow-Details-menu jp-Button"
            aria-haspopup="menu"
            aria-label={trans.__('Actions of %1', node.label)}
            title={trans.__('Actions')}
            onClick={event => {
              const { left, bottom } = event.currentTarget.getBoundingClientRect();
              props.onMenu(node, left, bottom);
            }}
          >
            ⋯
          </button>
        )}
      </header>
      {result?.error && (
        <button
          className="nbflow-Details-error"
          title={trans.__('Show the line')}
          onClick={() =>
            props.onJump(result.error?.cell ?? node.cells[0], result.error?.line ?? null)
          }
        >
          {result.error.type}: {result.error.message}
        </button>
      )}
      {result && !result.error && (result.stale ?? result.message) && (
        <p className="nbflow-Details-message">{result.stale ?? result.message}</p>
      )}
      <Ends title={trans.__('Needs')} edges={edges('to')} end="from" {...props} />
      <Ends title={trans.__('Feeds')} edges={edges('from')} end="to" {...props} />
      {result && result.outputs.length > 0 && (
        <div className="nbflow-Details-row">
          <span className="nbflow-Details-label">{trans.__('Made')}</span>
          <span>{result.outputs.map(output => made(output, trans)).join(', ')}</span>
        </div>
      )}
    </section>
  );
}

const BAR = 4;
const HIGHEST = 14;

/** The last times as bars, where there are some to compare. */
function Sparkline({ seconds, trans }: { seconds: readonly number[]; trans: TranslationBundle }) {
  if (seconds.length < 2) {
    return null;
  }
  const longest = Math.max(...seconds, Number.EPSILON);
  const words = trans.__('Took, the latest last: %1', seconds.map(duration).join(', '));
  return (
    <svg
      className="nbflow-Sparkline"
      width={seconds.length * BAR}
      height={HIGHEST}
      role="img"
      aria-label={words}
    >
      <title>{words}</title>
      {seconds.map((each, at) => {
        const height = Math.max(1, (each / longest) * HIGHEST);
        return <rect key={at} x={at * BAR} y={HIGHEST - height} width={BAR - 1} height={height} />;
      })}
    </svg>
  );
}

function facts(mark: Mark, result: ShownResult | undefined, trans: TranslationBundle): string {
  const parts = [
    result === undefined ? statusWord(mark, trans) : stateWord(result, trans),
    result?.seconds != null && result.action === 'run' ? duration(result.seconds) : null,
    result && result.attempts > 1 ? trans._n('%1 attempt', '%1 attempts', result.attempts) : null
  ];
  return parts.filter(Boolean).join(' · ');
}

function made(output: Output, trans: TranslationBundle): string {
  return output.rows === null
    ? output.name
    : output.columns === null
      ? `${output.name} (${trans._n('%2 row', '%2 rows', output.rows, count(output.rows))})`
      : `${output.name} (${count(output.rows)} × ${output.columns})`;
}

function Ends({
  title,
  edges,
  end,
  picture,
  onOpen
}: IDetailsProps & { title: string; edges: PictureEdge[]; end: 'from' | 'to' }) {
  if (edges.length === 0) {
    return null;
  }
  return (
    <div className="nbflow-Details-row">
      <span className="nbflow-Details-label">{title}</span>
      <ul>
        {edges.map(edge => {
          const other = picture.byId.get(edge[end]);
          return (
            other && (
              <li key={edge.id}>
                <button
                  className="nbflow-Link"
                  title={edge.edges.map(each => each.because).join('\n')}
                  onClick={() => onOpen(other)}
                >
                  {other.label}
                </button>{' '}
                <span className="nbflow-Details-names">{edgeNames(edge).join(', ')}</span>
              </li>
            )
          );
        })}
      </ul>
    </div>
  );
}
