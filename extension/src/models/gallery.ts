/**
 * The gallery of steps to add: which card is open, how its form is filled in, and the cells that
 * the server would write for it.
 */

import { Debouncer } from '@lumino/polling';

import type { DraftAt, IApi } from '../api';
import type {
  Column,
  Cooked,
  Finding,
  NamedTable,
  Recipe,
  RecipeCell,
  RecipeField,
  Value
} from '../wire';
import { AskingModel } from './model';

export type GalleryApi = Pick<IApi, 'recipes' | 'cook' | 'tables' | 'columns'>;

export type Values = Readonly<Record<string, Value>>;

/** The fields that have columns. */
const OWNERS: ReadonlySet<string> = new Set(['table', 'file']);

/** A row of a list: its fields, and what they hold. */
export interface Row {
  fields: readonly RecipeField[];
  values: Values;
}

export class GalleryModel extends AskingModel {
  /** `where`: the notebook that cells would go to, as it stands; null without one. */
  constructor(
    private readonly _api: GalleryApi,
    private readonly _where: () => DraftAt | null,
    delay = 300
  ) {
    super();
    this._debouncer = new Debouncer(() => this._cook(), delay);
  }

  get recipes(): readonly Recipe[] {
    return this._recipes;
  }

  get open(): Recipe | null {
    return this._open;
  }

  get values(): Values {
    return this._values;
  }

  get tables(): readonly NamedTable[] {
    return this._tables;
  }

  /** What the server would write for the form as it is; null while that is not known. */
  get cooked(): Cooked | null {
    return this._cooked;
  }

  override dispose(): void {
    if (!this.isDisposed) {
      this._debouncer.dispose();
    }
    super.dispose();
  }

  async load(): Promise<void> {
    if (this._recipes.length === 0) {
      await this._try(async () => {
        this._recipes = (await this._api.recipes()).recipes;
      });
    }
  }

  /** Open a card; its form begins with the tables that the notebook has. */
  async choose(recipe: Recipe | null): Promise<void> {
    this._open = recipe;
    this._values = recipe === null ? {} : usual(recipe.fields);
    this._touched.clear();
    this._cooked = null;
    this._error = null;
    this._changed.emit();
    const at = this._where();
    if (recipe === null || at === null) {
      return;
    }
    await this._try(async () => {
      this._tables = (await this._api.tables(at)).tables;
    });
    if (this._open === recipe) {
      this._values = { ...this._values, ...firstTable(recipe, this._tables) };
      this.ask();
    }
  }

  /** The notebook has run: its tables may be others now. */
  async reload(): Promise<void> {
    const [recipe, at] = [this._open, this._where()];
    if (recipe !== null && at !== null) {
      await this._try(async () => {
        this._tables = (await this._api.tables(at)).tables;
      });
      this.ask();
    }
  }

  /** Fill in a field of the form. */
  set(name: string, value: Value): void {
    this._touch(name, this._values[name], value);
    this._values = { ...this._values, [name]: value };
    const field = this._open?.fields.find(each => each.name === name);
    if (field?.type === 'file' && typeof value === 'string') {
      void this._lookAt(value);
    }
    this._changed.emit();
    this.ask();
  }

  /** Ask what the form would write, when it was left alone for a moment. */
  ask(): void {
    void this._debouncer.invoke().catch(() => undefined);
  }

  /** Everything is to be said about the form, not only about what was filled in. */
  touchAll(): void {
    this._open?.fields.forEach(field => this._touched.add(field.name));
    this._changed.emit();
  }

  /** What there is to say at a field (or below it, of a list's rows). */
  findings(place: string): readonly Finding[] {
    return (this._cooked?.diagnostics ?? []).filter(
      each => each.field === place && (this._isTouched(place) || each.severity !== 'error')
    );
  }

  /** The columns that a field offers; in a row, of a table that the row or the form names. */
  columnsOf(field: RecipeField, row?: Row): readonly Column[] {
    const form = { fields: this._open?.fields ?? [], values: this._values };
    for (const { fields, values } of row === undefined ? [form] : [row, form]) {
      // A row may have a column of the same name as the form's table: that has no columns.
      const owner = fields.find(each => each.name === field.of && OWNERS.has(each.type));
      if (owner !== undefined) {
        return owner.type === 'file'
          ? this._fileColumns
          : (this._tables.find(each => each.name === values[owner.name])?.columns ?? []);
      }
    }
    return [];
  }

