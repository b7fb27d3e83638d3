// Dirty tracking: errno of IOMMU_HWPT_SET_DIRTY_TRACKING and IOMMU_HWPT_GET_DIRTY_BITMAP; what devices write against
// what is read back; and single cases: U12 to U15, and S29 of the selftests.

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
import { KernelOops, PAGE_SIZE } from '../model/kernel.ts';
import { LINUX_7_2 } from '../model/linux-7.2.ts';
import { deviceWrites } from '../model/pt-dirty.ts';
import { LINUX_7_2_REPAIRED, repairedBut } from '../model/repaired.ts';
import { type Bad, severalOf, spoilt } from './bad-arguments.ts';
import { BITMAP, type DirtyBed, GOOD as GOOD_RANGE, bedFor, bitsAt, readDirty } from './dirty-bed.ts';
import { runDirty } from './dirty-run.ts';
import { planted } from '../faults/faults.ts';
import { BASE, MOCK_PAGE } from './testbed.ts';

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
      expect(() => runGet({ ...all, page_size: 2n ** lg2 }, planted('K35'))).toThrow(KernelOops);
    expect(runGet({ ...all, page_size: 2n ** 60n }, planted('K35'))).toBe(E.EINVAL);
  });

  test('K35b: a page_size of 0 is -EINVAL by chance, but for all of the 64 bits', () => {
    expect(runGet({ ...GOOD, page_size: 0n }, planted('K35b'))).toBe(E.EINVAL);
    const nothing = { ...all, page_size: 0n, dirtyOps: false };
    expect(runGet(nothing, LINUX_7_2)).toBe(E.EINVAL);
    expect(runGet(nothing, planted('K35b'))).toBe(E.EOPNOTSUPP);
  });

  test('K35c: without the overflow check it is another errno', () => {
    const wraps = { ...GOOD, iova: U64 - 4096n };
    expect(runGet(wraps)).toBe(E.EOVERFLOW);
    expect(runGet(wraps, planted('K35c'))).toBe(E.EINVAL);
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

/** A read in pages of 2K. */
const read = (bed: DirtyBed, iova: number, length: number, data = BITMAP): { rc: number; bits: number[] } =>
  readDirty(bed, {
    iova: BigInt(iova),
    length: BigInt(length),
    page_size: BigInt(MOCK_PAGE),
    data: BigInt(data),
  });

const upTo = (n: number): number[] => Array.from({ length: n }, (_, i) => i);

describe('U12: a contiguous entry of eight items', () => {
  const SIZE = 8 * MOCK_PAGE;
  const written = (fn: Functions): DirtyBed => {
    const bed = bedFor(SIZE, fn, true, 2);
    expect(deviceWrites(bed.hwpt.domain, BASE + SIZE - 1)).toBe(true);
    return bed;
  };

  test('the last is not reported, and clean afterwards', () => {
    const bed = written(LINUX_7_2);
    expect(read(bed, BASE, SIZE)).toEqual({ rc: 0, bits: upTo(7) });
    expect(read(bed, BASE, SIZE)).toEqual({ rc: 0, bits: [] });
    expect(read(written(LINUX_7_2_REPAIRED), BASE, SIZE)).toEqual({ rc: 0, bits: upTo(8) });
  });

  test('a read that begins there fills the pages of the bitmap, and does not end', () => {
    const last = BASE + SIZE - MOCK_PAGE;
    for (const fn of [LINUX_7_2, repairedBut('U12')]) {
      const bed = written(fn);
      const data = BITMAP + 1024;
      expect(() => read(bed, last, MOCK_PAGE, data)).toThrow(KernelOops);
      expect(bed.k.findings.map(({ breach }) => breach)).toEqual(['endless-loop']);
      /* two pages are pinned for a bitmap that does not begin with its page */
      expect(bitsAt(bed, data)).toEqual(upTo((2 * PAGE_SIZE - 1024) * 8));
    }
    expect(read(written(LINUX_7_2_REPAIRED), last, MOCK_PAGE)).toEqual({ rc: 0, bits: [0] });
  });

  test('with a bit for each byte, last_bit + 1 wraps: nothing is set, and whether it ends is by chance', () => {
    const last = { iova: BigInt(BASE + SIZE - MOCK_PAGE), length: BigInt(MOCK_PAGE), page_size: 1n };
    expect(() => readDirty(written(LINUX_7_2), last)).toThrow('sets no bit for ever');
    const data = BigInt(BITMAP + 8);
    expect(readDirty(written(LINUX_7_2), { ...last, data })).toEqual({ rc: 0, bits: [] });
    expect(readDirty(written(LINUX_7_2_REPAIRED), last)).toEqual({ rc: 0, bits: upTo(MOCK_PAGE) });
  });

  test('a bit of two items shows the last as well', () => {
    const asked = { length: BigInt(SIZE), page_size: BigInt(2 * MOCK_PAGE) };
    expect(readDirty(written(LINUX_7_2), asked)).toEqual({ rc: 0, bits: upTo(4) });
  });
});

test('U13: bits of a large leaf are set beyond the bitmap, and the rest of the leaf is clean', () => {
  const MIB = 2 ** 20;
  const written = (fn: Functions): DirtyBed => {
    const bed = bedFor(MIB, fn, true, 8);
    deviceWrites(bed.hwpt.domain, BASE + MIB - 1);
    return bed;
  };
  const bed = written(LINUX_7_2);
  expect(read(bed, BASE, MOCK_PAGE).bits).toEqual(upTo(512));
  expect(read(bed, BASE, MIB).bits).toEqual([]);
  const repaired = written(LINUX_7_2_REPAIRED);
  expect(read(repaired, BASE, MOCK_PAGE).bits).toEqual([0]);
  expect(read(repaired, BASE, MIB).bits).toEqual(upTo(512));
});

test('U14: a hole is 0, and what is before it was read', () => {
  for (const [fn, rc] of [
    [LINUX_7_2, 0],
    [LINUX_7_2_REPAIRED, E.EINVAL],
  ] as const) {
    const bed = bedFor(8192, fn);
    deviceWrites(bed.hwpt.domain, BASE + PAGE_SIZE);
    expect(readDirty(bed, { length: 16384n })).toEqual({ rc, bits: [1] });
  }
});

test('U15: a bitmap that cannot be pinned is 0, and the bits are gone', () => {
  const bed = bedFor(8192, LINUX_7_2);
  const nowhere = BigInt(BITMAP + 16 * PAGE_SIZE);
  deviceWrites(bed.hwpt.domain, BASE);
  expect(readDirty(bed, { flags: 1 })).toEqual({ rc: 0, bits: [0] });
  expect(readDirty(bed, { data: nowhere }).rc).toBe(0);
  expect(readDirty(bed, {})).toEqual({ rc: 0, bits: [] });
  expect(bed.k.findings).toEqual([]);
});

describe('the selftest', () => {
  const SIZES = [8, 16, 64, 128, 320].map((kib) => kib * 1024);
  /** Every even page of 2K, which is the first item of an entry of two: U12 is what keeps the other bit 0. */
  const even = (bytes: number): number[] => upTo(bytes / MOCK_PAGE).filter((i) => i % 2 === 0);

  test.each(SIZES)('S29 dirty bitmap of %d bytes, with and without NO_CLEAR, at any offset', (bytes) => {
    const bed = bedFor(bytes, LINUX_7_2);
    for (const flags of [0, 1])
      for (const offset of [0, MOCK_PAGE, 0xff1]) {
        for (const i of even(bytes)) deviceWrites(bed.hwpt.domain, BASE + i * MOCK_PAGE);
        const asked = { flags, length: BigInt(bytes), page_size: BigInt(MOCK_PAGE) };
        const again = (): object => readDirty(bed, { ...asked, data: BigInt(BITMAP + offset) });
        expect(again()).toEqual({ rc: 0, bits: even(bytes) });
        expect(again()).toEqual({ rc: 0, bits: flags === 0 ? [] : even(bytes) });
      }
    expect(bed.k.findings).toEqual([]);
  });

  test('with U12 repaired both bits of an entry are set', () => {
    const bed = bedFor(8192, LINUX_7_2_REPAIRED);
    for (const i of even(8192)) deviceWrites(bed.hwpt.domain, BASE + i * MOCK_PAGE);
    expect(read(bed, BASE, 8192)).toEqual({ rc: 0, bits: upTo(4) });
  });
});
