/**
 * Small parts that several panels are made of.
 */

import { Notification } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { LabIcon } from '@jupyterlab/ui-components';
import React from 'react';

import { count } from '../format';
import type { State } from '../models/history';
import { asRequestError } from '../request';
import { StatusMark, statusWord } from '../status';
import type { Column, Table, Value } from '../wire';

/** Do it; what goes wrong is told. */
export async function attempt(act: () => Promise<unknown>): Promise<void> {
  try {
    await act();
  } catch (reason) {
    Notification.error(asRequestError(reason).message);
  }
}

/** A state by shape and colour; its word is for who hears it, or hovers. */
export function Sign({ state, trans }: { state: State; trans: TranslationBundle }) {
  const word = statusWord(state, trans);
  return (
    <span className="nbflow-Sign" title={word} role="img" aria-label={word}>
      <StatusMark mark={state} />
    </span>
  );
}

interface IActionProps {
  label: string;
  icon?: LabIcon;
  onClick: () => void;
  disabled?: boolean;
  pressed?: boolean;
  text?: boolean;
}

/** A button as Lab's own panels have them. */
export function Action({ label, icon, onClick, disabled, pressed, text }: IActionProps) {
  return (
    <button
      type="button"
      className={`nbflow-Action${text || !icon ? ' nbflow-mod-text' : ''}`}
      title={label}
      aria-label={label}
      aria-pressed={pressed}
      disabled={disabled}
      onClick={onClick}
    >
      {icon ? <icon.react tag="span" elementSize="normal" /> : null}
      {text || !icon ? label : null}
    </button>
  );
}

/** A choice, with the arrow that tells one; Lab's theme takes away the browser's own. */
export function Select(props: React.SelectHTMLAttributes<HTMLSelectElement>): React.JSX.Element {
  return (
    <span className="nbflow-Select">
      <select className="jp-mod-styled" {...props} />
    </span>
  );
}

/** Something went wrong, or is not there (yet). */
export function Note({ children, error }: { children: React.ReactNode; error?: boolean }) {
  return (
    <p
      className={`nbflow-Note${error ? ' nbflow-mod-error' : ''}`}
      role={error ? 'alert' : 'status'}
    >
      {children}
    </p>
  );
}

interface ITabsProps<T extends string> {
  label: string;
  tabs: readonly { id: T; label: string }[];
  current: T;
  onSelect: (id: T) => void;
}

/** Tabs that arrows walk through. */
export function Tabs<T extends string>({ label, tabs, current, onSelect }: ITabsProps<T>) {
  const step = (event: React.KeyboardEvent, by: number) => {
    const at = tabs.findIndex(tab => tab.id === current);
    const next = tabs[(at + by + tabs.length) % tabs.length];
    event.preventDefault();
    onSelect(next.id);
    const list = event.currentTarget;
    list.querySelector<HTMLElement>(`[data-tab="${next.id}"]`)?.focus();
  };
  return (
    <div
      className="nbflow-Tabs"
      role="tablist"
      aria-label={label}
      onKeyDown={event => {
        if (event.key === 'ArrowRight') {
          step(event, 1);
        } else if (event.key === 'ArrowLeft') {
          step(event, -1);
        }
      }}
    >
      {tabs.map(tab => (
        <button
          key={tab.id}
          type="button"
          role="tab"
          data-tab={tab.id}
          aria-selected={tab.id === current}
          tabIndex={tab.id === current ? 0 : -1}
          onClick={() => onSelect(tab.id)}
        >
          {tab.label}
        </button>
      ))}
    </div>
  );
}

/** Rows under their columns. */
export function Grid({ table, label }: { table: Pick<Table, 'columns' | 'rows'>; label: string }) {
  return (
    <div className="nbflow-Grid" tabIndex={0} role="region" aria-label={label}>
      <table>
        <thead>
          <tr>
            {table.columns.map(column => (
              <th key={column.name} scope="col" data-numeric={isNumeric(column)}>
                {column.name}
                <small>{column.type}</small>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {table.rows.map((row, at) => (
            <tr key={at}>
              {row.map((cell, place) => (
                <td key={place} data-numeric={isNumeric(table.columns[place])}>
                  {cell === null ? <span className="nbflow-mod-dim">–</span> : shown(cell)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

const NUMERIC = /^(U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?|FLOAT|DOUBLE|DECIMAL)/;

function isNumeric(column: Column | undefined): boolean {
  return column !== undefined && NUMERIC.test(column.type);
}

/** A value of a cell as a text. */
export function shown(value: Value): string {
  if (typeof value === 'number' && Number.isInteger(value)) {
    return count(value);
  }
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}
