/**
 * Add a step: cards, the form of one of them, and what it would write.
 */

import type { TranslationBundle } from '@jupyterlab/translation';
import type { LabIcon } from '@jupyterlab/ui-components';
import {
  caretLeftIcon,
  checkIcon,
  downloadIcon,
  fileIcon,
  filterIcon,
  inspectorIcon,
  linkIcon,
  listIcon,
  ReactWidget,
  spreadsheetIcon,
  tableRowsIcon
} from '@jupyterlab/ui-components';
import React from 'react';

import type { GalleryModel } from '../../models/gallery';
import { count } from '../../format';
import type { INotebookWorkflow, IWorkflows } from '../../tokens';
import type { Cooked, Recipe } from '../../wire';
import { insertBelow } from '../cells';
import { Action, Grid, Note } from '../parts';
import { Fields } from './fields';

const ICONS: Record<string, LabIcon> = {
  file: fileIcon,
  sql: tableRowsIcon,
  filter: filterIcon,
  join: linkIcon,
  aggregate: listIcon,
  check: checkIcon,
  chart: inspectorIcon,
  export: downloadIcon
};

export class GalleryPanel extends ReactWidget {
  constructor(
    readonly model: GalleryModel,
    private readonly _workflows: IWorkflows,
    private readonly _browse: () => Promise<string | null>,
    private readonly _trans: TranslationBundle
  ) {
    super();
    this.addClass('nbflow-Gallery');
    model.changed.connect(() => this.update());
    _workflows.currentChanged.connect(() => this.update());
    const follow = (workflow: INotebookWorkflow) =>
      workflow.run.finished.connect(() => void model.reload());
    _workflows.all.forEach(follow);
    _workflows.opened.connect((_, workflow) => follow(workflow));
  }

  protected onAfterShow(): void {
    void this.model.load();
    this.update();
  }

  protected render(): React.JSX.Element {
    const { model, _trans: trans } = this;
    if (this._workflows.current === null) {
      return <Note>{trans.__('Open a notebook to add steps to it.')}</Note>;
    }
    const last = this._last;
    this._last = model.open ?? last;
    return model.open === null ? (
      <Cards model={model} trans={trans} last={last} />
    ) : (
      <Form
        model={model}
        recipe={model.open}
        trans={trans}
        onBrowse={this._browse}
        onInsert={() => void this._insert()}
      />
    );
  }

  /** The card that was open last: whoever comes back is there again. */
  private _last: Recipe | null = null;

  private async _insert(): Promise<void> {
    const workflow = this._workflows.current;
    const cells = await this.model.finish();
    if (workflow !== null && cells !== null) {
      await insertBelow(workflow.panel, cells);
      await this.model.choose(null);
    }
  }
}

interface ICardsProps {
  model: GalleryModel;
  trans: TranslationBundle;
}

function Cards({ model, trans, last }: ICardsProps & { last: Recipe | null }): React.JSX.Element {
  const before = React.useRef<HTMLButtonElement>(null);
  React.useEffect(() => before.current?.focus(), []);
  return (
    <>
      <h2>{trans.__('Add a step')}</h2>
      <p className="nbflow-mod-dim">{trans.__('It goes below the selected cell.')}</p>
      {model.error ? <Note error>{model.error.message}</Note> : null}
      <ul className="nbflow-Cards">
        {model.recipes.map(recipe => (
          <li key={recipe.name}>
            <button
              type="button"
              data-recipe={recipe.name}
              ref={recipe === last ? before : undefined}
              onClick={() => void model.choose(recipe)}
            >
              <Picture recipe={recipe} />
              <span>
                <strong>{recipe.title}</strong>
                <small>{recipe.help}</small>
              </span>
            </button>
          </li>
        ))}
      </ul>
    </>
  );
}

function Picture({ recipe }: { recipe: Recipe }): React.JSX.Element {
  const icon = ICONS[recipe.icon] ?? spreadsheetIcon;
  return <icon.react tag="span" elementSize="large" />;
}

interface IFormProps extends ICardsProps {
  recipe: Recipe;
  onBrowse: () => Promise<string | null>;
  onInsert: () => void;
}

function Form({ model, recipe, trans, onBrowse, onInsert }: IFormProps): React.JSX.Element {
  const head = React.useRef<HTMLHeadingElement>(null);
  React.useEffect(() => head.current?.focus(), [recipe]);
  return (
    <form
      onSubmit={event => {
        event.preventDefault();
        onInsert();
      }}
    >
      <div className="nbflow-Gallery-head">
        <Action
          icon={caretLeftIcon}
          label={trans.__('All steps')}
          onClick={() => void model.choose(null)}
        />
        <h2 ref={head} tabIndex={-1}>
          {recipe.title}
        </h2>
      </div>
      <Fields
        model={model}
        fields={recipe.fields}
        values={model.values}
        place=""
        trans={trans}
        onBrowse={onBrowse}
        onChange={(name, value) => model.set(name, value)}
      />
      {model.error ? <Note error>{model.error.message}</Note> : null}
      {model.cooked ? <Outcome model={model} cooked={model.cooked} trans={trans} /> : null}
      <div className="nbflow-Gallery-foot">
        <button type="submit" className="jp-mod-styled jp-mod-accept">
          {trans.__('Insert')}
        </button>
      </div>
    </form>
  );
}

interface IOutcomeProps extends ICardsProps {
  cooked: Cooked;
}

/** The cells as they would stand in the notebook, and their first rows. */
function Outcome({ model, cooked, trans }: IOutcomeProps): React.JSX.Element {
  const { cells, preview } = cooked;
  return (
    <section className="nbflow-Outcome" aria-label={trans.__('Preview')} aria-live="polite">
      {cells.map((cell, at) => (
        <React.Fragment key={at}>
          <pre tabIndex={0}>{cell.source}</pre>
          {cell.metadata.tags.length > 0 ? (
            <p className="nbflow-RecipeTags">
              {cell.metadata.tags.map(tag => (
                <span key={tag}>{tag}</span>
              ))}
            </p>
          ) : null}
        </React.Fragment>
      ))}
      {model.findings('').map((finding, at) => (
        <Note key={at} error={finding.severity === 'error'}>
          {finding.message}
          {finding.hint ? ` – ${finding.hint}` : ''}
        </Note>
      ))}
      {preview ? (
        <>
          <Grid table={preview} label={trans.__('First rows')} />
          <p className="nbflow-mod-dim">
            {preview.total > preview.rows.length
              ? trans.__('The first %1 rows', count(preview.rows.length))
              : trans._n('%1 row', '%1 rows', preview.rows.length)}
          </p>
        </>
      ) : null}
    </section>
  );
}
