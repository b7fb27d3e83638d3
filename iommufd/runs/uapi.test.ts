// Errno of the ioctls in the order of their tests, with generated bad arguments: of several that are bad at once
// the first in the list decides.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import * as E from '../model/kernel.ts';
import { PAGE_SIZE, ULONG_MAX } from '../model/kernel.ts';
import { iopt_reserve_iova } from '../model/table.ts';
import { FAULTS, faulty } from '../faults/faults.ts';
import { BUFFER, type Bed, MOCK_PAGE, attach, bedOf, fileOf, map } from './testbed.ts';
import {
  FIXED_IOVA,
  READABLE,
  U64_MAX,
  WRITEABLE,
  ioas_copy,
  ioas_map,
  ioas_map_file,
  ioas_unmap,
} from './uapi.ts';

const BASE = 2 ** 24;

interface MapCommand {
  flags: number;
  reserved: number;
  iova: number;
  length: number;
  user_va: number;
  /** An id that is no IOAS. */
  badId: boolean;
}

interface Bad<T> {
  readonly errno: number;
  readonly spoil: (cmd: T) => T;
  /** Spoiled in the same field as one before: they are not combined. */
  readonly field: string;
}

const GOOD: MapCommand = {
  flags: FIXED_IOVA | WRITEABLE | READABLE,
  reserved: 0,
  iova: BASE,
  length: 2 * PAGE_SIZE,
  user_va: BUFFER,
  badId: false,
};

/** In the order of the kernel's tests. */
const MAP: readonly Bad<MapCommand>[] = [
  { errno: E.EOPNOTSUPP, field: 'flags', spoil: (cmd) => ({ ...cmd, flags: cmd.flags | 8 }) },
  { errno: E.EOPNOTSUPP, field: 'reserved', spoil: (cmd) => ({ ...cmd, reserved: 1 }) },
  { errno: E.EOVERFLOW, field: 'iova', spoil: (cmd) => ({ ...cmd, iova: U64_MAX }) },
  { errno: E.EOVERFLOW, field: 'length', spoil: (cmd) => ({ ...cmd, length: ULONG_MAX }) },
  { errno: E.EINVAL, field: 'flags', spoil: (cmd) => ({ ...cmd, flags: FIXED_IOVA }) },
  { errno: E.ENOENT, field: 'badId', spoil: (cmd) => ({ ...cmd, badId: true }) },
  { errno: E.EOVERFLOW, field: 'user_va', spoil: (cmd) => ({ ...cmd, user_va: ULONG_MAX - MOCK_PAGE }) },
  { errno: E.EINVAL, field: 'length', spoil: (cmd) => ({ ...cmd, length: 0 }) },
  { errno: E.EINVAL, field: 'length', spoil: (cmd) => ({ ...cmd, length: MOCK_PAGE + 1 }) },
  { errno: E.EINVAL, field: 'iova', spoil: (cmd) => ({ ...cmd, iova: BASE + 1 }) },
  { errno: E.EOVERFLOW, field: 'iova', spoil: (cmd) => ({ ...cmd, iova: ULONG_MAX - PAGE_SIZE + 1 }) },
  { errno: E.EINVAL, field: 'iova', spoil: (cmd) => ({ ...cmd, iova: 2 ** 25 }) },
  { errno: E.EEXIST, field: 'iova', spoil: (cmd) => ({ ...cmd, iova: 2 ** 26 }) },
  { errno: E.EINVAL, field: 'user_va', spoil: (cmd) => ({ ...cmd, user_va: BUFFER + 1 }) },
  { errno: E.EFAULT, field: 'user_va', spoil: (cmd) => ({ ...cmd, user_va: BUFFER + 8 * PAGE_SIZE }) },
];

function bedFor(): Bed {
  const bed = bedOf();
  attach(bed);
  expect(iopt_reserve_iova(bed.k, bed.iopt, 2 ** 25, 2 ** 25 + PAGE_SIZE - 1, 'test')).toBe(0);
  expect(map(bed, 0, PAGE_SIZE, { iova: 2 ** 26 }).rc).toBe(0);
  return bed;
}

function runMap(bed: Bed, cmd: MapCommand): number {
  return ioas_map(bed.k, cmd.badId ? null : bed.iopt, cmd).rc;
}

/* With a length of 0 no sum overflows. */
const excludes = (a: Bad<MapCommand>, b: Bad<MapCommand>): boolean =>
  a.field === b.field || (a.errno === E.EOVERFLOW && b.spoil(GOOD).length === 0);

