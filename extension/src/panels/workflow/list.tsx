/**
 * The graph as one column in the notebook's order, with its lines beside it: readable at any width,
 * and a plain list for those who listen.
 */

import type { TranslationBundle } from '@jupyterlab/translation';
import React, { useEffect, useMemo, useRef } from 'react';

import type { Lane } from '../../models/lanes';
import { lanes, width } from '../../models/lanes';
import type { ShownResult } from '../../models/outlook';
import type { Items } from '../../models/run';
import type { Picture, PictureNode } from '../../models/picture';
import { Fact, ItemCount, markOf, sizeOut, stateWord, StatusMark } from '../../status';
import { languageMark, title, worst } from './card';

export interface IListProps {
  picture: Picture;
  results: ReadonlyMap<string, ShownResult>;
  items: ReadonlyMap<string, Items>;
  active: string | null;
  found: ReadonlySet<string> | null;
  trouble: ReadonlyMap<string, 'error' | 'warning'>;
  trans: TranslationBundle;
  onOpen: (node: PictureNode) => void;
  onMenu: (node: PictureNode, x: number, y: number) => void;
  onUnfold: (section: string) => void;
}

const ROW = 38;
const HEADING = 26;
const LANE = 8;
/** With more lanes than this they stand closer. */
const WIDEST = 64;

interface IRow {
  node: PictureNode;
  /** The section that begins here. */
  heading: string | null;
  top: number;
}

export function ListView(props: IListProps): React.JSX.Element {
  const { picture, found, trans } = props;
  const rows = useMemo(() => {
    const nodes = picture.nodes.filter(node => found === null || found.has(node.id));
    return placed(nodes);
  }, [picture, found]);
  const drawn = useMemo(
    () =>
      lanes(
        picture,
        rows.map(row => row.node.id)
      ),
    [picture, rows]
  );
  const sheet = useRef<HTMLDivElement>(null);
  useEffect(() => {
    sheet.current?.querySelector('.nbflow-mod-active')?.scrollIntoView({ block: 'nearest' });
  }, [props.active]);
  const step = Math.min(LANE, WIDEST / Math.max(width(drawn), 1));
  const gutter = width(drawn) * step + 10;
  const height = rows.length === 0 ? 0 : (rows.at(-1)?.top ?? 0) + ROW;
  return (
    <div className="nbflow-List" ref={sheet} onKeyDown={onKeyDown}>
      <div className="nbflow-List-sheet" style={{ height }}>
        <svg width={gutter} height={height} aria-hidden="true">
          {drawn.map(lane => (
            <LaneLine
              key={lane.id}
              lane={lane}
              rows={rows}
              step={step}
              gutter={gutter}
              {...props}
            />
          ))}
        </svg>
        <ol aria-label={trans.__('Steps in the order of the notebook')}>
          {rows.map(({ node, heading, top }) => (
            <React.Fragment key={node.id}>
              {heading !== null && (
                <li
                  className="nbflow-List-heading"
                  style={{ top: top - HEADING, height: HEADING, paddingLeft: gutter }}
                >
                  {heading}
                </li>
              )}
              <Row node={node} top={top} gutter={gutter} {...props} />
            </React.Fragment>
          ))}
        </ol>
      </div>
    </div>
  );
}

function placed(nodes: readonly PictureNode[]): IRow[] {
  let top = 4;
  let section: string | null = null;
  return nodes.map(node => {
    const begins = node.kind === 'step' && node.section !== null && node.section !== section;
    section = node.kind === 'definitions' ? section : node.section;
    top += begins ? HEADING : 0;
    const row = { node, heading: begins ? node.section : null, top };
    top += ROW;
    return row;
  });
}

interface ILaneProps extends IListProps {
  lane: Lane;
  rows: readonly IRow[];
  step: number;
  gutter: number;
}

