/**
 * What a click does, as a command for a terminal. Pure.
 */

/** The command that runs one step of a notebook. */
export function commandLine(path: string, step: string): string {
  return ['nbflow', 'run', quoted(path), '--only', quoted(step)].join(' ');
}

/** A word as a shell takes it for one. */
export function quoted(word: string): string {
  return /^[\w@%+=:,./][\w@%+=:,./-]*$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
