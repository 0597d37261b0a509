import { describe, expect, test } from '@jest/globals';

import { exchanged, placeOf } from '../models/mending';
import type { Fix } from '../wire';

const FIX: Fix = { old: 'saels', new: 'sales', line: 2, column: 9 };

function mended(source: string, fix: Fix): string | null {
  const place = placeOf(source, fix);
  return place && source.slice(0, place.from) + fix.new + source.slice(place.to);
}

describe('a fix', () => {
  test('changes the piece of text that it names', () => {
    expect(mended('x = 1\ny = 1 + (saels)', { ...FIX, column: 9 })).toBe('x = 1\ny = 1 + (sales)');
  });

  test('counts characters as people do', () => {
    expect(mended('# 📦\nprint("📦", saels)', { ...FIX, column: 11 })).toBe(
      '# 📦\nprint("📦", sales)'
    );
  });

  test('leaves a cell alone that was edited meanwhile', () => {
    expect(mended('x = 1\ny = 12 + (saels)', FIX)).toBeNull();
    expect(mended('x = 1', FIX)).toBeNull();
  });

  test('exchanges a tag and keeps the others', () => {
    const fix = { old: 'retires:2', new: 'retries:2', line: null, column: 0 };
    expect(exchanged(['a', ' retires:2', 'b'], fix)).toEqual(['a', 'retries:2', 'b']);
    expect(exchanged(['a'], fix)).toBeNull();
  });
});
