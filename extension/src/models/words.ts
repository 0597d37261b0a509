/** Figures that may be missing, sizes and moments, as people read them. */

import { duration } from '../format';
import type { Value } from '../wire';

/** How long it took, where that is known. */
export function took(seconds: number | null): string {
  return seconds === null ? '' : duration(seconds);
}

/** A size in the unit that gives few digits. */
export function size(bytes: number | null): string {
  if (bytes === null) {
    return '';
  }
  const units = ['B', 'kB', 'MB', 'GB'];
  const power = bytes < 1 ? 0 : Math.min(Math.floor(Math.log10(bytes) / 3), units.length - 1);
  const scaled = bytes / 1000 ** power;
  return `${power > 0 && scaled < 9.95 ? scaled.toFixed(1) : Math.round(scaled)} ${units[power]}`;
}

/** A moment: the time alone today, with the day otherwise. */
export function moment(iso: string | null, now: Date = new Date()): string {
  if (iso === null) {
    return '';
  }
  const at = new Date(iso);
  const time = at.toLocaleTimeString([], { hour: '2-digit', minute: '2-digit', second: '2-digit' });
  return at.toDateString() === now.toDateString()
    ? time
    : `${at.toLocaleDateString([], { day: 'numeric', month: 'short' })} ${time}`;
}

/** `day 2026-03-14, top 5`. */
export function parametersText(parameters: Record<string, Value>): string {
  return Object.entries(parameters)
    .map(([name, value]) => `${name} ${typeof value === 'string' ? value : JSON.stringify(value)}`)
    .join(', ');
}

/** The answers that two runs were given differently, each as `name: before → after`. */
export function changedParameters(
  before: Record<string, Value>,
  after: Record<string, Value>
): readonly string[] {
  const said = (value: Value | undefined) => (value === undefined ? '–' : JSON.stringify(value));
  return [...new Set([...Object.keys(before), ...Object.keys(after)])]
    .filter(name => said(before[name]) !== said(after[name]))
    .map(name => `${name}: ${said(before[name])} → ${said(after[name])}`);
}
