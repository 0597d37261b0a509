/**
 * The line above a notebook that says whose outputs it shows.
 */

import type { TranslationBundle } from '@jupyterlab/translation';
import { ReactWidget } from '@jupyterlab/ui-components';
import React from 'react';

import { moment } from '../../models/words';
import { statusWord } from '../../status';
import type { Run } from '../../wire';
import { Action, Sign } from '../parts';

interface IActs {
  open: () => void;
  keepMine: () => void;
}

export class OutputsBanner extends ReactWidget {
  constructor(
    private readonly _run: Run,
    private readonly _acts: IActs,
    private readonly _trans: TranslationBundle
  ) {
    super();
    this.addClass('nbflow-OutputsBanner');
  }

  protected render(): React.JSX.Element {
    const { status, started } = this._run;
    const trans = this._trans;
    return (
      <>
        <Sign state={status} trans={trans} />
        <span className="nbflow-OutputsBanner-words" role="status">
          {trans.__(
            'Outputs of the run of %1 (%2). Your own are kept, and saved.',
            moment(started),
            statusWord(status, trans)
          )}
        </span>
        <Action text label={trans.__('Open Result')} onClick={this._acts.open} />
        <Action text label={trans.__('Keep Mine')} onClick={this._acts.keepMine} />
      </>
    );
  }
}
