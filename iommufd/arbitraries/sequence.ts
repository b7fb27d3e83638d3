// Sequences of iommufd operations as plain data: a world (folio layouts, limits) and a list of operations.
// Every number means something, modulo what there is, so nothing is filtered and shrinking stays in range.

import fc from 'fast-check';

export interface Piece {
  readonly order: number;
  readonly gap: boolean;
}

export interface WorldData {
  /** Folio layouts of user memory, of the memfd, of the guest_memfd. */
  readonly user: readonly Piece[];
  readonly memfd: readonly Piece[];
  readonly gmem: readonly Piece[];
  /** TEMP_MEMORY_LIMIT. */
  readonly limit: number;
  /** RLIMIT_MEMLOCK in pages. */
  readonly rlimit: number;
  readonly ipcLock: boolean;
  /** IOMMU_OPTION_RLIMIT_MODE. */
  readonly mm: boolean;
  readonly attached: number;
}

/** `fail`: the n-th point of failure of the operation fails, 0 for none. Positions are in units of 2 KiB. */
export type OpData =
  | {
      readonly op: 'map';
      readonly ioas: number;
      /** user, memfd, gmem, dmabuf, other, big gmem. */
      readonly source: number;
      readonly at: number;
      readonly length: number;
      /** -1 for any. */
      readonly iova: number;
      readonly write: boolean;
      readonly fail: number;
      /** A hole is punched into the file between lookup and map. */
      readonly race: boolean;
    }
  | {
      readonly op: 'copy';
      readonly area: number;
      readonly ioas: number;
      readonly at: number;
      readonly length: number;
      readonly iova: number;
      readonly fail: number;
    }
  | { readonly op: 'unmap'; readonly area: number; readonly fail: number }
  | { readonly op: 'unmap_range'; readonly ioas: number; readonly iova: number; readonly length: number }
  | { readonly op: 'unmap_all'; readonly ioas: number }
  | { readonly op: 'attach'; readonly ioas: number; readonly fail: number }
  | { readonly op: 'detach'; readonly ioas: number; readonly domain: number; readonly fail: number }
  | {
      readonly op: 'pin';
      readonly area: number;
      readonly at: number;
      readonly pages: number;
      readonly write: boolean;
      readonly internal: boolean;
      readonly fail: number;
    }
  | { readonly op: 'unpin'; readonly pin: number; readonly fail: number }
  | {
      readonly op: 'rw';
      readonly area: number;
      readonly at: number;
      readonly length: number;
      readonly write: boolean;
      readonly slow: boolean;
      readonly fail: number;
    }
  | { readonly op: 'cut'; readonly area: number; readonly at: number }
  | { readonly op: 'large_pages'; readonly ioas: number; readonly on: boolean }
  | { readonly op: 'punch'; readonly file: number; readonly at: number; readonly pages: number }
  | { readonly op: 'convert'; readonly at: number; readonly pages: number; readonly shared: boolean }
  | { readonly op: 'vcpu_fault'; readonly at: number }
  | { readonly op: 'dma'; readonly area: number; readonly at: number; readonly write: boolean }
  | { readonly op: 'revoke'; readonly undo: boolean }
  | { readonly op: 'change_process' }
  | { readonly op: 'exit' };

export interface SequenceData {
  readonly world: WorldData;
  readonly ops: readonly OpData[];
}

const piece = (orderMax: number): fc.Arbitrary<Piece> =>
  fc.record({ order: fc.integer({ min: 0, max: orderMax }), gap: fc.boolean() });
const layout = (orderMax: number): fc.Arbitrary<readonly Piece[]> =>
  fc.array(piece(orderMax), { minLength: 1, maxLength: 6 });

export const worldArbitrary: fc.Arbitrary<WorldData> = fc.record({
  user: layout(2),
  memfd: layout(2),
  gmem: layout(2),
  limit: fc.constantFrom(65536, 64, 32, 16),
  rlimit: fc.constantFrom(1024, 12, 4),
  ipcLock: fc.boolean(),
  mm: fc.boolean(),
  attached: fc.integer({ min: 0, max: 2 }),
});

const small = (max: number): fc.Arbitrary<number> => fc.integer({ min: 0, max });
const ioas = small(1);
const area = small(5);
const UNITS = 40;
/* Whole pages more often than not. */
const unit = fc.oneof(
  { weight: 3, arbitrary: small(UNITS / 2).map((n) => n * 2) },
  { weight: 1, arbitrary: small(UNITS) },
);
const length = fc.oneof(
  { weight: 3, arbitrary: fc.integer({ min: 1, max: 8 }).map((n) => n * 2) },
  { weight: 1, arbitrary: fc.integer({ min: 1, max: 16 }) },
);
const fail = fc.oneof(
  { weight: 2, arbitrary: fc.constant(0) },
  { weight: 1, arbitrary: fc.integer({ min: 1, max: 12 }) },
);
const is = <const T extends string>(op: T): fc.Arbitrary<T> => fc.constant(op);

