// Digits of mixed radix are read back in the order written.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { encodeDigits, makeReader } from './digits.ts';

describe('digits', () => {
  const digit = fc
    .integer({ min: 1, max: 5000 })
    .chain((radix) => fc.record({ value: fc.nat(radix - 1), radix: fc.constant(radix) }));

  test('are read in the order written', () => {
    fc.assert(
      fc.property(fc.array(digit, { maxLength: 30 }), (digits) => {
        const reader = makeReader(encodeDigits(digits));
        for (const { value, radix } of digits) expect(reader.read(radix)).toBe(value);
        expect(reader.rest()).toBe(0n);
      }),
      { seed: 8 },
    );
  });

  test('take no more room than they need', () => {
    expect(
      encodeDigits([
        { value: 2, radix: 3 },
        { value: 4, radix: 5 },
      ]),
    ).toBe(14n);
    expect(
      encodeDigits([
        { value: 0, radix: 1 },
        { value: 1, radix: 2 },
      ]),
    ).toBe(1n);
  });

  test('out of range are refused', () => {
    expect(() => encodeDigits([{ value: 3, radix: 3 }])).toThrow(RangeError);
    expect(() => encodeDigits([{ value: -1, radix: 3 }])).toThrow(RangeError);
    expect(() => makeReader(1n).read(0)).toThrow(RangeError);
    expect(() => makeReader(1n).read(1.5)).toThrow(RangeError);
  });
});
