// IOAS_MAP_FILE, IOAS_COPY and IOAS_UNMAP with generated bad arguments: of several the first in the order of the
// kernel's tests decides. IOAS_MAP is in uapi.test.ts.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import * as E from '../model/kernel.ts';
import { PAGE_SIZE, ULONG_MAX } from '../model/kernel.ts';
import type { File } from '../model/memory.ts';
import { iopt_reserve_iova } from '../model/table.ts';
import { type Bad, severalOf, spoilt } from './bad-arguments.ts';
import { type Bed, MOCK_PAGE, attach, bedOf, fileOf, map } from './testbed.ts';
import { FIXED_IOVA, READABLE, U64_MAX, WRITEABLE, ioas_copy, ioas_map_file, ioas_unmap } from './uapi.ts';

const BASE = 2 ** 24;
const RESERVED = 2 ** 25;
const AREA = 2 ** 26;
const READ_ONLY = 2 ** 27;
const NOTHING = 2 ** 28;

function bedFor(): Bed {
  const bed = bedOf();
  attach(bed);
  expect(iopt_reserve_iova(bed.k, bed.iopt, RESERVED, RESERVED + PAGE_SIZE - 1, 'test')).toBe(0);
  expect(map(bed, 0, 4 * PAGE_SIZE, { iova: AREA }).rc).toBe(0);
  expect(map(bed, 4 * PAGE_SIZE, 4 * PAGE_SIZE, { iova: READ_ONLY, prot: 1 }).rc).toBe(0);
  return bed;
}

function judge<T>(good: T, list: readonly Bad<T>[], run: (cmd: T) => number): void {
  expect(run(good)).toBe(0);
  for (const bad of list) expect([bad.field, run(bad.spoil(good))]).toEqual([bad.field, bad.errno]);
  fc.assert(
    fc.property(severalOf(list), (chosen) => {
      expect(run(spoilt(good, chosen))).toBe(chosen[0].errno);
    }),
    { seed: 7, numRuns: 500 },
  );
}

interface MapFile {
  flags: number;
  iova: number;
  length: number;
  start: number;
  file: File | null;
  badId: boolean;
}

const MAP_FILE: readonly Bad<MapFile>[] = [
  { errno: E.EOPNOTSUPP, field: 'flags', spoil: (cmd) => ({ ...cmd, flags: cmd.flags | 8 }) },
  { errno: E.EOVERFLOW, field: 'iova', spoil: (cmd) => ({ ...cmd, iova: U64_MAX }) },
  { errno: E.EOVERFLOW, field: 'length', spoil: (cmd) => ({ ...cmd, length: ULONG_MAX }) },
  { errno: E.EINVAL, field: 'flags', spoil: (cmd) => ({ ...cmd, flags: FIXED_IOVA }) },
  { errno: E.ENOENT, field: 'badId', spoil: (cmd) => ({ ...cmd, badId: true }) },
  { errno: E.EINVAL, field: 'length', spoil: (cmd) => ({ ...cmd, length: 0 }) },
  {
    errno: E.EOVERFLOW,
    field: 'start',
    needs: ['length'],
    spoil: (cmd) => ({ ...cmd, start: ULONG_MAX - MOCK_PAGE }),
  },
  { errno: E.EBADF, field: 'file', spoil: (cmd) => ({ ...cmd, file: null }) },
  {
    errno: E.EINVAL,
    field: 'file',
    needs: ['start', 'length'],
    spoil: (cmd) => ({ ...cmd, file: fileOf('dmabuf', 1) }),
  },
  {
    errno: E.ENODEV,
    field: 'file',
    needs: ['start', 'length'],
    spoil: (cmd) => ({ ...cmd, file: { ...fileOf('dmabuf', 8), revoked: true } }),
  },
  { errno: E.EINVAL, field: 'length', spoil: (cmd) => ({ ...cmd, length: MOCK_PAGE + 1 }) },
  { errno: E.EINVAL, field: 'iova', spoil: (cmd) => ({ ...cmd, iova: BASE + 1 }) },
  {
    errno: E.EOVERFLOW,
    field: 'iova',
    needs: ['length'],
    spoil: (cmd) => ({ ...cmd, iova: ULONG_MAX - PAGE_SIZE + 1 }),
  },
  { errno: E.EINVAL, field: 'iova', spoil: (cmd) => ({ ...cmd, iova: RESERVED }) },
  { errno: E.EEXIST, field: 'iova', spoil: (cmd) => ({ ...cmd, iova: AREA }) },
  { errno: E.EINVAL, field: 'start', spoil: (cmd) => ({ ...cmd, start: 1 }) },
  { errno: E.EINVAL, field: 'start', spoil: (cmd) => ({ ...cmd, start: 8 * PAGE_SIZE }) },
  { errno: E.EINVAL, field: 'file', spoil: (cmd) => ({ ...cmd, file: fileOf('gmem', 8) }) },
];

interface Copy {
  flags: number;
  src_iova: number;
  dst_iova: number;
  length: number;
  badSource: boolean;
  badTarget: boolean;
}