const iova = fc.oneof(fc.constant(-1), unit);
const rarely = fc.integer({ min: 0, max: 7 }).map((n) => n === 7);
type Weighted = fc.WeightedArbitrary<OpData>;
const often = (weight: number, arbitrary: fc.Arbitrary<OpData>): Weighted => ({ weight, arbitrary });
const oneTo = (max: number): fc.Arbitrary<number> => fc.integer({ min: 1, max });
const flag = fc.boolean();

const mapArbitrary = (sources: readonly number[]): fc.Arbitrary<OpData> =>
  fc.record({
    op: is('map'),
    ioas,
    source: fc.constantFrom(...sources),
    at: unit,
    length,
    iova,
    write: flag,
    fail,
    race: rarely,
  });

const OF_AN_IOAS: readonly Weighted[] = [
  often(2, fc.record({ op: is('copy'), area, ioas, at: unit, length, iova, fail })),
  often(3, fc.record({ op: is('unmap'), area, fail })),
  often(1, fc.record({ op: is('unmap_range'), ioas, iova: unit, length })),
  often(1, fc.record({ op: is('unmap_all'), ioas })),
  often(3, fc.record({ op: is('attach'), ioas, fail })),
  often(2, fc.record({ op: is('detach'), ioas, domain: small(2), fail })),
  often(1, fc.record({ op: is('cut'), area, at: small(17) })),
  often(1, fc.record({ op: is('large_pages'), ioas, on: flag })),
];

const OF_AN_ACCESS: readonly Weighted[] = [
  often(
    3,
    fc.record({ op: is('pin'), area, at: small(6), pages: oneTo(8), write: flag, internal: rarely, fail }),
  ),
  often(2, fc.record({ op: is('unpin'), pin: small(3), fail })),
  often(
    2,
    fc.record({ op: is('rw'), area, at: small(8000), length: oneTo(9000), write: flag, slow: flag, fail }),
  ),
];

const OF_THE_GUEST: readonly Weighted[] = [
  often(2, fc.record({ op: is('punch'), file: small(2), at: small(3), pages: oneTo(16) })),
  often(2, fc.record({ op: is('vcpu_fault'), at: small(15) })),
  often(2, fc.record({ op: is('dma'), area, at: small(7), write: flag })),
];

const OF_OTHERS: readonly Weighted[] = [
  often(1, fc.record({ op: is('punch'), file: small(2), at: small(15), pages: oneTo(16) })),
  often(1, fc.record({ op: is('convert'), at: small(15), pages: oneTo(8), shared: flag })),
  often(1, fc.record({ op: is('vcpu_fault'), at: small(15) })),
  often(2, fc.record({ op: is('dma'), area, at: small(7), write: flag })),
  often(1, fc.record({ op: is('revoke'), undo: flag })),
  often(1, fc.record({ op: is('change_process') })),
  often(1, fc.record({ op: is('exit') })),
];

export const SOURCES = { user: 0, memfd: 1, gmem: 2, dmabuf: 3, other: 4, gmem2m: 5 } as const;
const ALL = [0, 0, 0, 1, 1, 2, 3, 4];
const FILES = [1, 2, 2, 2, 5];

/** Sources that may be drawn: all, or the files only, so that one defect does not hide the others. */
export const opArbitrary = (sources: readonly number[]): fc.Arbitrary<OpData> =>
  fc.oneof(
    often(6, mapArbitrary(sources)),
    ...OF_AN_IOAS,
    ...OF_AN_ACCESS,
    ...OF_OTHERS,
    ...(sources === FILES ? OF_THE_GUEST : []),
  );

export const sequenceArbitrary = (
  sources: readonly number[] = ALL,
  maxLength = 14,
): fc.Arbitrary<SequenceData> =>
  fc.record({
    world: worldArbitrary,
    ops: fc.array(opArbitrary(sources), { minLength: 1, maxLength, size: 'max' }),
  });

/** For the mail, whose type confusion ends every sequence that unpins user memory. */
export const fileSequenceArbitrary = (): fc.Arbitrary<SequenceData> => sequenceArbitrary(FILES, 12);
