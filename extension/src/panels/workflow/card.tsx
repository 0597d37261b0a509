/**
 * A step as a card.
 */

import type { TranslationBundle } from '@jupyterlab/translation';
import React from 'react';

import { firstWords } from '../../format';
import type { Placed } from '../../models/layout';
import type { ShownResult } from '../../models/outlook';
import type { Items } from '../../models/run';
import type { PictureNode } from '../../models/picture';
import type { Mark } from '../../status';
import { Fact, ItemCount, markOf, sizeOut, StatusMark } from '../../status';
import type { Step } from '../../wire';

export const CARD_WIDTH = 190;
const LINE_HEIGHT = 17;
const PADDING = 7;
const CHIPS_HEIGHT = 20;

/** How large a node is drawn: what runs bring must not move it. */
export function cardHeight(node: PictureNode): number {
  return 2 * PADDING + 2 * LINE_HEIGHT + (chips(node).length > 0 ? CHIPS_HEIGHT : 0);
}

/** Tags worth a place on the card: a step's name stands there anyway. */
export function chips(node: PictureNode): readonly string[] {
  return node.kind === 'step'
    ? (node.steps[0]?.tags.filter(tag => !tag.startsWith('step:')) ?? [])
    : [];
}

export type Light = 'active' | 'parent' | 'child' | 'found' | 'dim' | 'path' | null;

export interface ICardProps {
  node: PictureNode;
  box: Placed;
  /** Seen from so far that only its name can be read. */
  far: boolean;
  result: ShownResult | undefined;
  items: Items | undefined;
  /** How the steps of a folded section went. */
  marks: readonly Mark[];
  light: Light;
  /** How bad the worst finding on its cells is. */
  trouble: 'error' | 'warning' | null;
  focusable: boolean;
  label: string;
  trans: TranslationBundle;
  onOpen: (id: string) => void;
  onFocus: (id: string) => void;
  onMenu: (id: string, x: number, y: number) => void;
  onUnfold: (section: string) => void;
}

export const Card = React.memo(function Card(props: ICardProps): React.JSX.Element {
  const { node, box, result, light, trans } = props;
  const mark = node.kind === 'step' ? markOf(result) : worst(props.marks);
  const lit = light === null ? '' : ` nbflow-mod-${light}`;
  return (
    <div
      className={`nbflow-Card nbflow-mod-${node.kind} nbflow-mod-${mark}${lit}${isStack(node) ? ' nbflow-mod-stack' : ''}`}
      style={{
        left: box.x,
        top: box.y,
        width: box.width,
        height: box.height
      }}
      data-node={node.id}
      data-step={node.kind === 'step' ? node.label : undefined}
      data-status={mark}
      role="button"
      tabIndex={props.focusable ? 0 : -1}
      aria-label={props.label}
      aria-current={light === 'active' ? 'true' : undefined}
      onClick={() => props.onOpen(node.id)}
      onFocus={() => props.onFocus(node.id)}
      onContextMenu={event => {
        event.preventDefault();
        event.stopPropagation();
        props.onMenu(node.id, event.clientX, event.clientY);
      }}
    >
      {props.trouble !== null && (
        <span className={`nbflow-Card-trouble nbflow-mod-${props.trouble}`} aria-hidden="true" />
      )}
      {node.kind === 'definitions' && <Definitions node={node} mark={mark} trans={trans} />}
      {node.kind === 'section' && <Section {...props} mark={mark} />}
      {node.kind === 'step' && props.far && <FarName {...props} mark={mark} />}
      {node.kind === 'step' && !props.far && <StepLines {...props} mark={mark} />}
    </div>
  );
});

/** What fits a card in the larger letters of what is far: to cut it so costs less than a clip. */
const FAR_LETTERS = 18;

