/**
 * A cell's tags as the fields of a form, and back. What the form does not know stays as it is. Pure.
 */

import type { Tag } from '../wire';

/** What stands in the fields, by the tag's name: each use of the tag is one text (`''`: no value). */
export interface TagForm {
  values: ReadonlyMap<string, readonly string[]>;
  /** Other people's tags, and ours that cannot be edited here. */
  others: readonly string[];
}

export function read(tags: readonly string[], known: readonly Tag[]): TagForm {
  const values = new Map<string, string[]>();
  const others: string[] = [];
  for (const text of tags) {
    const tag = known.find(each => fits(text, each));
    if (tag === undefined) {
      others.push(text);
    } else {
      const value = text === tag.name ? '' : text.slice(tag.name.length + 1);
      values.set(tag.name, [...(values.get(tag.name) ?? []), value]);
    }
  }
  return { values, others };
}

/** The form as tags, in the order in which the server tells them, other people's last. */
export function write({ values, others }: TagForm, known: readonly Tag[]): string[] {
  const ours = known.flatMap(tag =>
    (values.get(tag.name) ?? []).map(value => (value === '' ? tag.name : `${tag.name}:${value}`))
  );
  return [...ours, ...others];
}

/** The form with other values for one tag; none takes the tag away. */
export function changed(form: TagForm, name: string, to: readonly string[]): TagForm {
  const values = new Map(form.values);
  if (to.length === 0) {
    values.delete(name);
  } else {
    values.set(name, to);
  }
  return { ...form, values };
}

/** Whether a text is this tag: alone where it may be, with a colon where it takes something. */
function fits(text: string, tag: Tag): boolean {
  return text === tag.name
    ? tag.takes === 'nothing' || tag.optional
    : tag.takes !== 'nothing' && text.startsWith(`${tag.name}:`);
}

/** The cells' tags when their step is called `name`: an empty name gives the name back. */
export function renamed(tags: readonly string[], name: string): string[] {
  const rest = tags.filter(tag => !tag.startsWith('step:'));
  return name === '' ? rest : [`step:${name}`, ...rest];
}
