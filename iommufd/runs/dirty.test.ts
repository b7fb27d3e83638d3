// IOMMU_HWPT_SET_DIRTY_TRACKING and IOMMU_HWPT_GET_DIRTY_BITMAP: errno of bad arguments, of several at once; what
// devices write against what is read back.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type DirtyOp, dirtyArbitrary } from '../arbitraries/dirty.ts';
import {
  type iommu_hwpt_get_dirty_bitmap,
  iommufd_hwpt_get_dirty_bitmap,
  iommufd_hwpt_set_dirty_tracking,
} from '../model/dirty.ts';
import type { Functions } from '../model/functions.ts';
import * as E from '../model/kernel.ts';
import { KernelOops } from '../model/kernel.ts';
import { LINUX_7_2 } from '../model/linux-7.2.ts';
import { LINUX_7_2_REPAIRED } from '../model/repaired.ts';
import { type Bad, severalOf, spoilt } from './bad-arguments.ts';
import { GOOD as GOOD_RANGE, bedFor } from './dirty-bed.ts';
import { runDirty } from './dirty-run.ts';
import { FAULTS, faulty } from '../faults/faults.ts';

const U64 = 2n ** 64n;

interface Get extends iommu_hwpt_get_dirty_bitmap {
  readonly badId: boolean;
  readonly dirtyOps: boolean;
  readonly fail: number;
}

const GOOD: Get = { ...GOOD_RANGE, badId: false, dirtyOps: true, fail: 0 };

/** In the order of the kernel's tests. */
const GET: readonly Bad<Get>[] = [
  { errno: E.EOPNOTSUPP, field: 'flags', spoil: (cmd) => ({ ...cmd, flags: 2 }) },
  { errno: E.EOPNOTSUPP, field: '__reserved', spoil: (cmd) => ({ ...cmd, __reserved: 1 }) },
  { errno: E.ENOENT, field: 'badId', spoil: (cmd) => ({ ...cmd, badId: true }) },
  { errno: E.EOVERFLOW, field: 'iova', needs: ['length'], spoil: (cmd) => ({ ...cmd, iova: U64 - 4096n }) },
  { errno: E.EOVERFLOW, field: 'length', needs: ['iova'], spoil: (cmd) => ({ ...cmd, length: U64 - 1n }) },
  { errno: E.EOVERFLOW, field: 'length', needs: ['iova'], spoil: (cmd) => ({ ...cmd, length: 0n }) },
  { errno: E.EINVAL, field: 'iova', spoil: (cmd) => ({ ...cmd, iova: cmd.iova + 1n }) },
  { errno: E.EINVAL, field: 'length', spoil: (cmd) => ({ ...cmd, length: 8193n }) },
  { errno: E.EINVAL, field: 'page_size', spoil: (cmd) => ({ ...cmd, page_size: 0n }) },
  { errno: E.EINVAL, field: 'page_size', spoil: (cmd) => ({ ...cmd, page_size: 2n ** 63n }) },
  { errno: E.EINVAL, field: 'length', spoil: (cmd) => ({ ...cmd, length: 6144n }), needs: ['page_size'] },
  { errno: E.EOPNOTSUPP, field: 'dirtyOps', spoil: (cmd) => ({ ...cmd, dirtyOps: false }) },
  { errno: E.ENOMEM, field: 'fail', spoil: (cmd) => ({ ...cmd, fail: 1 }) },
  { errno: E.ENOMEM, field: 'fail', spoil: (cmd) => ({ ...cmd, fail: 2 }) },
];

function runGet(cmd: Get, fn: Functions = LINUX_7_2): number {
  const { k, hwpt } = bedFor(8192, fn, cmd.dirtyOps);
  k.fail = cmd.fail;
  k.failPoints = 0;
  return iommufd_hwpt_get_dirty_bitmap(k, cmd.badId ? null : hwpt, cmd);
}

const plantedIn = (id: string): Functions => {
  const fault = FAULTS.find((each) => each.id === id);
  if (fault === undefined) throw new Error(id);
  return faulty(fault);
};

