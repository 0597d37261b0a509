/**
 * The fields of a recipe's form.
 */

import type { TranslationBundle } from '@jupyterlab/translation';
import { addIcon, closeIcon, folderIcon } from '@jupyterlab/ui-components';
import React from 'react';

import type { GalleryModel, Values } from '../../models/gallery';
import { isAsked, usual } from '../../models/gallery';
import type { RecipeField, Value } from '../../wire';
import { Action, Select } from '../parts';

interface IFieldsProps {
  model: GalleryModel;
  fields: readonly RecipeField[];
  values: Values;
  /** Where the fields are: empty, or `conditions.0.` in a row. */
  place: string;
  trans: TranslationBundle;
  onChange: (name: string, value: Value) => void;
  onBrowse: () => Promise<string | null>;
}

export function Fields(props: IFieldsProps): React.JSX.Element {
  const asked = props.fields.filter(field => isAsked(field, props.values));
  return (
    <>
      {asked.map(field => (
        <Field key={field.name} {...props} field={field} />
      ))}
    </>
  );
}

interface IFieldProps extends IFieldsProps {
  field: RecipeField;
}

function Field(props: IFieldProps): React.JSX.Element {
  const { model, field, place } = props;
  const id = `nbflow-field-${place}${field.name}`;
  const findings = model.findings(`${place}${field.name}`);
  const isGroup = field.type === 'list' || field.type === 'columns';
  const told = (
    <>
      {field.help ? <small id={`${id}-help`}>{field.help}</small> : null}
      {findings.map((finding, at) => (
        <small key={at} className={`nbflow-mod-${finding.severity}`} role="alert">
          {finding.message}
          {finding.hint ? ` – ${finding.hint}` : ''}
        </small>
      ))}
    </>
  );
  if (isGroup) {
    return (
      <fieldset className="nbflow-RecipeField" data-field={field.name}>
        <legend>
          {field.label}
          <Needed {...props} />
        </legend>
        {field.type === 'list' ? <Rows {...props} /> : <Columns {...props} />}
        {told}
      </fieldset>
    );
  }
  return (
    <div className="nbflow-RecipeField" data-field={field.name} data-type={field.type}>
      <label htmlFor={id}>
        {field.label}
        <Needed {...props} />
      </label>
      <Control {...props} id={id} invalid={findings.some(each => each.severity === 'error')} />
      {told}
    </div>
  );
}

function Needed({ field, trans }: IFieldProps): React.JSX.Element | null {
  return field.required ? <abbr title={trans.__('required')}> *</abbr> : null;
}

interface IControlProps extends IFieldProps {
  id: string;
  invalid: boolean;
}

function Control(props: IControlProps): React.JSX.Element {
  const { model, field, values, id, invalid, trans, onChange } = props;
  const value = values[field.name] ?? '';
  const common = {
    id,
    className: 'jp-mod-styled',
    'aria-invalid': invalid || undefined,
    'aria-describedby': field.help ? `${id}-help` : undefined,
    value: typeof value === 'string' || typeof value === 'number' ? value : ''
  };
  const change = (
    event: React.ChangeEvent<HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement>
  ) => onChange(field.name, event.target.value);
  switch (field.type) {
    case 'choice':
      return (
        <Select {...common} onChange={change}>
          {field.choices.map(choice => (
            <option key={choice.value} value={choice.value}>
              {choice.label}
            </option>
          ))}
        </Select>
      );
    case 'table':
      return (
        <Known
          {...common}
          names={model.tables.map(table => table.name)}
          empty={trans.__('no tables above')}
          onChange={change}
        />
      );
    case 'column':
      return (
        <Known
          {...common}
          names={model.columnsOf(field, props).map(column => column.name)}
          empty={trans.__('name of a column')}
          onChange={change}
        />
      );
    case 'boolean':
      return (
        <input
          id={id}
          type="checkbox"
          checked={value === true}
          onChange={event => onChange(field.name, event.target.checked)}
        />
      );
    case 'sql':
      return (
        <textarea
          {...common}
          className="jp-mod-styled nbflow-mod-code"
          rows={6}
          spellCheck={false}
          onChange={change}
        />
      );
    case 'number':
      return <input {...common} type="number" min="0" step="1" onChange={change} />;
    case 'file':
      return <FileField {...props} common={common} onType={change} />;
    case 'text':
    case 'columns':
    case 'list':
      return <input {...common} type="text" spellCheck={false} onChange={change} />;
  }
}

