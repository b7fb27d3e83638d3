// Calls on the IOVA space of two IOASes, as plain data. Positions and lengths are in units of 2 KiB, negative ones
// from the end of what an unsigned long holds; those of user memory from its start.

import fc from 'fast-check';

export interface IovaRange {
  readonly at: number;
  readonly length: number;
}

/** The field that is one byte less, modulo an unsigned long: 0 becomes ULONG_MAX. */
export type Odd = 'nothing' | 'iova' | 'length' | 'va';

interface OnRange extends IovaRange {
  readonly ioas: number;
  readonly odd: Odd;
}

export type IovaOp =
  | { readonly op: 'allow'; readonly ioas: number; readonly ranges: readonly IovaRange[] }
  | (IovaRange & { readonly op: 'reserve'; readonly ioas: number })
  | (OnRange & {
      readonly op: 'map';
      /** IOMMU_IOAS_MAP_FIXED_IOVA. */
      readonly fixed: boolean;
      readonly va: number;
      readonly write: boolean;
    })
  | (OnRange & {
      readonly op: 'copy';
      readonly fixed: boolean;
      readonly from: number;
      readonly source: number;
      readonly write: boolean;
    })
  | (OnRange & { readonly op: 'unmap' })
  | { readonly op: 'unmap_all'; readonly ioas: number }
  /** VFIO_IOMMU_UNMAP_DMA. */
  | (OnRange & { readonly op: 'vfio_unmap'; readonly flags: number });

export interface IovaData {
  /** IOAS 0 has a domain, whose aperture begins at 0. */
  readonly domain: boolean;
  /** IOMMU_OPTION_HUGE_PAGES of both: 0 is what VFIO type 1 asks for. */
  readonly large: boolean;
  readonly ops: readonly IovaOp[];
}

export const IOVA_UNITS = 32;

const is = <const T extends string>(op: T): fc.Arbitrary<T> => fc.constant(op);
const often = <T>(
  weight: number,
  arbitrary: fc.Arbitrary<T>,
): { weight: number; arbitrary: fc.Arbitrary<T> } => ({
  weight,
  arbitrary,
});
const even = fc.nat({ max: IOVA_UNITS / 2 - 1 }).map((n) => n * 2);
const any = fc.nat({ max: IOVA_UNITS - 1 });
const fromEnd = fc.integer({ min: 1, max: 4 }).map((n) => -n);
/* Where automatic IOVAs begin, and what is fixed meets them. */
const near = fc.constantFrom(2, 4, 8);
const at = fc.oneof(often(6, near), often(3, even), often(2, any), often(1, fromEnd));
const length = fc.oneof(
  often(
    6,
    fc.integer({ min: 1, max: 4 }).map((n) => n * 2),
  ),
  often(3, fc.integer({ min: 1, max: 8 })),
  often(1, fc.constantFrom(0, IOVA_UNITS, 1024, 2 ** 20, 2 ** 41, -1, -2, -4)),
);
/** Of what may be more than is mapped. */
const upTo = fc.oneof(often(2, length), often(1, fc.integer({ min: 8, max: IOVA_UNITS })));
const short = fc.oneof(often(3, fc.constantFrom(1, 2, 2, 4)), often(1, length));
const ioas = fc.constantFrom(0, 0, 1);
const odd = (fields: readonly Odd[]): fc.Arbitrary<Odd> =>
  fc.oneof(often(14, fc.constant<Odd>('nothing')), often(1, fc.constantFrom(...fields)));
const onRange = { ioas, at, length, odd: odd(['iova', 'length']) };

const map = fc.record({
  op: is('map'),
  ...onRange,
  odd: odd(['iova', 'length', 'va']),
  fixed: fc.boolean(),
  va: fc.oneof(often(6, even), often(3, any), often(1, fromEnd)),
  write: fc.boolean(),
});
const copy = fc.record({
  op: is('copy'),
  ...onRange,
  length: short,
  fixed: fc.boolean(),
  from: ioas,
  source: at,
  write: fc.boolean(),
});
/* Mostly behind the first page, which no automatic IOVA is in. */
const range = fc.record({
  at: fc.oneof(often(5, fc.integer({ min: 2, max: IOVA_UNITS - 1 })), often(1, at)),
  length,
});
const all = fc
  .tuple(ioas, fc.constantFrom(0, 0, 0, 2), fc.constantFrom(0, 0, 0, 2))
  .map(([id, start, size]) => ({ ioas: id, at: start, length: size, flags: 2 }));
const some = fc.record({ ioas, at, length: upTo, flags: fc.constantFrom(0, 0, 0, 0, 0, 0, 0, 1) });
const vfioUnmap = fc
  .tuple(fc.oneof(often(4, some), often(1, all)), onRange.odd)
  .map(([cmd, less]) => ({ op: 'vfio_unmap' as const, ...cmd, odd: less }));

const iovaOp: fc.Arbitrary<IovaOp> = fc.oneof(
  often(2, fc.record({ op: is('allow'), ioas, ranges: fc.array(range, { maxLength: 3 }) })),
  often(1, fc.record({ op: is('reserve'), ioas, at: any, length: fc.integer({ min: 1, max: 8 }) })),
  often(7, map),
  often(3, copy),
  often(2, fc.record({ op: is('unmap'), ...onRange, length: upTo })),
  often(1, fc.record({ op: is('unmap_all'), ioas })),
  often(3, vfioUnmap),
);

export const iovaArbitrary: fc.Arbitrary<IovaData> = fc.record({
  domain: fc.boolean(),
  large: fc.boolean(),
  ops: fc.array(iovaOp, { minLength: 1, maxLength: 16, size: 'max' }),
});
