/**
 * The graph beside a column of steps in the notebook's order: each step that is needed has a lane,
 * a line that runs down to the last step that needs it, as in the drawing of a Git history. Pure.
 */

import type { Picture } from './picture';

export interface Lane {
  /** The row from which it comes, and the rows to which it goes, by their numbers. */
  from: number;
  to: readonly number[];
  /** 0 is next to the steps; lanes with one number never meet. */
  lane: number;
  /** The node from which it comes. */
  id: string;
}

/** A lane for each node that has children; `nodes` are the rows. */
export function lanes(picture: Picture, nodes: readonly string[]): Lane[] {
  const row = new Map(nodes.map((id, at) => [id, at]));
  const ends: number[] = [];
  return nodes.flatMap((id, from) => {
    const to = (picture.children.get(id) ?? [])
      .flatMap(child => row.get(child) ?? [])
      .filter(at => at > from)
      .sort((a, b) => a - b);
    if (to.length === 0) {
      return [];
    }
    const free = ends.findIndex(end => end <= from);
    const lane = free < 0 ? ends.length : free;
    ends[lane] = to[to.length - 1];
    return [{ from, to, lane, id }];
  });
}

/** How many lanes stand beside each other. */
export function width(all: readonly Lane[]): number {
  return Math.max(0, ...all.map(each => each.lane + 1));
}
