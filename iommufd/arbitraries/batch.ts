// Operations on one pfn_batch, as plain data.

import fc from 'fast-check';

export type BatchOp =
  | { readonly op: 'add'; readonly pfn: number; readonly nr: number; readonly mmio: boolean }
  | { readonly op: 'carry'; readonly keep: number }
  | { readonly op: 'skip'; readonly skip: number }
  | { readonly op: 'clear' };

export interface BatchData {
  readonly runs: number;
  readonly maxNpfns: number;
  readonly ops: readonly BatchOp[];
}

/* Small pfns, so that runs meet; counts that reach the u32 limit where that is small. */
const add = fc.record({
  op: fc.constant('add' as const),
  pfn: fc.integer({ min: 1, max: 12 }),
  nr: fc.integer({ min: 1, max: 4 }),
  mmio: fc.integer({ min: 0, max: 7 }).map((n) => n === 7),
});

export const batchArbitrary: fc.Arbitrary<BatchData> = fc.record({
  runs: fc.integer({ min: 1, max: 5 }),
  maxNpfns: fc.constantFrom(2 ** 32 - 1, 4, 5, 7),
  ops: fc.array(
    fc.oneof(
      { weight: 6, arbitrary: add },
      { weight: 1, arbitrary: fc.record({ op: fc.constant('carry' as const), keep: fc.nat({ max: 5 }) }) },
      { weight: 1, arbitrary: fc.record({ op: fc.constant('skip' as const), skip: fc.nat({ max: 5 }) }) },
      { weight: 1, arbitrary: fc.constant({ op: 'clear' as const }) },
    ),
    { minLength: 1, maxLength: 40, size: 'max' },
  ),
});
