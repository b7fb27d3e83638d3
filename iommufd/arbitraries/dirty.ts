// Operations on one domain with dirty tracking, as plain data. Positions and lengths are in units of 2 KiB.

import fc from 'fast-check';
import type { Piece } from './sequence.ts';

/** What of IOMMU_HWPT_GET_DIRTY_BITMAP is asked about: a range, or ends of the 64 bits. */
export type DirtyRange = 'units' | 'all' | 'half' | 'wraps';
/** What is wrong with it, apart from that. */
export type DirtySpoil = 'nothing' | 'flags' | 'reserved' | 'id' | 'byte';

export type DirtyOp =
  | { readonly op: 'map'; readonly at: number; readonly length: number }
  | { readonly op: 'unmap'; readonly at: number }
  | { readonly op: 'write'; readonly at: number }
  | { readonly op: 'track'; readonly on: boolean; readonly spoil: DirtySpoil }
  | {
      readonly op: 'get';
      readonly range: DirtyRange;
      readonly at: number;
      readonly length: number;
      /** Exponent of page_size; -1 for a page_size of 0. */
      readonly page: number;
      readonly clear: boolean;
      readonly spoil: DirtySpoil;
      readonly fail: number;
    };

export interface DirtyData {
  /** Folios of the memory that is mapped. */
  readonly layout: readonly Piece[];
  /** IOMMU_OPTION_HUGE_PAGES. */
  readonly large: boolean;
  readonly dirtyOps: boolean;
  /** All of it is mapped, and tracking is on, from the start. */
  readonly tracked: boolean;
  /** Of the bitmap in its page. */
  readonly offset: number;
  readonly ops: readonly DirtyOp[];
}

export const DIRTY_UNITS = 32;

const is = <const T extends string>(op: T): fc.Arbitrary<T> => fc.constant(op);
const page = fc.integer({ min: 0, max: DIRTY_UNITS / 2 - 1 }).map((n) => n * 2);
const at = fc.oneof(
  { weight: 3, arbitrary: page },
  { weight: 1, arbitrary: fc.nat({ max: DIRTY_UNITS - 1 }) },
);
const length = fc.oneof(
  { weight: 3, arbitrary: fc.integer({ min: 1, max: 8 }).map((n) => n * 2) },
  { weight: 1, arbitrary: fc.integer({ min: 1, max: DIRTY_UNITS }) },
);
const mostly = <T>(value: T, others: readonly T[]): fc.Arbitrary<T> =>
  fc.oneof(
    { weight: 9, arbitrary: fc.constant(value) },
    { weight: 1, arbitrary: fc.constantFrom(...others) },
  );
const PAGES = [11, 11, 11, 11, 12, 12, 12, 13, 9, 62, -1];

const map = fc.record({ op: is('map'), at, length });
const get = fc.record({
  op: is('get'),
  range: mostly<DirtyRange>('units', ['all', 'half', 'wraps']),
  at,
  length,
  page: fc.constantFrom(...PAGES),
  clear: fc.boolean(),
  spoil: mostly<DirtySpoil>('nothing', ['flags', 'reserved', 'id', 'byte']),
  fail: mostly(0, [1, 2]),
});

/** An end of the 64 bits and a page size that divides it: rarely drawn by chance. */
const wide = fc
  .tuple(get, fc.constantFrom<DirtyRange>('all', 'half'), fc.constantFrom(61, 62, 63, 12, -1))
  .map(([op, range, size]) => ({ ...op, range, page: size }));

const dirtyOp: fc.Arbitrary<DirtyOp> = fc.oneof(
  { weight: 3, arbitrary: map },
  { weight: 1, arbitrary: fc.record({ op: is('unmap'), at }) },
  { weight: 5, arbitrary: fc.record({ op: is('write'), at }) },
  {
    weight: 2,
    arbitrary: fc.record({
      op: is('track'),
      on: mostly(true, [false]),
      spoil: mostly<DirtySpoil>('nothing', ['flags', 'reserved', 'id']),
    }),
  },
  { weight: 5, arbitrary: get },
  { weight: 1, arbitrary: wide },
);

const piece = fc.record({ order: fc.integer({ min: 0, max: 2 }), gap: fc.boolean() });

export const dirtyArbitrary: fc.Arbitrary<DirtyData> = fc.record({
  layout: fc.array(piece, { minLength: 1, maxLength: 4 }),
  large: fc.boolean(),
  dirtyOps: mostly(true, [false]),
  tracked: fc.boolean(),
  offset: fc.constantFrom(0, 2048, 4081, 4095),
  ops: fc.array(dirtyOp, { minLength: 1, maxLength: 14, size: 'max' }),
});