const COPY: readonly Bad<Copy>[] = [
  { errno: E.EOPNOTSUPP, field: 'flags', spoil: (cmd) => ({ ...cmd, flags: cmd.flags | 8 }) },
  { errno: E.EOVERFLOW, field: 'length', spoil: (cmd) => ({ ...cmd, length: ULONG_MAX }) },
  { errno: E.EOVERFLOW, field: 'src_iova', spoil: (cmd) => ({ ...cmd, src_iova: U64_MAX }) },
  { errno: E.EOVERFLOW, field: 'dst_iova', spoil: (cmd) => ({ ...cmd, dst_iova: U64_MAX }) },
  { errno: E.EINVAL, field: 'flags', spoil: (cmd) => ({ ...cmd, flags: FIXED_IOVA }) },
  { errno: E.ENOENT, field: 'badSource', spoil: (cmd) => ({ ...cmd, badSource: true }) },
  { errno: E.EINVAL, field: 'length', spoil: (cmd) => ({ ...cmd, length: 0 }) },
  {
    errno: E.EOVERFLOW,
    field: 'src_iova',
    needs: ['length'],
    spoil: (cmd) => ({ ...cmd, src_iova: ULONG_MAX - 1 }),
  },
  { errno: E.ENOENT, field: 'src_iova', spoil: (cmd) => ({ ...cmd, src_iova: NOTHING }) },
  { errno: E.ENOENT, field: 'length', spoil: (cmd) => ({ ...cmd, length: 5 * PAGE_SIZE }) },
  { errno: E.ENOENT, field: 'badTarget', spoil: (cmd) => ({ ...cmd, badTarget: true }) },
  { errno: E.EINVAL, field: 'length', spoil: (cmd) => ({ ...cmd, length: MOCK_PAGE + 1 }) },
  { errno: E.EINVAL, field: 'dst_iova', spoil: (cmd) => ({ ...cmd, dst_iova: BASE + 1 }) },
  {
    errno: E.EOVERFLOW,
    field: 'dst_iova',
    needs: ['length'],
    spoil: (cmd) => ({ ...cmd, dst_iova: ULONG_MAX - PAGE_SIZE + 1 }),
  },
  { errno: E.EINVAL, field: 'dst_iova', spoil: (cmd) => ({ ...cmd, dst_iova: RESERVED }) },
  { errno: E.EEXIST, field: 'dst_iova', spoil: (cmd) => ({ ...cmd, dst_iova: AREA }) },
  {
    errno: E.EPERM,
    field: 'src_iova',
    needs: ['flags'],
    spoil: (cmd) => ({ ...cmd, src_iova: READ_ONLY, flags: cmd.flags | WRITEABLE }),
  },
  { errno: E.EINVAL, field: 'src_iova', spoil: (cmd) => ({ ...cmd, src_iova: AREA + 1 }) },
];

interface Unmap {
  iova: number;
  length: number;
  badId: boolean;
  locked: boolean;
}

const UNMAP: readonly Bad<Unmap>[] = [
  { errno: E.ENOENT, field: 'badId', spoil: (cmd) => ({ ...cmd, badId: true }) },
  { errno: E.EOVERFLOW, field: 'iova', spoil: (cmd) => ({ ...cmd, iova: U64_MAX }) },
  { errno: E.EOVERFLOW, field: 'length', spoil: (cmd) => ({ ...cmd, length: U64_MAX }) },
  { errno: E.EINVAL, field: 'length', spoil: (cmd) => ({ ...cmd, length: 0 }) },
  {
    errno: E.EOVERFLOW,
    field: 'iova',
    needs: ['length'],
    spoil: (cmd) => ({ ...cmd, iova: ULONG_MAX - 1 }),
  },
  { errno: E.EBUSY, field: 'locked', needs: ['iova'], spoil: (cmd) => ({ ...cmd, locked: true }) },
  { errno: E.ENOENT, field: 'iova', spoil: (cmd) => ({ ...cmd, iova: AREA + PAGE_SIZE }) },
  { errno: E.ENOENT, field: 'length', spoil: (cmd) => ({ ...cmd, length: 1 }) },
  { errno: E.ENOENT, field: 'iova', spoil: (cmd) => ({ ...cmd, iova: NOTHING }) },
];

describe('of several bad arguments the first decides', () => {
  test('IOAS_MAP_FILE', () => {
    const file = fileOf('memfd', 8);
    const good = {
      flags: FIXED_IOVA | READABLE,
      iova: BASE,
      length: 2 * PAGE_SIZE,
      start: 0,
      file,
      badId: false,
    };
    judge<MapFile>(good, MAP_FILE, (cmd) => {
      const bed = bedFor();
      return ioas_map_file(bed.k, cmd.badId ? null : bed.iopt, cmd).rc;
    });
  });

  test('IOAS_COPY', () => {
    const good = {
      flags: FIXED_IOVA | READABLE,
      src_iova: AREA,
      dst_iova: BASE,
      length: 2 * PAGE_SIZE,
      badSource: false,
      badTarget: false,
    };
    judge<Copy>(good, COPY, (cmd) => {
      const bed = bedFor();
      const { k, iopt } = bed;
      return ioas_copy(k, cmd.badSource ? null : iopt, cmd.badTarget ? null : iopt, cmd).rc;
    });
  });

  test('IOAS_UNMAP', () => {
    const good = { iova: AREA, length: 4 * PAGE_SIZE, badId: false, locked: false };
    judge<Unmap>(good, UNMAP, (cmd) => {
      const bed = bedFor();
      for (const area of bed.iopt.area_itree.nodes) if (cmd.locked) area.of.num_locks = 1;
      return ioas_unmap(bed.k, cmd.badId ? null : bed.iopt, cmd).rc;
    });
  });
});
