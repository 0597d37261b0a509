/**
 * What a step's cell wears: its name, how it is doing, and a menu.
 */

import type { TranslationBundle } from '@jupyterlab/translation';
import { ReactWidget } from '@jupyterlab/ui-components';
import React from 'react';

import type { ShownResult } from '../../models/outlook';
import type { Items } from '../../models/run';
import { Fact, ItemCount, markOf, rowsOut, stateWord, StatusMark } from '../../status';

export interface IBadge {
  step: string;
  result: ShownResult | undefined;
  items: Items | undefined;
}

/**
 * It stands on the border between the code and what the code shows, so that no cell becomes higher
 * and Lab's own toolbar at the upper right is not in the way.
 */
export class BadgeWidget extends ReactWidget {
  constructor(
    private _badge: IBadge,
    private readonly _openMenu: (step: string, x: number, y: number) => void,
    private readonly _trans: TranslationBundle
  ) {
    super();
    this.addClass('nbflow-BadgeRow');
  }

  set badge(badge: IBadge) {
    const { step, result, items } = this._badge;
    if (badge.step !== step || badge.result !== result || badge.items?.ended !== items?.ended) {
      this._badge = badge;
      this.update();
    }
  }

  protected render(): React.JSX.Element {
    const { step, result, items } = this._badge;
    const mark = markOf(result);
    const trans = this._trans;
    const rows = result && rowsOut(result.outputs, trans);
    return (
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
          this._openMenu(step, left, bottom);
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
    );
  }
}

/** What went wrong, what would be done, or what was done. */
function titleOf(result: ShownResult | undefined): string | undefined {
  return result?.error
    ? `${result.error.type}: ${result.error.message}`
    : (result?.stale ?? result?.message);
}
