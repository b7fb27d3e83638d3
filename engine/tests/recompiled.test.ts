// Copies of functions, as tsx leaves their texts.

import { expect, test } from 'vitest';
import { recompiled } from '../recompiled.ts';

test('what tsx wraps around nested functions is there, also where a file went through it twice', () => {
  // oxlint-disable-next-line no-new-func, no-implied-eval
  const make = new Function(
    'return (a) => { const twice = __name2(__name((b) => 2 * b, "twice"), "twice"); return twice(a); }',
  ) as () => (a: number) => number;
  expect(() => make()(2)).toThrow('__name');
  expect(recompiled(make())(2)).toBe(4);
});
