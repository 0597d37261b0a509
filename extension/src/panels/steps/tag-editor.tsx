/**
 * The tags of a cell as a form: every tag that the server knows, with its help, checked while one
 * types. Nobody has to remember how a tag is written.
 */

import type { Dialog } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import { ReactWidget } from '@jupyterlab/ui-components';
import { Debouncer } from '@lumino/polling';
import { Signal } from '@lumino/signaling';
import React from 'react';

import { useSignals } from '../../hooks';
import type { TagForm } from '../../models/tag-form';
import { changed, read, write } from '../../models/tag-form';
import { asRequestError } from '../../request';
import type { Diagnostic, Tag } from '../../wire';
import { Select } from '../parts';

export interface ITagEditorOptions {
  known: readonly Tag[];
  tags: readonly string[];
  /** The other steps, which one can wait for. */
  steps: readonly string[];
  check: (tags: string[]) => Promise<readonly Diagnostic[]>;
  trans: TranslationBundle;
}

const DELAY = 200;

export class TagEditor extends ReactWidget implements Dialog.IBodyWidget<string[]> {
  constructor(private readonly _options: ITagEditorOptions) {
    super();
    this.addClass('nbflow-TagEditor');
    this._known = _options.known.filter(tag => tag.available);
    this._form = read(_options.tags, this._known);
    this._debouncer = new Debouncer(() => this._check(), DELAY);
  }

  /** What the server says of the tags as they are. */
  get found(): readonly Diagnostic[] {
    return this._found;
  }

  getValue(): string[] {
    return write(this._form, this._known);
  }

  dispose(): void {
    this._debouncer.dispose();
    super.dispose();
  }

  protected render(): React.JSX.Element {
    return <Editor editor={this} {...this._options} known={this._known} />;
  }

  readonly changed = new Signal<this, void>(this);

  get form(): TagForm {
    return this._form;
  }

  set(form: TagForm): void {
    this._form = form;
    this.changed.emit();
    void this._debouncer.invoke().catch(() => undefined);
  }

  private async _check(): Promise<void> {
    const tags = this.getValue();
    try {
      const found = await this._options.check(tags);
      if (JSON.stringify(tags) === JSON.stringify(this.getValue())) {
        this._found = found;
      }
    } catch (reason) {
      console.warn('nbflow: the tags could not be checked', asRequestError(reason).message);
    }
    this.changed.emit();
  }

  private _form: TagForm;
  private _found: readonly Diagnostic[] = [];
  private readonly _known: readonly Tag[];
  private readonly _debouncer: Debouncer;
}

interface IEditorProps extends ITagEditorOptions {
  editor: TagEditor;
}

function Editor({ editor, known, steps, trans }: IEditorProps): React.JSX.Element {
  useSignals(editor.changed);
  const fields = (on: Tag['on']) =>
    known
      .filter(tag => tag.on === on)
      .map(tag => (
        <Field
          key={tag.name}
          tag={tag}
          values={editor.form.values.get(tag.name) ?? []}
          steps={steps}
          found={editor.found.filter(each => each.message.includes(`'${tag.name}`))}
          trans={trans}
          onChange={values => editor.set(changed(editor.form, tag.name, values))}
        />
      ));
  return (
    <div className="nbflow-TagEditor-fields">
      <fieldset>
        <legend>{trans.__('Step')}</legend>
        {fields('step')}
      </fieldset>
      <fieldset>
        <legend>{trans.__('Cell')}</legend>
        {fields('cell')}
        {editor.form.others.length > 0 && (
          <div className="nbflow-Field">
            <span className="nbflow-Field-label">{trans.__('Other tags')}</span>
            <span className="nbflow-Field-control">
              {editor.form.others.map(tag => (
                <Chip
                  key={tag}
                  text={tag}
                  trans={trans}
                  onRemove={() =>
                    editor.set({
                      ...editor.form,
                      others: editor.form.others.filter(each => each !== tag)
                    })
                  }
                />
              ))}
            </span>
          </div>
        )}
      </fieldset>
    </div>
  );
}

interface IFieldProps {
  tag: Tag;
  values: readonly string[];
  steps: readonly string[];
  found: readonly Diagnostic[];
  trans: TranslationBundle;
  onChange: (values: string[]) => void;
}

