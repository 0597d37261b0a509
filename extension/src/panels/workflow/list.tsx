/**
 * The graph as one column in the notebook's order, with its lines beside it: readable at any width,
 * and a plain list for those who listen.
 */

import type { TranslationBundle } from '@jupyterlab/translation';
import React, { useEffect, useMemo, useRef, useState } from 'react';

import { useSize, useStable } from '../../hooks';
import type { Lane } from '../../models/lanes';
import { lanes, width } from '../../models/lanes';
import type { ShownResult } from '../../models/outlook';
import type { Items } from '../../models/run';
import type { Picture, PictureNode } from '../../models/picture';
import { isDoubtful, isOrder } from '../../models/picture';
import type { Mark } from '../../status';
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

export const ListView = React.memo(function ListView(props: IListProps): React.JSX.Element {
  const { picture, found, active, results, trans } = props;
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
    const row = rows.find(({ node }) => node.id === active);
    if (row !== undefined && sheet.current !== null) {
      reveal(sheet.current, row.top);
    }
  }, [active]);
  const span = useSpan(sheet);
  const onOpen = useStable((node: PictureNode) =>
    node.kind === 'section' ? props.onUnfold(node.label) : props.onOpen(node)
  );
  const onMenu = useStable(props.onMenu);
  const near = useMemo(() => neighbours(picture, active), [picture, active]);
  const step = Math.min(LANE, WIDEST / Math.max(width(drawn), 1));
  const gutter = width(drawn) * step + 10;
  const height = rows.length === 0 ? 0 : (rows.at(-1)?.top ?? 0) + ROW;
  return (
    <div className="nbflow-List" ref={sheet} onKeyDown={onKeyDown}>
      <div className="nbflow-List-sheet" style={{ height }}>
        <Lanes
          span={span}
          picture={picture}
          all={drawn}
          rows={rows}
          active={active}
          step={step}
          gutter={gutter}
          height={height}
        />
        <ol aria-label={trans.__('Steps in the order of the notebook')}>
          {rows.map(
            ({ node, heading, top }, at) =>
              meets(span, top, top + ROW) && (
                <React.Fragment key={node.id}>
                  {heading !== null && (
                    <li
                      className="nbflow-List-heading"
                      style={{ top: top - HEADING, height: HEADING, paddingLeft: gutter }}
                    >
                      {heading}
                    </li>
                  )}
                  <Row
                    node={node}
                    position={at + 1}
                    count={rows.length}
                    top={top}
                    gutter={gutter}
                    result={
                      node.kind === 'section' ? undefined : results.get(node.steps[0]?.name ?? '')
                    }
                    mark={
                      node.kind === 'section'
                        ? worst(node.steps.map(each => markOf(results.get(each.name))))
                        : null
                    }
                    items={props.items.get(node.label)}
                    light={node.id === active ? 'active' : near.has(node.id) ? 'near' : null}
                    needs={(picture.parents.get(node.id) ?? [])
                      .flatMap(id => picture.byId.get(id)?.label ?? [])
                      .join(', ')}
                    trouble={node.cells.flatMap(cell => props.trouble.get(cell) ?? [])[0] ?? null}
                    trans={trans}
                    onOpen={onOpen}
                    onMenu={onMenu}
                  />
                </React.Fragment>
              )
          )}
        </ol>
      </div>
    </div>
  );
});

