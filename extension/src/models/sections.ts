/**
 * The sections of a notebook, as its Markdown headings divide it: what the graph can be folded by.
 */

import type { Content, ContentCell } from '../wire';

/** A heading of the first two levels; deeper ones stand within a section. */
const HEADING = /^#{1,2}\s+(.+?)\s*#*\s*$/;
const FENCE = /^\s*(```|~~~)/;

/** Each cell's section: the last heading above it. Cells above the first heading have none. */
export function sections(content: Content): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  let current: string | null = null;
  for (const cell of content.cells) {
    current = lastHeading(cell) ?? current;
    if (current !== null) {
      found.set(cell.id, current);
    }
  }
  return found;
}

function lastHeading(cell: ContentCell): string | null {
  if (cell.cell_type !== 'markdown') {
    return null;
  }
  let fenced = false;
  let last: string | null = null;
  for (const line of cell.source.split('\n')) {
    fenced = FENCE.test(line) ? !fenced : fenced;
    last = (fenced ? null : (HEADING.exec(line)?.[1] ?? null)) ?? last;
  }
  return last;
}