function LaneLine({ lane, rows, step, gutter, active }: ILaneProps): React.JSX.Element {
  const x = gutter - 8 - (lane.lane + 0.5) * step;
  const end = gutter - 3;
  const y = (row: number) => rows[row].top + 12;
  const isFrom = lane.id === active;
  return (
    <g>
      {lane.to.map(row => {
        const lit = isFrom || rows[row].node.id === active;
        const [from, to] = [y(lane.from), y(row)];
        return (
          <path
            key={row}
            className={`nbflow-Lane${lit ? ' nbflow-mod-lit' : ''}`}
            data-edge={`${lane.id}→${rows[row].node.id}`}
            d={`M${end} ${from + 4}H${x + 4}Q${x} ${from + 4} ${x} ${from + 8}V${to - 8}Q${x} ${to - 4} ${x + 4} ${to - 4}H${end}`}
          />
        );
      })}
    </g>
  );
}

interface IRowProps extends IListProps {
  node: PictureNode;
  top: number;
  gutter: number;
}

function Row(props: IRowProps): React.JSX.Element {
  const { node, picture, results, active, trans } = props;
  const result = node.kind === 'section' ? undefined : results.get(node.steps[0]?.name ?? '');
  const near =
    active !== null &&
    [picture.parents.get(active), picture.children.get(active)].some(ids => ids?.includes(node.id));
  const mark =
    node.kind === 'section'
      ? worst(node.steps.map(step => markOf(results.get(step.name))))
      : markOf(result);
  const name = node.kind === 'definitions' ? trans.__('Definitions') : node.label;
  const needs = (picture.parents.get(node.id) ?? []).flatMap(
    id => picture.byId.get(id)?.label ?? []
  );
  const trouble = node.cells.flatMap(cell => props.trouble.get(cell) ?? [])[0] ?? null;
  return (
    <li
      className={`nbflow-List-row${node.id === active ? ' nbflow-mod-active' : near ? ' nbflow-mod-near' : ''}`}
      style={{ top: props.top, height: ROW, paddingLeft: props.gutter }}
    >
      <button
        className="nbflow-List-step"
        data-step={node.kind === 'step' ? node.label : undefined}
        data-status={mark}
        aria-current={node.id === active ? 'true' : undefined}
        onClick={() => (node.kind === 'section' ? props.onUnfold(node.label) : props.onOpen(node))}
        onContextMenu={event => {
          event.preventDefault();
          event.stopPropagation();
          props.onMenu(node, event.clientX, event.clientY);
        }}
      >
        <StatusMark mark={mark} />
        <span className="nbflow-List-text">
          <span className="nbflow-List-line">
            <span className="nbflow-List-name">{name}</span>
            <ItemCount items={props.items.get(node.label)} trans={trans} />
            {trouble !== null && (
              <span className={`nbflow-List-trouble nbflow-mod-${trouble}`} aria-hidden="true" />
            )}
            {node.kind === 'step' && (
              <span className="nbflow-Language">{languageMark(node.steps[0].language)}</span>
            )}
          </span>
          <span className="nbflow-List-line nbflow-List-facts">
            <span className="nbflow-List-title">{about(node, trans)}</span>
            {result && (
              <span className="nbflow-List-figures">
                <span className="nbflow-Hidden">{stateWord(result, trans)}</span>
                <Figures result={result} trans={trans} />
              </span>
            )}
            {needs.length > 0 && (
              <span className="nbflow-Hidden">{trans.__('needs %1', needs.join(', '))}</span>
            )}
          </span>
        </span>
      </button>
    </li>
  );
}

function about(node: PictureNode, trans: TranslationBundle): string {
  switch (node.kind) {
    case 'definitions':
      return node.label;
    case 'section':
      return trans._n('%1 step', '%1 steps', node.steps.length);
    case 'step':
      return title(node.steps[0]);
  }
}

function Figures({ result, trans }: { result: ShownResult; trans: TranslationBundle }) {
  const size = sizeOut(result.outputs, trans);
  return (
    <>
      {size !== null && <span>{size}</span>}
      <span>
        <Fact result={result} trans={trans} />
      </span>
    </>
  );
}

/** Up and down walk through the steps. */
function onKeyDown(event: React.KeyboardEvent<HTMLDivElement>): void {
  const way = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (way !== undefined) {
    const steps = Array.from(
      event.currentTarget.querySelectorAll<HTMLElement>('.nbflow-List-step')
    );
    const at = steps.indexOf(document.activeElement as HTMLElement);
    steps[Math.min(Math.max(at + way, 0), steps.length - 1)]?.focus();
    event.preventDefault();
  }
}