/** What the active step needs and feeds. */
function neighbours(picture: Picture, active: string | null): ReadonlySet<string> {
  const of = active ?? '';
  return new Set([...(picture.parents.get(of) ?? []), ...(picture.children.get(of) ?? [])]);
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

/** The part of the column that is in the document. */
interface ISpan {
  from: number;
  to: number;
}

/** So far beyond what is seen: of a hundred steps all are there, of many those around. */
const BEYOND = 2400;
/** Small moves change nothing. */
const STRIDE = 600;

function useSpan(sheet: React.RefObject<HTMLDivElement>): ISpan {
  const { height } = useSize(sheet);
  const [top, setTop] = useState(0);
  useEffect(() => {
    const element = sheet.current;
    const measure = () => setTop(Math.floor((element?.scrollTop ?? 0) / STRIDE) * STRIDE);
    element?.addEventListener('scroll', measure, { passive: true });
    return () => element?.removeEventListener('scroll', measure);
  }, []);
  return useMemo(() => ({ from: top - BEYOND, to: top + height + STRIDE + BEYOND }), [top, height]);
}

function meets(span: ISpan, from: number, to: number): boolean {
  return from < span.to && to > span.from;
}

/** Scroll as little as possible so that a row is seen. */
function reveal(sheet: HTMLElement, top: number): void {
  const lowest = top + ROW - sheet.clientHeight;
  sheet.scrollTop = Math.min(Math.max(sheet.scrollTop, lowest), top);
}

interface ILanesProps {
  span: ISpan;
  picture: Picture;
  all: readonly Lane[];
  rows: readonly IRow[];
  active: string | null;
  step: number;
  gutter: number;
  height: number;
}

/** The lines beside the rows: those that pass what is seen. */
const Lanes = React.memo(function Lanes(props: ILanesProps): React.JSX.Element {
  const { all, rows, gutter, height, active, picture } = props;
  const y = (row: number) => rows[row].top + 12;
  return (
    <svg width={gutter} height={height} aria-hidden="true">
      {all.map(lane =>
        lane.to.map(row => {
          const [start, end] = [y(lane.from), y(row)];
          const id = `${lane.id}→${rows[row].node.id}`;
          const edge = picture.byEdge.get(id);
          if (edge === undefined || !meets(props.span, start, end)) {
            return null;
          }
          const kinds = [
            isDoubtful(edge) ? ' nbflow-mod-may' : '',
            isOrder(edge) ? ' nbflow-mod-order' : '',
            lane.id === active || rows[row].node.id === active ? ' nbflow-mod-lit' : ''
          ];
          const x = gutter - 8 - (lane.lane + 0.5) * props.step;
          const side = gutter - 3;
          return (
            <path
              key={id}
              className={`nbflow-Lane${kinds.join('')}`}
              data-edge={id}
              d={`M${side} ${start + 4}H${x + 4}Q${x} ${start + 4} ${x} ${start + 8}V${end - 8}Q${x} ${end - 4} ${x + 4} ${end - 4}H${side}`}
            />
          );
        })
      )}
    </svg>
  );
});

interface IRowProps {
  node: PictureNode;
  /** The how manieth row it is, of how many. */
  position: number;
  count: number;
  top: number;
  gutter: number;
  result: ShownResult | undefined;
  /** How a folded section went; a step has a result of its own. */
  mark: Mark | null;
  items: Items | undefined;
  light: 'active' | 'near' | null;
  needs: string;
  trouble: 'error' | 'warning' | null;
  trans: TranslationBundle;
  onOpen: (node: PictureNode) => void;
  onMenu: (node: PictureNode, x: number, y: number) => void;
}

const Row = React.memo(function Row(props: IRowProps): React.JSX.Element {
  const { node, result, light, needs, trouble, trans } = props;
  const mark = props.mark ?? markOf(result);
  const name = node.kind === 'definitions' ? trans.__('Definitions') : node.label;
  return (
    <li
      className={`nbflow-List-row${light === null ? '' : ` nbflow-mod-${light}`}`}
      style={{ top: props.top, height: ROW, paddingLeft: props.gutter }}
      aria-posinset={props.position}
      aria-setsize={props.count}
    >
      <button
        className="nbflow-List-step"
        data-step={node.kind === 'step' ? node.label : undefined}
        data-status={mark}
        aria-current={light === 'active' ? 'true' : undefined}
        onClick={() => props.onOpen(node)}
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
            <ItemCount items={props.items} trans={trans} />
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
            {needs !== '' && <span className="nbflow-Hidden">{trans.__('needs %1', needs)}</span>}
          </span>
        </span>
      </button>
    </li>
  );
});

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
