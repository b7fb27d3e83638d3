// Dirty tracking in single cases: U12 to U15, and S29 of the selftests.

import { describe, expect, test } from 'vitest';
import type { Functions } from '../model/functions.ts';
import { EINVAL, KernelOops, PAGE_SIZE } from '../model/kernel.ts';
import { LINUX_7_2 } from '../model/linux-7.2.ts';
import { deviceWrites } from '../model/pt-dirty.ts';
import { LINUX_7_2_REPAIRED, repairedBut } from '../model/repaired.ts';
import { BITMAP, type DirtyBed, bedFor, bitsAt, readDirty } from './dirty-bed.ts';
import { BASE, MOCK_PAGE } from './testbed.ts';

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
    [LINUX_7_2_REPAIRED, EINVAL],
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