describe('IOAS_MAP', () => {
  test('good arguments', () => {
    expect(runMap(bedFor(), GOOD)).toBe(0);
  });

  test.each(MAP.map((bad, i) => [i, E.errnoName(bad.errno), bad.field] as const))('%d: %s for %s', (i) => {
    expect(runMap(bedFor(), MAP[i].spoil(GOOD))).toBe(MAP[i].errno);
  });

  test('of several bad arguments the first decides', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.nat({ max: MAP.length - 1 }), { minLength: 2, maxLength: 4 }),
        (picked) => {
          const chosen: Bad<MapCommand>[] = [];
          for (const i of [...picked].sort((a, b) => a - b))
            if (!chosen.some((other) => excludes(other, MAP[i]))) chosen.push(MAP[i]);
          const cmd = chosen.reduce((spoiled, bad) => bad.spoil(spoiled), GOOD);
          expect(runMap(bedFor(), cmd)).toBe(chosen[0].errno);
        },
      ),
      { seed: 7, numRuns: 400 },
    );
  });

  test('K03: without the overflow check of uptr it is another errno', () => {
    const fault = FAULTS.find(({ id }) => id === 'K03');
    if (fault === undefined) throw new Error('K03');
    const bed = bedFor();
    Object.assign(bed.k, { fn: faulty(fault) });
    expect(runMap(bed, { ...GOOD, user_va: ULONG_MAX - MOCK_PAGE })).not.toBe(E.EOVERFLOW);
  });

  test('automatic IOVA', () => {
    const auto = { ...GOOD, flags: READABLE };
    expect(runMap(bedFor(), { ...auto, length: 2 ** 52 })).toBe(E.EOVERFLOW);
    expect(runMap(bedFor(), { ...auto, user_va: BUFFER + 512 })).toBe(E.EINVAL);
    expect(runMap(bedFor(), { ...auto, length: 2 ** 40 })).toBe(E.ENOSPC);
  });

  test('-ENOMEM over RLIMIT_MEMLOCK, and nothing is left', () => {
    const bed = bedFor();
    bed.k.current.rlimit = 2;
    expect(runMap(bed, GOOD)).toBe(E.ENOMEM);
    expect([bed.k.current.user.locked_vm, bed.k.current.mm.pinned_vm]).toEqual([1, 1]);
  });
});

describe('IOAS_MAP_FILE', () => {
  const good = {
    flags: FIXED_IOVA | READABLE,
    iova: BASE,
    length: PAGE_SIZE,
    start: 0,
    file: fileOf('memfd', 8),
  };
  test.each([
    [0, good],
    [E.EOPNOTSUPP, { ...good, flags: 16 }],
    [E.EOVERFLOW, { ...good, length: ULONG_MAX }],
    [E.EINVAL, { ...good, flags: FIXED_IOVA }],
    [E.EINVAL, { ...good, length: 0 }],
    [E.EOVERFLOW, { ...good, start: ULONG_MAX, length: MOCK_PAGE }],
    [E.EBADF, { ...good, file: null }],
    [E.EINVAL, { ...good, start: 8 * PAGE_SIZE }],
    [E.EINVAL, { ...good, file: fileOf('gmem', 8) }],
    [E.EINVAL, { ...good, file: fileOf('dmabuf', 8), start: 8 * PAGE_SIZE }],
    [E.ENODEV, { ...good, file: { ...fileOf('dmabuf', 8), revoked: true } }],
  ])('%d', (errno, cmd) => {
    const bed = bedFor();
    expect(ioas_map_file(bed.k, bed.iopt, cmd).rc).toBe(errno);
  });
});

describe('IOAS_COPY and IOAS_UNMAP', () => {
  const good = { flags: READABLE, src_iova: 2 ** 26, dst_iova: 0, length: PAGE_SIZE };
  test.each([
    [0, good],
    [E.EOPNOTSUPP, { ...good, flags: 8 }],
    [E.EOVERFLOW, { ...good, dst_iova: ULONG_MAX }],
    [E.EINVAL, { ...good, flags: 0 }],
    [E.EINVAL, { ...good, length: 0 }],
    [E.EOVERFLOW, { ...good, src_iova: ULONG_MAX - 1 }],
    [E.ENOENT, { ...good, length: 2 * PAGE_SIZE }],
    [E.EEXIST, { ...good, flags: READABLE | FIXED_IOVA, dst_iova: 2 ** 26 }],
  ])('copy: %d', (errno, cmd) => {
    const bed = bedFor();
    expect(ioas_copy(bed.k, bed.iopt, bed.iopt, cmd).rc).toBe(errno);
  });

  test('copy with write access to pages that are not writable is -EPERM', () => {
    const bed = bedFor();
    expect(map(bed, PAGE_SIZE, PAGE_SIZE, { iova: 2 ** 27, prot: 1 }).rc).toBe(0);
    expect(ioas_copy(bed.k, bed.iopt, bed.iopt, { ...good, flags: WRITEABLE, src_iova: 2 ** 27 }).rc).toBe(
      E.EPERM,
    );
  });

  test.each([
    [E.EOVERFLOW, { iova: U64_MAX, length: 1 }],
    [E.EOVERFLOW, { iova: 1, length: U64_MAX }],
    [E.EINVAL, { iova: 2 ** 26, length: 0 }],
    [E.EOVERFLOW, { iova: ULONG_MAX - 1, length: 16 }],
    [E.ENOENT, { iova: 2 ** 26, length: 1 }],
    [E.ENOENT, { iova: 2 ** 28, length: 1 }],
    [0, { iova: 2 ** 26, length: PAGE_SIZE }],
    [0, { iova: 0, length: U64_MAX }],
  ])('unmap: %d', (errno, cmd) => {
    const bed = bedFor();
    expect(ioas_unmap(bed.k, bed.iopt, cmd).rc).toBe(errno);
  });
});