interface IKnownProps {
  id: string;
  className: string;
  value: string | number;
  names: readonly string[];
  empty: string;
  onChange: (event: React.ChangeEvent<HTMLInputElement | HTMLSelectElement>) => void;
}

/** A choice among known names; where none is known, it is typed. */
function Known({ names, empty, onChange, ...common }: IKnownProps): React.JSX.Element {
  if (names.length === 0) {
    return (
      <input {...common} type="text" placeholder={empty} spellCheck={false} onChange={onChange} />
    );
  }
  const known = names.includes(String(common.value));
  return (
    <Select {...common} onChange={onChange}>
      {known ? null : <option value={common.value}>{common.value}</option>}
      {names.map(name => (
        <option key={name} value={name}>
          {name}
        </option>
      ))}
    </Select>
  );
}

interface IFileProps extends IControlProps {
  common: { id: string; className: string; value: string | number };
  onType: (event: React.ChangeEvent<HTMLInputElement>) => void;
}

function FileField({ field, common, onType, onChange, onBrowse, trans }: IFileProps) {
  const browse = async () => {
    const found = await onBrowse();
    if (found !== null) {
      onChange(field.name, found);
    }
  };
  return (
    <span className="nbflow-FileField">
      <input {...common} type="text" spellCheck={false} onChange={onType} />
      <Action icon={folderIcon} label={trans.__('Choose a file')} onClick={() => void browse()} />
    </span>
  );
}

/** Several columns: ticks where they are known, else names with commas between them. */
function Columns(props: IFieldProps): React.JSX.Element {
  const { model, field, values, place, trans, onChange } = props;
  const given = values[field.name];
  const chosen = Array.isArray(given) ? given.map(String) : [];
  const known = model.columnsOf(field, props);
  if (known.length === 0) {
    return (
      <input
        className="jp-mod-styled"
        type="text"
        aria-label={field.label}
        placeholder={trans.__('names, with commas between them')}
        defaultValue={chosen.join(', ')}
        onChange={event => onChange(field.name, split(event.target.value))}
      />
    );
  }
  return (
    <span className="nbflow-RecipeColumns">
      {known.map(column => (
        <label key={column.name} title={column.type}>
          <input
            type="checkbox"
            name={`${place}${field.name}`}
            checked={chosen.includes(column.name)}
            onChange={event =>
              onChange(
                field.name,
                event.target.checked
                  ? [...chosen, column.name]
                  : chosen.filter(each => each !== column.name)
              )
            }
          />
          {column.name}
        </label>
      ))}
    </span>
  );
}

function split(text: string): string[] {
  return text
    .split(',')
    .map(each => each.trim())
    .filter(Boolean);
}

/** Rows of small fields, to which one can add. */
function Rows(props: IFieldProps): React.JSX.Element {
  const { field, values, place, trans, onChange } = props;
  const given = values[field.name];
  const rows = (Array.isArray(given) ? given : []) as Record<string, Value>[];
  const put = (changed: Record<string, Value>[]) => onChange(field.name, changed);
  return (
    <>
      {rows.map((row, at) => (
        <div
          className="nbflow-RecipeRow"
          key={at}
          role="group"
          aria-label={`${field.label} ${at + 1}`}
        >
          <div>
            <Fields
              {...props}
              fields={field.fields}
              values={row}
              place={`${place}${field.name}.${at}.`}
              onChange={(name, value) =>
                put(rows.map((each, i) => (i === at ? { ...each, [name]: value } : each)))
              }
            />
          </div>
          <Action
            icon={closeIcon}
            label={trans.__('Remove this line')}
            onClick={() => put(rows.filter((_, i) => i !== at))}
          />
        </div>
      ))}
      <Action
        text
        icon={addIcon}
        label={trans.__('Add')}
        onClick={() => put([...rows, usual(field.fields)])}
      />
    </>
  );
}
