import { describe, expect, test } from '@jest/globals';

import { combined } from '../models/combine';
import type { GalleryApi } from '../models/gallery';
import { asked, GalleryModel, isAsked, usual } from '../models/gallery';
import { size, took } from '../models/words';
import type { Cooked, Graph, NamedTables, Recipe, Recipes, Value } from '../wire';
import { Answer } from './fakes';
import { sample } from './sample';

const RECIPES = sample<Recipes>('recipes').recipes;

function recipe(name: string): Recipe {
  const found = RECIPES.find(each => each.name === name);
  if (found === undefined) {
    throw new Error(name);
  }
  return found;
}

class Server implements GalleryApi {
  cooks: Record<string, Value>[] = [];
  answers: Promise<Cooked>[] = [];
  recipes = () => Promise.resolve(sample<Recipes>('recipes'));
  tables = () => Promise.resolve(sample<NamedTables>('tables'));
  columns = () => Promise.resolve({ schema_version: 1, columns: [{ name: 'a', type: 'DATE' }] });
  cook = (_: string, __: unknown, values: Record<string, Value>) => {
    this.cooks.push(values);
    return this.answers.shift() ?? Promise.resolve(sample<Cooked>('recipe'));
  };
}

const CONTENT = { nbformat: 4, nbformat_minor: 5, metadata: {}, cells: [] };

function gallery() {
  const server = new Server();
  const model = new GalleryModel(server, () => ({ path: 'a.ipynb', content: CONTENT }), 0);
  return { server, model };
}

describe('the gallery', () => {
  test('begins a form with the newest table', async () => {
    const { model } = gallery();
    await model.load();
    await model.choose(recipe('filter'));
    expect(model.values.table).toBe('stores');
    await model.choose(recipe('join'));
    expect([model.values.left, model.values.right]).toEqual(['stores', 'sales']);
  });

  test('offers in a row the columns of the table that the row names', async () => {
    const { model } = gallery();
    await model.choose(recipe('check'));
    const fields = recipe('check').fields.find(each => each.name === 'expectations')?.fields ?? [];
    const [key, column] = ['key', 'column'].map(name => fields.find(each => each.name === name));
    const row = { fields, values: { other: 'sales' } };
    const names = (field: typeof key) => field && model.columnsOf(field, row).map(one => one.name);
    expect(names(key)).toEqual(['store', 'amount']);
    expect(names(column)).toEqual([]);
  });

  test('offers in a row of a join the columns of the two tables', async () => {
    const { model } = gallery();
    await model.choose(recipe('join'));
    const fields = recipe('join').fields.find(each => each.name === 'keys')?.fields ?? [];
    const row = { fields, values: { left: '', right: '' } };
    const names = fields.map(field => model.columnsOf(field, row).map(one => one.name));
    expect(names).toEqual([[], ['store', 'amount']]); // stores, and sales
  });

  test('offers the columns of the table that was chosen, or of the file', async () => {
    const { model } = gallery();
    await model.choose(recipe('filter'));
    model.set('table', 'sales');
    const columns = recipe('filter').fields.find(each => each.name === 'columns');
    expect(columns && model.columnsOf(columns).map(each => each.name)).toEqual(['store', 'amount']);
    await model.choose(recipe('read'));
    const told = new Promise<void>(resolve =>
      model.changed.connect(() => (model.columnsOf(ofFile).length > 0 ? resolve() : undefined))
    );
    const ofFile = recipe('read').fields.filter(each => each.of === 'file')[0];
    model.set('file', 'a.csv');
    await told;
    expect(model.columnsOf(ofFile)).toEqual([{ name: 'a', type: 'DATE' }]);
    model.dispose();
  });

  test('knows the tables of a run that ends while a form is open', async () => {
    const { server, model } = gallery();
    server.tables = () => Promise.resolve({ schema_version: 1, tables: [] });
    await model.choose(recipe('filter'));
    expect(model.tables).toEqual([]);
    server.tables = () => Promise.resolve(sample<NamedTables>('tables'));
    await model.reload();
    expect(model.tables.map(each => each.name)).toEqual(['sales', 'stores']);
    model.dispose();
  });

  test('gives the cells of the form as it is', async () => {
    const { server, model } = gallery();
    await model.choose(recipe('filter'));
    model.set('limit', '5');
    const cells = await model.finish();
    expect(cells?.length).toBe(1);
    expect(server.cooks.at(-1)).toMatchObject({ table: 'stores', limit: '5' });
    model.dispose();
  });

  test('gives the cells of the form as it is, though it is just being asked for again', async () => {
    const { server, model } = gallery();
    await model.choose(recipe('filter'));
    const first = new Answer<Cooked>();
    server.answers = [first.promise, Promise.resolve(sample<Cooked>('recipe-wrong'))];
    const finished = model.finish();
    const shown = new Promise<void>(resolve =>
      model.changed.connect(() => (model.cooked === null ? undefined : resolve()))
    );
    model.ask();
    await shown;
    first.give(sample<Cooked>('recipe'));
    expect((await finished)?.length).toBe(1);
    model.dispose();
  });

  test('gives nothing where something is wrong, and then says all of it', async () => {
    const { server, model } = gallery();
    await model.choose(recipe('filter'));
    server.answers = [Promise.resolve(sample<Cooked>('recipe-wrong'))];
    const wrong = 'conditions.0.value';
    expect(model.findings(wrong)).toEqual([]);
    expect(await model.finish()).toBeNull();
    expect(model.findings(wrong).map(each => each.message)).toEqual(["'much' is not a number"]);
    model.dispose();
  });

  test('says nothing of a row before it is filled in', async () => {
    const { server, model } = gallery();
    server.cook = () => Promise.resolve(sample<Cooked>('recipe-wrong'));
    await model.choose(recipe('filter'));
    const told = () => model.findings('conditions.0.value').length;
    const cooked = new Promise<void>(resolve =>
      model.changed.connect(() => (model.cooked === null ? undefined : resolve()))
    );
    const change = async (conditions: Value) => {
      model.set('conditions', conditions);
      await cooked;
    };
    await change([{ column: '', operator: 'is', value: '' }]);
    expect(model.cooked?.diagnostics).toHaveLength(1);
    expect(told()).toBe(0);
    await change([{ column: 'amount', operator: 'is', value: '' }]);
    expect(told()).toBe(0);
    await change([{ column: 'amount', operator: 'is', value: 'much' }]);
    expect(told()).toBe(1);
    await change([]);
    expect(told()).toBe(0);
    model.dispose();
  });

  test('tells what went wrong on the way', async () => {
    const { server, model } = gallery();
    await model.choose(recipe('filter'));
    server.answers = [Promise.reject(new Error('offline'))];
    expect(await model.finish()).toBeNull();
    expect(model.error?.message).toBe('offline');
    model.dispose();
  });
});

