// What is written is read back; what is damaged is refused.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { TokenError, decodeToken, encodeToken } from './token.ts';

const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
/** Every printable character: symbols, look-alikes, dashes, quoting, and the rest. */
const CHARACTERS = Array.from({ length: 95 }, (_, i) => String.fromCharCode(32 + i));
const LARGEST = 2n ** 205n - 1n;
const VALUES = [
  0n,
  1n,
  31n,
  32n,
  123_456_789n,
  2n ** 64n,
  0x5eedn ** 11n,
  LARGEST,
  LARGEST / 7n,
  2n ** 180n + 12_345n,
];

const token = encodeToken;

/** What the damaged text is read as; null where it is refused. */
function readAs(text: string): bigint | null {
  try {
    return decodeToken(text);
  } catch (error) {
    if (!(error instanceof TokenError)) throw error;
    return null;
  }
}

const sameTo = (a: string): string => a.toUpperCase().replace(/O/g, '0').replace(/[IL]/g, '1');

describe('round trip', () => {
  test.each(VALUES)('%s', (value) => {
    expect(decodeToken(token(value))).toBe(value);
  });

  test('any value that fits', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: LARGEST }), (value) => {
        const text = token(value);
        expect(text).toMatch(/^GC1(-[0-9A-HJKMNP-TV-Z]{4})*(-[0-9A-HJKMNP-TV-Z]{1,4})$/);
        expect(text.length).toBeLessThanOrEqual(60);
        expect(decodeToken(text)).toBe(value);
      }),
      { seed: 8 },
    );
  });

  test('60 characters are used up before a value is refused', () => {
    expect(token(LARGEST)).toHaveLength(60);
    expect(() => encodeToken(LARGEST + 1n)).toThrow(TokenError);
    expect(() => encodeToken(-1n)).toThrow(TokenError);
  });

  test('no two values share a token', () => {
    expect(new Set(Array.from({ length: 4096 }, (_, i) => token(BigInt(i)))).size).toBe(4096);
  });
});

describe('reading is lenient where nothing is lost', () => {
  const value = 2n ** 180n + 12_345n;
  const text = token(value);

  test('lower case', () => expect(decodeToken(text.toLowerCase())).toBe(value));
  test('quoted and wrapped', () => {
    const wrapped = `> > >   ${text.slice(0, 20)}\r\n> > > ${text.slice(20, 23)}\n>>${text.slice(23)}  \n`;
    expect(decodeToken(wrapped)).toBe(value);
  });
  test('a space anywhere', () => {
    for (let i = 0; i <= text.length; i++)
      expect(decodeToken(`${text.slice(0, i)} \n> ${text.slice(i)}`)).toBe(value);
  });
  test('look-alikes', () => {
    const digits = VALUES.find((v) => /0/.test(token(v)) && /1/.test(token(v).slice(3))) ?? 0n;
    const written = token(digits);
    expect(written).toMatch(/-.*0/);
    expect(decodeToken(written.replace(/0/g, 'O').replace(/1/g, 'I'))).toBe(digits);
    expect(decodeToken(written.replace(/0/g, 'o').replace(/1/g, 'l'))).toBe(digits);
  });
});

describe('damage shows', () => {
  test.each(VALUES)('one character changed to any other, anywhere: %s', (value) => {
    const text = token(value);
    const damaged = Array.from(text).flatMap((own, i) =>
      CHARACTERS.filter((c) => sameTo(c) !== own).map((c) => text.slice(0, i) + c + text.slice(i + 1)),
    );
    expect(damaged.length).toBeGreaterThanOrEqual(text.length * 92);
    expect(damaged.filter((other) => readAs(other) !== null)).toEqual([]);
  });

  test.each(VALUES)('two neighbours swapped, across a dash as well: %s', (value) => {
    const places = Array.from(token(value));
    const symbols = places.map((c, i) => [c, i] as const).filter(([c, i]) => c !== '-' && i > 3);
    for (let k = 1; k < symbols.length; k++) {
      const [a, i] = symbols[k - 1] ?? expect.unreachable();
      const [b, j] = symbols[k] ?? expect.unreachable();
      if (a === b) continue;
      const damaged = places.map((c, at) => (at === i ? b : at === j ? a : c)).join('');
      expect(readAs(damaged), damaged).toBeNull();
    }
  });

  test.each(VALUES)('one character lost or doubled: %s', (value) => {
    const text = token(value);
    for (let i = 0; i < text.length; i++) {
      expect(readAs(text.slice(0, i) + text.slice(i + 1)), `without ${i}`).toBeNull();
      expect(readAs(text.slice(0, i) + text.charAt(i) + text.slice(i)), `doubled ${i}`).toBeNull();
    }
  });

  test('up to four bits anywhere, as the code promises', () => {
    const symbols = Array.from(
      token(LARGEST / 7n)
        .slice(4)
        .replace(/-/g, ''),
      (c) => ALPHABET.indexOf(c),
    );
    const bits = fc.uniqueArray(fc.nat(symbols.length * 5 - 1), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(bits, (flipped) => {
        const damaged = [...symbols];
        for (const bit of flipped)
          damaged[Math.floor(bit / 5)] = (damaged[Math.floor(bit / 5)] ?? 0) ^ (1 << (bit % 5));
        const text =
          damaged
            .map((symbol) => ALPHABET.charAt(symbol))
            .join('')
            .match(/.{1,4}/g) ?? [];
        expect(readAs(`GC1-${text.join('-')}`)).toBeNull();
      }),
      { seed: 8, numRuns: 2000 },
    );
  });
});

describe('messages', () => {
  const text = token(12_345_678_901n);

  test.each([
    ['', /not a token/],
    ['fallocate(PUNCH_HOLE)', /not a token/],
    ['GC1', /nothing after GC1/],
    ['GC1-', /nothing after GC1/],
    [text.replace('GC1', 'GC2'), /another format version: GC2 where this program reads GC1/],
    [text.slice(0, -1), /damaged/],
    [text.slice(0, 5) + text.slice(6), /group 1, .* has 3 characters/],
    [text.slice(0, 8) + 'A' + text.slice(9), /group 1, .* has 9 characters/],
    [text.slice(0, 5) + 'U' + text.slice(6), /'U' in group 1/],
    [text.slice(0, 5) + (text.charAt(5) === '7' ? '8' : '7') + text.slice(6), /checksum does not match/],
    ['GC1-0000', /checksum/],
  ])('%j', (damaged, message) => {
    expect(() => decodeToken(damaged)).toThrow(TokenError);
    expect(() => decodeToken(damaged)).toThrow(message);
  });
});