function Field(props: IFieldProps): React.JSX.Element {
  const { tag, values, found } = props;
  const id = `nbflow-tag-${tag.name}`;
  return (
    <div
      className={`nbflow-Field${values.length > 0 ? ' nbflow-mod-set' : ''}`}
      data-tag={tag.name}
    >
      <label className="nbflow-Field-label" htmlFor={id}>
        {tag.label}
      </label>
      <span className="nbflow-Field-control">
        <Control {...props} id={id} />
      </span>
      <span className="nbflow-Field-help" id={`${id}-help`}>
        {tag.help}
      </span>
      {found.map(each => (
        <span key={each.message} className="nbflow-Field-error" role="alert">
          {each.hint ?? each.message}
        </span>
      ))}
    </div>
  );
}

function Control({ tag, values, steps, trans, id, onChange }: IFieldProps & { id: string }) {
  const shared = { id, 'aria-describedby': `${id}-help` };
  const one = (value: string) => onChange(value === '' ? [] : [value]);
  switch (tag.takes) {
    case 'nothing':
      return (
        <input
          {...shared}
          type="checkbox"
          checked={values.length > 0}
          onChange={event => onChange(event.target.checked ? [''] : [])}
        />
      );
    case 'number':
      return (
        <input
          {...shared}
          className="jp-mod-styled"
          type="number"
          min={tag.minimum ?? undefined}
          max={tag.maximum ?? undefined}
          value={values[0] ?? ''}
          onChange={event => one(event.target.value)}
        />
      );
    case 'choice':
      return <Choice {...shared} tag={tag} values={values} trans={trans} onChange={onChange} />;
    case 'names':
      return <Names {...shared} values={values} steps={steps} trans={trans} onChange={onChange} />;
    case 'duration':
    case 'text':
    case 'expression':
      return (
        <>
          <input
            {...shared}
            className="jp-mod-styled"
            type="text"
            list={tag.choices.length > 0 ? `${id}-choices` : undefined}
            placeholder={tag.example.slice(tag.name.length + 1)}
            value={values[0] ?? ''}
            onChange={event => one(event.target.value)}
          />
          {tag.choices.length > 0 && (
            <datalist id={`${id}-choices`}>
              {tag.choices.map(choice => (
                <option key={choice} value={choice} />
              ))}
            </datalist>
          )}
        </>
      );
  }
}

interface IChoiceProps {
  id: string;
  tag: Tag;
  values: readonly string[];
  trans: TranslationBundle;
  onChange: (values: string[]) => void;
}

/** Nothing, the tag alone where that is possible, or one of its choices. */
function Choice({ tag, values, trans, onChange, ...rest }: IChoiceProps): React.JSX.Element {
  const NONE = '\0';
  return (
    <Select
      {...rest}
      value={values[0] ?? NONE}
      onChange={event => onChange(event.target.value === NONE ? [] : [event.target.value])}
    >
      <option value={NONE}>{trans.__('no')}</option>
      {tag.optional && <option value="">{trans.__('yes')}</option>}
      {tag.choices.map(choice => (
        <option key={choice} value={choice}>
          {choice}
        </option>
      ))}
    </Select>
  );
}

interface INamesProps {
  id: string;
  values: readonly string[];
  steps: readonly string[];
  trans: TranslationBundle;
  onChange: (values: string[]) => void;
}

function Names({ values, steps, trans, onChange, ...rest }: INamesProps): React.JSX.Element {
  const left = steps.filter(step => !values.includes(step));
  return (
    <>
      {values.map(name => (
        <Chip
          key={name}
          text={name}
          trans={trans}
          onRemove={() => onChange(values.filter(each => each !== name))}
        />
      ))}
      {left.length > 0 && (
        <Select {...rest} value="" onChange={event => onChange([...values, event.target.value])}>
          <option value="">{trans.__('add a step…')}</option>
          {left.map(step => (
            <option key={step}>{step}</option>
          ))}
        </Select>
      )}
    </>
  );
}

interface IChipProps {
  text: string;
  trans: TranslationBundle;
  onRemove: () => void;
}

function Chip({ text, trans, onRemove }: IChipProps): React.JSX.Element {
  return (
    <span className="nbflow-Chip">
      {text}
      <button
        type="button"
        className="nbflow-Chip-remove"
        aria-label={trans.__('Remove %1', text)}
        onClick={onRemove}
      >
        ×
      </button>
    </span>
  );
}