test('a field is asked while the others are filled in so', () => {
  const conditions = recipe('filter').fields.find(each => each.name === 'conditions');
  const value = conditions?.fields.find(each => each.name === 'value');
  expect(value && isAsked(value, { operator: 'is' })).toBe(true);
  expect(value && isAsked(value, { operator: 'missing' })).toBe(false);
});

test.each([
  ['sales.csv', false],
  ['', false],
  ['Sales.XLSX', true]
])('a sheet is asked for where the file has some: %s', (file, wanted) => {
  const sheet = recipe('read').fields.find(each => each.name === 'sheet');
  expect(sheet && isAsked(sheet, { file })).toBe(wanted);
});

test('a list that is needed begins with a row; what is not asked is not sent', () => {
  const { fields } = recipe('aggregate');
  const values = usual(fields);
  expect(values.measures).toHaveLength(1);
  const measures = [{ function: 'rows', column: 'left over', name: '' }];
  expect(asked(fields, { ...values, table: 'sales', measures })).toEqual({
    table: 'sales',
    by: [],
    measures: [{ function: 'rows' }]
  });
});

describe('two steps become one', () => {
  const graph = sample<Graph>('show');
  const [above, below] = graph.steps;

  test('by the name of the upper one', () => {
    const tags = combined(graph, below.cells[0], cell =>
      cell === below.cells[0] ? ['step:old', 'retries:2'] : []
    );
    expect([...tags]).toEqual([
      [above.cells[0], [`step:${above.name}`]],
      [below.cells[0], [`step:${above.name}`, 'retries:2']]
    ]);
  });

  test('but not the first, nor what is no step', () => {
    expect(combined(graph, above.cells[0], () => []).size).toBe(0);
    expect(combined(graph, null, () => []).size).toBe(0);
    expect(combined(null, 'x', () => []).size).toBe(0);
  });
});

test('numbers are written as people read them', () => {
  expect([null, 9.4, 185].map(took)).toEqual(['', '9.4 s', '3 min 05 s']);
  expect([null, 0, 999, 45056, 2_500_000].map(size)).toEqual([
    '',
    '0 B',
    '999 B',
    '45 kB',
    '2.5 MB'
  ]);
});