describe('errno of GET_DIRTY_BITMAP', () => {
  test('good arguments', () => {
    expect(runGet(GOOD)).toBe(0);
    expect(runGet({ ...GOOD, flags: 1 })).toBe(0);
  });

  test.each(GET.map((bad, i) => [i, E.errnoName(bad.errno), bad.field] as const))('%d: %s for %s', (i) => {
    expect(runGet(GET[i].spoil(GOOD))).toBe(GET[i].errno);
  });

  test('of several bad arguments the first decides', () => {
    fc.assert(
      fc.property(severalOf(GET), (chosen) => {
        expect(runGet(spoilt(GOOD, chosen))).toBe(chosen[0].errno);
      }),
      { seed: 7, numRuns: 500 },
    );
  });

  const all = { ...GOOD, iova: 0n, length: 0n };
  test.each([
    ['all of the 64 bits', all],
    ['page_size 2^61 to 2^63', { ...all, page_size: 2n ** 63n }],
    ['the upper half, in one bit', { ...all, iova: 2n ** 63n, length: 2n ** 63n, page_size: 2n ** 63n }],
    ['no power of two: its lowest bit is taken', { ...GOOD, page_size: 12288n, length: 4096n }],
    ['a byte for each bit', { ...GOOD, page_size: 1n }],
  ])('0: %s', (_, cmd) => {
    expect(runGet(cmd)).toBe(0);
  });

  test('K35: a division by eight times page_size is one by 0', () => {
    for (const lg2 of [61n, 62n, 63n])
      expect(() => runGet({ ...all, page_size: 2n ** lg2 }, plantedIn('K35'))).toThrow(KernelOops);
    expect(runGet({ ...all, page_size: 2n ** 60n }, plantedIn('K35'))).toBe(E.EINVAL);
  });

  test('K35b: a page_size of 0 is -EINVAL by chance, but for all of the 64 bits', () => {
    expect(runGet({ ...GOOD, page_size: 0n }, plantedIn('K35b'))).toBe(E.EINVAL);
    const nothing = { ...all, page_size: 0n, dirtyOps: false };
    expect(runGet(nothing, LINUX_7_2)).toBe(E.EINVAL);
    expect(runGet(nothing, plantedIn('K35b'))).toBe(E.EOPNOTSUPP);
  });

  test('K35c: without the overflow check it is another errno', () => {
    const wraps = { ...GOOD, iova: U64 - 4096n };
    expect(runGet(wraps)).toBe(E.EOVERFLOW);
    expect(runGet(wraps, plantedIn('K35c'))).toBe(E.EINVAL);
  });
});

describe('errno of SET_DIRTY_TRACKING', () => {
  test.each([
    [0, 0, 1, true, true],
    [0, 0, 0, true, true],
    ['__reserved is not looked at', 1, 1, true, true],
    [E.EOPNOTSUPP, 0, 2, false, false],
    [E.ENOENT, 0, 1, false, false],
    [E.EOPNOTSUPP, 0, 1, true, false],
    [E.EOPNOTSUPP, 0, 0, true, false],
  ])('%s', (errno, __reserved, flags, hasId, dirtyOps) => {
    const { k, hwpt } = bedFor(8192, LINUX_7_2, dirtyOps);
    const rc = iommufd_hwpt_set_dirty_tracking(k, hasId ? hwpt : null, { flags, __reserved });
    expect(rc).toBe(typeof errno === 'string' ? 0 : errno);
  });
});

test('what is read back is what was written, and errno are those of the table', () => {
  let walked = 0;
  let marked = 0;
  const isRead = (op: DirtyOp): boolean => op.op === 'get' && op.spoil === 'nothing';
  fc.assert(
    fc.property(dirtyArbitrary, (data) => {
      expect(runDirty(data, LINUX_7_2_REPAIRED)).toEqual([]);
      if (data.ops.some(isRead)) walked++;
      if (data.tracked && data.ops.some(({ op }) => op === 'write')) marked++;
    }),
    { seed: 7, numRuns: 500 },
  );
  expect(Math.min(walked, marked)).toBeGreaterThan(100);
});
