/**
 * What has stayed as it was stays the same value, so that whoever compares by identity sees only what
 * has changed. Pure.
 */

/** `now`, with each of its parts that equals the one of `before` exchanged for that. */
export function kept<T>(before: unknown, now: T): T {
  if (before === now || !isTree(before) || !isTree(now)) {
    return now;
  }
  const old = before as Record<string, unknown>;
  const entries = Object.entries(now as Record<string, unknown>);
  const parts = entries.map(([name, part]) => [name, kept(old[name], part)] as const);
  if (
    Array.isArray(before) === Array.isArray(now) &&
    entries.length === Object.keys(old).length &&
    parts.every(([name, part]) => name in old && part === old[name])
  ) {
    return before as T;
  }
  return (Array.isArray(now) ? parts.map(([, part]) => part) : Object.fromEntries(parts)) as T;
}

function isTree(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}