function FarName({ node, items, mark, trans }: ICardProps & { mark: Mark }): React.JSX.Element {
  const name = node.label;
  return (
    <div className="nbflow-Card-line">
      <StatusMark mark={mark} />
      <span className="nbflow-Card-name">
        {name.length > FAR_LETTERS ? `${name.slice(0, FAR_LETTERS - 1)}…` : name}
      </span>
      <ItemCount items={items} trans={trans} />
    </div>
  );
}

function StepLines({
  node,
  result,
  items,
  mark,
  trans
}: ICardProps & { mark: Mark }): React.JSX.Element {
  const step = node.steps[0];
  const size = result === undefined ? null : sizeOut(result.outputs, trans);
  return (
    <>
      <div className="nbflow-Card-line">
        <StatusMark mark={mark} />
        <span className="nbflow-Card-name">{node.label}</span>
        <ItemCount items={items} trans={trans} />
        <span className={`nbflow-Language nbflow-mod-${step.language}`}>
          {languageMark(step.language)}
        </span>
      </div>
      <div className="nbflow-Card-line nbflow-Card-facts">
        <span className="nbflow-Card-title">{firstWords(title(step), 60)}</span>
        {result !== undefined && (
          <span className="nbflow-Card-figures">
            {[size, <Fact key="fact" result={result} trans={trans} />]
              .filter(each => each !== null)
              .map((each, at) => (
                <span key={at}>{each}</span>
              ))}
          </span>
        )}
      </div>
      {chips(node).length > 0 && (
        <div className="nbflow-Card-line nbflow-Card-chips">
          {chips(node).map(tag => (
            <span key={tag} className="nbflow-Chip">
              {tag}
            </span>
          ))}
        </div>
      )}
    </>
  );
}

/** What stands for several tasks looks like several cards. */
function isStack(node: PictureNode): boolean {
  return node.kind === 'section' || node.steps.some(step => step.foreach !== null);
}

/** What a step is about: the heading above it, or else the names that it makes. */
export function title(step: Step): string {
  return step.title ?? (step.writes.length > 0 ? `→ ${step.writes.join(', ')}` : '');
}

export function languageMark(language: string): string {
  return { python: 'Py', sql: 'SQL' }[language] ?? language;
}

interface IDefinitionsProps {
  node: PictureNode;
  mark: Mark;
  trans: TranslationBundle;
}

function Definitions({ node, mark, trans }: IDefinitionsProps): React.JSX.Element {
  return (
    <>
      <div className="nbflow-Card-line">
        {mark !== 'none' && <StatusMark mark={mark} />}
        <span className="nbflow-Card-name">{trans.__('Definitions')}</span>
        <span className="nbflow-Card-count">
          {trans._n('%1 cell', '%1 cells', node.cells.length)}
        </span>
      </div>
      <div className="nbflow-Card-line nbflow-Card-facts">
        <span className="nbflow-Card-title">{node.label}</span>
      </div>
    </>
  );
}

function Section({ node, mark, trans, onUnfold }: ICardProps & { mark: Mark }): React.JSX.Element {
  return (
    <>
      <div className="nbflow-Card-line">
        <StatusMark mark={mark} />
        <span className="nbflow-Card-name">{node.label}</span>
        <button
          className="nbflow-Card-unfold jp-Button"
          tabIndex={-1}
          title={trans.__('Unfold')}
          aria-label={trans.__('Unfold %1', node.label)}
          onClick={event => {
            event.stopPropagation();
            onUnfold(node.label);
          }}
        >
          +
        </button>
      </div>
      <div className="nbflow-Card-line nbflow-Card-facts">
        <span className="nbflow-Card-title">
          {trans._n('%1 step', '%1 steps', node.steps.length)}
        </span>
      </div>
    </>
  );
}

/** The marks that weigh most stand first. */
const WEIGHT: readonly Mark[] = [
  'failed',
  'lost',
  'running',
  'storing',
  'waiting',
  'queued',
  'cancelled',
  'skipped',
  'stale',
  'succeeded',
  'reused',
  'none'
];

export function worst(marks: readonly Mark[]): Mark {
  return WEIGHT.find(mark => marks.includes(mark)) ?? 'none';
}
