/**
 * Fixes of findings: where in a cell they stand. Pure; a cell that was edited meanwhile is left alone.
 */

import type { Fix } from '../wire';

export interface Span {
  from: number;
  to: number;
}

/** The piece of a cell's text that a fix changes; null where it does not stand there (any more). */
export function placeOf(source: string, fix: Fix): Span | null {
  const lines = source.split('\n');
  const text = fix.line === null ? undefined : lines[fix.line - 1];
  if (fix.line === null || text === undefined) {
    return null;
  }
  // The server counts characters, an editor counts their halves, too.
  const before = [...text].slice(0, fix.column).join('').length;
  const start = lines.slice(0, fix.line - 1).reduce((sum, line) => sum + line.length + 1, 0);
  const from = start + before;
  return text.startsWith(fix.old, before) ? { from, to: from + fix.old.length } : null;
}

/** A cell's tags after a fix; null where there is no such tag (any more). */
export function exchanged(tags: readonly string[], fix: Fix): string[] | null {
  const at = tags.findIndex(tag => tag.trim() === fix.old.trim());
  return at < 0 ? null : tags.map((tag, index) => (index === at ? fix.new : tag));
}
