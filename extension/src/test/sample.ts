import { readFileSync } from 'fs';
import { join } from 'path';

const SAMPLES = join(__dirname, '../../../tests/wire');

/** A document of `tests/wire`, which pytest compares with what the server writes. */
export function sample<T>(name: string): T {
  return JSON.parse(readFileSync(join(SAMPLES, `${name}.json`), 'utf-8')) as T;
}
