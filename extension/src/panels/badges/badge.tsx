/**
 * What a step's cell wears: its name, how it is doing, and a menu; the active one also ways to the
 * steps that it needs and feeds.
 */

import type { TranslationBundle } from '@jupyterlab/translation';
import { ReactWidget } from '@jupyterlab/ui-components';
import React from 'react';

import { feedsIcon, needsIcon } from '../../icons';
import type { Near, Neighbour, Way } from '../../models/near';
import type { ShownResult } from '../../models/outlook';
import type { Items } from '../../models/run';
import { Fact, ItemCount, markOf, rowsOut, stateWord, StatusMark } from '../../status';

export interface IBadge {
  step: string;
  result: ShownResult | undefined;
  items: Items | undefined;
  /** Its neighbours, if its cell is the active one. */
  near: Near | null;
}

/** What pressing a part of it does. */
export interface IBadgeActs {
  openMenu: (step: string, x: number, y: number) => void;
  goToNear: (step: string, way: Way) => void;
}

/**
 * It stands on the border between the code and what the code shows, so that no cell becomes higher
 * and Lab's own toolbar at the upper right is not in the way.
 */
export class BadgeWidget extends ReactWidget {
  constructor(
    private _badge: IBadge,
    private readonly _acts: IBadgeActs,
    private readonly _trans: TranslationBundle
  ) {
    super();
    this.addClass('nbflow-BadgeRow');
  }

  set badge(badge: IBadge) {
    const { step, result, items, near } = this._badge;
    const same = badge.step === step && badge.result === result && badge.near === near;
    if (!same || badge.items?.ended !== items?.ended) {
      this._badge = badge;
      this.update();
    }
  }

  protected render(): React.JSX.Element {
    const { step, result, items, near } = this._badge;
    const mark = markOf(result);
    const trans = this._trans;
    const rows = result && rowsOut(result.outputs, trans);
    return (
      <div className="nbflow-BadgeRow-line">
        {near !== null &&
          WAYS.map(way => (
            <NearButton
              key={way}
              way={way}
              all={near[way]}
              trans={trans}
              onGo={() => this._acts.goToNear(step, way)}
            />
          ))}
        <button
          className={`nbflow-Badge nbflow-mod-${mark}`}
          data-step={step}
          data-status={mark}
          aria-haspopup="menu"
          aria-label={trans.__('Step %1: %2', step, stateWord(result, trans))}
          title={titleOf(result)}
          onMouseDown={event => event.preventDefault()}
          onClick={event => {
            const { left, bottom } = event.currentTarget.getBoundingClientRect();
            this._acts.openMenu(step, left, bottom);
          }}
        >
          <StatusMark mark={mark} />
          <span className="nbflow-Badge-name">{step}</span>
          <ItemCount items={items} trans={trans} />
          {result && (
            <span className="nbflow-Badge-fact">
              <Fact result={result} trans={trans} />
            </span>
          )}
          {rows && <span className="nbflow-Badge-fact">{rows}</span>}
        </button>
      </div>
    );
  }
}

const WAYS: readonly Way[] = ['needs', 'feeds'];

interface INearProps {
  way: Way;
  all: readonly Neighbour[];
  trans: TranslationBundle;
  onGo: () => void;
}

/** The way to what is needed, or fed: the first one's name, and how many more there are. */
function NearButton({ way, all, trans, onGo }: INearProps): React.JSX.Element | null {
  if (all.length === 0) {
    return null;
  }
  const Icon = (way === 'needs' ? needsIcon : feedsIcon).react;
  const steps = all.map(each => each.step).join(', ');
  const words = way === 'needs' ? trans.__('Needs %1', steps) : trans.__('Feeds %1', steps);
  return (
    <button
      className={`nbflow-Near nbflow-mod-${way}`}
      aria-label={words}
      aria-haspopup={all.length > 1 ? 'menu' : undefined}
      title={[words, ...all.map(carried)].join('\n')}
      onMouseDown={event => event.preventDefault()}
      onClick={onGo}
    >
      <Icon tag="span" aria-hidden="true" />
      <span className="nbflow-Badge-name">{all[0].step}</span>
      {all.length > 1 && <span className="nbflow-Badge-fact">+{all.length - 1}</span>}
    </button>
  );
}

function carried({ step, names }: Neighbour): string {
  return names.length > 0 ? `${step}: ${names.join(', ')}` : step;
}

/** What went wrong, what would be done, or what was done. */
function titleOf(result: ShownResult | undefined): string | undefined {
  return result?.error
    ? `${result.error.type}: ${result.error.message}`
    : (result?.stale ?? result?.message);
}
