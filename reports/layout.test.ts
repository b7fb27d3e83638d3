// Wrapping and figures.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { compact, number, wrap } from './layout.ts';

describe('layout', () => {
  test('numbers', () => {
    expect([0, 999, 1000, 234_000, 1_234_567].map(number)).toEqual([
      '0',
      '999',
      '1,000',
      '234,000',
      '1,234,567',
    ]);
    expect([0, 9_999, 10_000, 99_999, 1_250_000, 999_999_999, 12_000_000_000].map(compact)).toEqual([
      '0',
      '9999',
      '10k',
      '99k',
      '1.2M',
      '999M',
      '12G',
    ]);
  });

  test('wrapping loses nothing but blanks, and breaks words only where it must', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[ -~]{0,200}$/), fc.integer({ min: 1, max: 72 }), (line, width) => {
        const lines = wrap(line, width);
        expect(lines.join('').replace(/ /g, '')).toBe(line.replace(/ /g, ''));
        for (const piece of lines) expect(piece.length).toBeLessThanOrEqual(width);
      }),
      { seed: 72 },
    );
    expect(wrap('a kvm_gmem_invalidate_start() b', 20)).toEqual(['a', 'kvm_gmem_invalidate_', 'start() b']);
    expect(wrap('mutex_lock(&pages->mutex)', 20)).toEqual(['mutex_lock(', '&pages->mutex)']);
    expect(wrap('mutex_lock(&pages->mutex)', 8)).toEqual(['mutex_', 'lock(', '&pages->', 'mutex)']);
  });
});