  /** The cells to insert; null where the form cannot be used yet. */
  async finish(): Promise<readonly RecipeCell[] | null> {
    const cooked = await this._cook();
    this.touchAll();
    const cells = cooked?.cells ?? [];
    return cells.length > 0 ? cells : null;
  }

  /** Of rows, what was filled in: a row that has just been added has nothing wrong with it yet. */
  private _touch(name: string, before: Value | undefined, after: Value): void {
    if (!isRows(before) || !isRows(after)) {
      this._touched.add(name);
    } else if (before.length === after.length) {
      after.forEach((row, at) =>
        Object.keys(row)
          .filter(key => row[key] !== before[at][key])
          .forEach(key => this._touched.add(`${name}.${at}.${key}`))
      );
    } else if (before.length > after.length) {
      [...this._touched]
        .filter(place => place.startsWith(`${name}.`))
        .forEach(place => this._touched.delete(place));
    }
  }

  private _isTouched(place: string): boolean {
    return this._touched.has(place) || this._touched.has(place.split('.', 1)[0]);
  }

  private async _lookAt(file: string): Promise<void> {
    this._fileColumns = [];
    const at = this._where();
    if (at === null || file.trim() === '') {
      return;
    }
    try {
      const { columns } = await this._api.columns(at.path, at.content, { file });
      if (this._values.file === file) {
        this._fileColumns = columns;
        this._changed.emit();
      }
    } catch {
      // It may be on its way of being typed; the form itself says what is wrong with it.
    }
  }

  /** The answer to the form as it is now; the newest one is shown. */
  private async _cook(): Promise<Cooked | null> {
    const [recipe, values, at] = [this._open, this._values, this._where()];
    let cooked: Cooked | null = null;
    if (recipe === null || at === null) {
      return cooked;
    }
    const number = ++this._asked;
    await this._try(async () => {
      cooked = await this._api.cook(recipe.name, at, asked(recipe.fields, values));
      if (number === this._asked) {
        this._cooked = cooked;
      }
    });
    return cooked;
  }

  private _recipes: readonly Recipe[] = [];
  private _open: Recipe | null = null;
  private _values: Values = {};
  private _tables: readonly NamedTable[] = [];
  private _fileColumns: readonly Column[] = [];
  private _cooked: Cooked | null = null;
  private _asked = 0;
  private readonly _touched = new Set<string>();
  private readonly _debouncer: Debouncer;
}

function isRows(value: Value | undefined): value is Record<string, Value>[] {
  return Array.isArray(value) && value.every(each => typeof each === 'object' && each !== null);
}

/** A form, or a row of one, before anybody touched it. A list that is needed has a row. */
export function usual(fields: readonly RecipeField[]): Record<string, Value> {
  return Object.fromEntries(fields.map(field => [field.name, usualOf(field)]));
}

function usualOf(field: RecipeField): Value {
  switch (field.type) {
    case 'list':
      return field.required ? [usual(field.fields)] : [];
    case 'columns':
      return [];
    case 'boolean':
      return field.default === true;
    default:
      return field.default ?? '';
  }
}

/** The newest table for the first table field; for a second one, the one before it. */
function firstTable(recipe: Recipe, tables: readonly NamedTable[]): Record<string, Value> {
  const fields = recipe.fields.filter(field => field.type === 'table');
  const names = [...tables].reverse().map(table => table.name);
  return Object.fromEntries(
    fields.flatMap((field, at) => (names[at] === undefined ? [] : [[field.name, names[at]]]))
  );
}

/** Whether a field has a say while the others are filled in so. */
export function isAsked(field: RecipeField, values: Values): boolean {
  return Object.entries(field.when).every(([name, wanted]) =>
    wanted.some(wish => isMet(values[name], wish))
  );
}

/** `*.xlsx` is everything that ends so. */
function isMet(value: Value | undefined, wish: string): boolean {
  if (typeof value !== 'string') {
    return false;
  }
  return wish.startsWith('*') ? value.toLowerCase().endsWith(wish.slice(1)) : value === wish;
}

/** What is sent: the fields that have a say, and nothing where nothing was filled in. */
export function asked(fields: readonly RecipeField[], values: Values): Record<string, Value> {
  const told = fields.filter(field => isAsked(field, values) && values[field.name] !== '');
  return Object.fromEntries(
    told.map(field => [field.name, askedOf(field, values[field.name] ?? null)])
  );
}

function askedOf(field: RecipeField, value: Value): Value {
  if (field.type !== 'list' || !Array.isArray(value)) {
    return value;
  }
  return value.map(row => asked(field.fields, (row ?? {}) as Values));
}
