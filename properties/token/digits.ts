// Numbers of a known size in one large number, and back: what a token holds. reports/token.ts spells the number.

export interface Digit {
  readonly value: number;
  /** Number of values the digit can have. */
  readonly radix: number;
}

function checkRadix(radix: number): void {
  if (!Number.isSafeInteger(radix) || radix < 1)
    throw new RangeError(`radix ${radix} is not a positive integer`);
}

/** Mixed radix, the first digit least significant: read back in the order written. */
export function encodeDigits(digits: readonly Digit[]): bigint {
  return digits.reduceRight((sum, { value, radix }) => {
    checkRadix(radix);
    if (!Number.isSafeInteger(value) || value < 0 || value >= radix)
      throw new RangeError(`digit ${value} is not below its radix ${radix}`);
    return sum * BigInt(radix) + BigInt(value);
  }, 0n);
}

export interface DigitReader {
  /** The next digit. Past the end all digits are 0. */
  readonly read: (radix: number) => number;
  /** What is left: 0 when everything was read. */
  readonly rest: () => bigint;
}

export function makeReader(value: bigint): DigitReader {
  let rest = value;
  return {
    read: (radix) => {
      checkRadix(radix);
      const digit = Number(rest % BigInt(radix));
      rest /= BigInt(radix);
      return digit;
    },
    rest: () => rest,
  };
}
