// The IOVA space of two IOASes: errno, automatic IOVAs and areas are those of sets of ranges.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type IovaOp, iovaArbitrary } from '../arbitraries/iova.ts';
import { EINVAL, ENOSPC, EOVERFLOW, PAGE_SIZE, ULONG_MAX } from '../model/kernel.ts';
import { LINUX_7_2 } from '../model/linux-7.2.ts';
import { LINUX_7_2_REPAIRED } from '../model/repaired.ts';
import { type Space, alignmentOf, badPlace, errnosOf, hasRoom, vfioUnmap } from './iova-reference.ts';
import { runIova } from './iova-run.ts';

const named = (op: IovaOp): string =>
  'fixed' in op ? `${op.op} ${op.fixed ? 'fixed' : 'automatic'}` : op.op;

/** Errno that come up with each call, rare ones left out. */
const MET: Readonly<Record<string, readonly string[]>> = {
  allow: ['0', '-EINVAL', '-EADDRINUSE'],
  reserve: ['0', '-EADDRINUSE'],
  'map fixed': ['0', '-EOVERFLOW', '-EINVAL', '-EEXIST', '-EFAULT'],
  'map automatic': ['0', '-EOVERFLOW', '-EINVAL', '-ENOSPC', '-EFAULT'],
  'copy fixed': ['0', '-EOVERFLOW', '-EINVAL', '-ENOENT', '-EEXIST', '-EPERM'],
  'copy automatic': ['0', '-EOVERFLOW', '-EINVAL', '-ENOENT', '-EPERM'],
  unmap: ['0', '-EOVERFLOW', '-EINVAL', '-ENOENT'],
  unmap_all: ['0'],
  vfio_unmap: ['0', '-EOVERFLOW', '-EINVAL', '-ENOENT'],
};

test.each([
  ['Linux 7.2', LINUX_7_2],
  ['Linux 7.2, repaired', LINUX_7_2_REPAIRED],
])('%s does what the reference says, and every errno comes up', (_, fn) => {
  const met = new Set<string>();
  fc.assert(
    fc.property(iovaArbitrary, (data) => {
      const { results, violations } = runIova(data, fn);
      expect(violations).toEqual([]);
      for (const [i, result] of results.entries()) met.add(`${named(data.ops[i])}: ${result}`);
    }),
    { seed: 7, numRuns: 1000 },
  );
  const wanted = Object.entries(MET).flatMap(([op, errnos]) => errnos.map((errno) => `${op}: ${errno}`));
  expect(wanted.filter((each) => !met.has(each))).toEqual([]);
});

/* The reference itself, where the code is not asked. */
describe('the reference', () => {
  const spaceOf = (more: Partial<Space> = {}): Space => ({
    alignment: 1,
    domain: false,
    large: true,
    missing: () => false,
    allowed: [],
    reserved: [],
    areas: [],
    ...more,
  });
  const pages = (first: number, last: number): { start: number; last: number } => ({
    start: first * PAGE_SIZE,
    last: (last + 1) * PAGE_SIZE - 1,
  });
  const VA = 2 ** 22;
  const place = (space: Space, page: number, n = 1): string | null =>
    badPlace(space, page * PAGE_SIZE, n * PAGE_SIZE, VA);

  test('an alignment is of address and length, up to 2M', () => {
    expect([1, 4096, 4097, 2 ** 30].map((length) => alignmentOf(VA, length))).toEqual([
      1,
      4096,
      8192,
      2 ** 21,
    ]);
    expect(alignmentOf(VA + 2048, 2 ** 30)).toBe(2048);
  });

  test('an automatic IOVA', () => {
    const space = spaceOf({ allowed: [pages(2, 5), pages(6, 9)], reserved: [pages(12, 12)] });
    expect([0, 1, 2, 9, 10].map((page) => place(space, page) === null)).toEqual([
      false,
      false,
      true,
      true,
      false,
    ]);
    expect([3, 4].map((page) => place(space, page, 4) === null)).toEqual([false, true]);
    expect(place(spaceOf({ reserved: [pages(4, 4)] }), 4)).toBe('meets a reserved range');
    expect(hasRoom(space, 4 * PAGE_SIZE, VA)).toBe(true);
    expect(hasRoom(space, 8 * PAGE_SIZE, VA)).toBe(false);
    expect(hasRoom(space, 1, VA)).toBeNull();
  });

  test('the errno that is tested first', () => {
    const asked = { iova: 2048, length: PAGE_SIZE, write: false, va: VA };
    const space = spaceOf({ alignment: PAGE_SIZE, reserved: [pages(0, 7)], allowed: [pages(8, 8)] });
    expect(errnosOf(asked, space)).toEqual([EINVAL]);
    expect(errnosOf({ ...asked, iova: PAGE_SIZE }, space)).toEqual([EINVAL]);
    expect(errnosOf({ ...asked, iova: 16 * PAGE_SIZE }, space)).toEqual([0]);
    expect(errnosOf({ ...asked, iova: null, length: 2 * PAGE_SIZE }, space)).toEqual([ENOSPC]);
    expect(errnosOf({ ...asked, va: ULONG_MAX - 1, length: 0 }, space)).toEqual([EINVAL]);
    expect(errnosOf({ ...asked, va: ULONG_MAX - 1 }, space)).toEqual([EOVERFLOW]);
  });

  test('the cut of VFIO type 1 wraps around before the overflow is an error', () => {
    const area = { ...pages(0, 3), va: VA, writable: false };
    const space = spaceOf({ alignment: PAGE_SIZE, large: false, areas: [area] });
    expect(vfioUnmap(space, 0, ULONG_MAX + 1 - PAGE_SIZE, 2 * PAGE_SIZE)).toEqual({
      rc: EOVERFLOW,
      unmapped: 0,
    });
    expect(space.areas.map(({ start }) => start)).toEqual([0, PAGE_SIZE]);
  });
});
