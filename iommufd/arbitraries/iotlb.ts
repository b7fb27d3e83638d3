// Operations on one IOMMU domain, and on a flush queue, as plain data.

import fc from 'fast-check';

/** Positions and lengths in units of 4 KiB. */
export type DomainOp =
  | {
      readonly op: 'map';
      readonly iova: number;
      readonly pfn: number;
      readonly length: number;
      readonly fail: number;
    }
  /** A page that was mapped and unmapped: its table stays. */
  | { readonly op: 'touch'; readonly iova: number; readonly length: 1 }
  | { readonly op: 'unmap'; readonly iova: number; readonly length: number; readonly otherCpu: boolean };

const ALIGNMENTS = [1, 2, 64, 512, 512, 512];
const LENGTHS = [1, 1, 1, 1, 2, 3, 64, 511, 512, 513, 1024, 1536, 1536, 2048];
const PAGES = 2048;

const aligned = fc
  .tuple(fc.integer({ min: 0, max: PAGES - 1 }), fc.constantFrom(...ALIGNMENTS))
  .map(([at, alignment]) => at - (at % alignment));
const length = fc.oneof(fc.constantFrom(...LENGTHS), fc.integer({ min: 1, max: 16 }));

export const domainOps: fc.Arbitrary<readonly DomainOp[]> = fc.array(
  fc.oneof(
    fc.record({
      op: fc.constant('map' as const),
      iova: aligned,
      pfn: aligned,
      length,
      fail: fc.oneof(
        { weight: 4, arbitrary: fc.constant(0) },
        { weight: 1, arbitrary: fc.integer({ min: 1, max: 4 }) },
      ),
    }),
    fc.record({ op: fc.constant('touch' as const), iova: aligned, length: fc.constant(1 as const) }),
    fc.record({ op: fc.constant('unmap' as const), iova: aligned, length, otherCpu: fc.boolean() }),
  ),
  { minLength: 1, maxLength: 10, size: 'max' },
);

/** Who takes the next step: the CPU that unmaps, the one that flushes, its store buffer, the IOMMU. */
export type FlushQueueOp = 'CPU0' | 'CPU1' | 'drain' | 'walk';
export const flushQueueOps: fc.Arbitrary<readonly FlushQueueOp[]> = fc.array(
  fc.oneof(
    { weight: 5, arbitrary: fc.constant<FlushQueueOp>('CPU0') },
    { weight: 4, arbitrary: fc.constant<FlushQueueOp>('CPU1') },
    { weight: 2, arbitrary: fc.constant<FlushQueueOp>('walk') },
    { weight: 1, arbitrary: fc.constant<FlushQueueOp>('drain') },
  ),
  { minLength: 1, maxLength: 40, size: 'max' },
);
