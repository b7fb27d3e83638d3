// Errno of the ioctls in the order of their tests, with generated bad arguments: of several that are bad at once
// the first in the list decides.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { planted } from '../faults/faults.ts';
import * as E from '../model/kernel.ts';
import { PAGE_SIZE, ULONG_MAX } from '../model/kernel.ts';
import type { File } from '../model/memory.ts';
import { iopt_reserve_iova } from '../model/table.ts';
import { type Bad, severalOf, spoilt } from './bad-arguments.ts';
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

/** `list` is in the order of the kernel's tests. */
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

interface Map {
  flags: number;
  reserved: number;
  iova: number;
  length: number;
  user_va: number;
  /** An id that is no IOAS. */
  badId: boolean;
}

const MAP_GOOD: Map = {
  flags: FIXED_IOVA | WRITEABLE | READABLE,
  reserved: 0,
  iova: BASE,
  length: 2 * PAGE_SIZE,
  user_va: BUFFER,
  badId: false,
};

const MAP: readonly Bad<Map>[] = [
  { errno: E.EOPNOTSUPP, field: 'flags', spoil: (cmd) => ({ ...cmd, flags: cmd.flags | 8 }) },
  { errno: E.EOPNOTSUPP, field: 'reserved', spoil: (cmd) => ({ ...cmd, reserved: 1 }) },
  { errno: E.EOVERFLOW, field: 'iova', spoil: (cmd) => ({ ...cmd, iova: U64_MAX }) },
  { errno: E.EOVERFLOW, field: 'length', spoil: (cmd) => ({ ...cmd, length: ULONG_MAX }) },
  { errno: E.EINVAL, field: 'flags', spoil: (cmd) => ({ ...cmd, flags: FIXED_IOVA }) },
  { errno: E.ENOENT, field: 'badId', spoil: (cmd) => ({ ...cmd, badId: true }) },
  {
    errno: E.EOVERFLOW,
    field: 'user_va',
    needs: ['length'],
    spoil: (cmd) => ({ ...cmd, user_va: ULONG_MAX - MOCK_PAGE }),
  },
  { errno: E.EINVAL, field: 'length', spoil: (cmd) => ({ ...cmd, length: 0 }) },
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
  { errno: E.EINVAL, field: 'user_va', spoil: (cmd) => ({ ...cmd, user_va: BUFFER + 1 }) },
  { errno: E.EFAULT, field: 'user_va', spoil: (cmd) => ({ ...cmd, user_va: BUFFER + 8 * PAGE_SIZE }) },
];

interface MapFile {
  flags: number;
  iova: number;
  length: number;
  start: number;
  file: File | null;
  badId: boolean;
}

const FILE_GOOD: MapFile = {
  flags: FIXED_IOVA | READABLE,
  iova: BASE,
  length: 2 * PAGE_SIZE,
  start: 0,
  file: fileOf('memfd', 8),
  badId: false,
};

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

const COPY_GOOD: Copy = {
  flags: FIXED_IOVA | READABLE,
  src_iova: AREA,
  dst_iova: BASE,
  length: 2 * PAGE_SIZE,
  badSource: false,
  badTarget: false,
};

const COPY: readonly Bad<Copy>[] = [
  { errno: E.EOPNOTSUPP, field: 'flags', spoil: (cmd) => ({ ...cmd, flags: cmd.flags | 8 }) },
  { errno: E.EOVERFLOW, field: 'length', spoil: (cmd) => ({ ...cmd, length: ULONG_MAX }) },
  { errno: E.EOVERFLOW, field: 'src_iova', spoil: (cmd) => ({ ...cmd, src_iova: U64_MAX }) },
  { errno: E.EOVERFLOW, field: 'dst_iova', spoil: (cmd) => ({ ...cmd, dst_iova: U64_MAX }) },
  { errno: E.EOVERFLOW, field: 'dst_iova', spoil: (cmd) => ({ ...cmd, dst_iova: ULONG_MAX }) },
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

const UNMAP_GOOD: Unmap = { iova: AREA, length: 4 * PAGE_SIZE, badId: false, locked: false };

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

function runMap(cmd: Map, bed = bedFor()): number {
  return ioas_map(bed.k, cmd.badId ? null : bed.iopt, cmd).rc;
}

function runMapFile(cmd: MapFile): number {
  const { k, iopt } = bedFor();
  return ioas_map_file(k, cmd.badId ? null : iopt, cmd).rc;
}

function runCopy(cmd: Copy): number {
  const { k, iopt } = bedFor();
  return ioas_copy(k, cmd.badSource ? null : iopt, cmd.badTarget ? null : iopt, cmd).rc;
}

function runUnmap(cmd: Unmap): number {
  const { k, iopt } = bedFor();
  for (const area of iopt.area_itree.nodes) if (cmd.locked) area.of.num_locks = 1;
  return ioas_unmap(k, cmd.badId ? null : iopt, cmd).rc;
}

describe('each bad argument is told, and of several the first decides', () => {
  test('IOAS_MAP', () => judge(MAP_GOOD, MAP, runMap));
  test('IOAS_MAP_FILE', () => judge(FILE_GOOD, MAP_FILE, runMapFile));
  test('IOAS_COPY', () => judge(COPY_GOOD, COPY, runCopy));
  test('IOAS_UNMAP', () => judge(UNMAP_GOOD, UNMAP, runUnmap));
});

describe('what stands in no list', () => {
  test('K03: without the overflow check of uptr it is another errno', () => {
    const bed = bedFor();
    Object.assign(bed.k, { fn: planted('K03') });
    expect(runMap({ ...MAP_GOOD, user_va: ULONG_MAX - MOCK_PAGE }, bed)).not.toBe(E.EOVERFLOW);
  });

  test('automatic IOVA', () => {
    const auto = { ...MAP_GOOD, flags: READABLE };
    expect(runMap({ ...auto, length: 2 ** 52 })).toBe(E.EOVERFLOW);
    expect(runMap({ ...auto, user_va: BUFFER + 512 })).toBe(E.EINVAL);
    expect(runMap({ ...auto, length: 2 ** 40 })).toBe(E.ENOSPC);
    expect(runCopy({ ...COPY_GOOD, flags: READABLE, dst_iova: 0 })).toBe(0);
  });

  test('-ENOMEM over RLIMIT_MEMLOCK, and nothing is left', () => {
    const bed = bedFor();
    bed.k.current.rlimit = 9;
    expect(runMap(MAP_GOOD, bed)).toBe(E.ENOMEM);
    expect([bed.k.current.user.locked_vm, bed.k.current.mm.pinned_vm]).toEqual([8, 8]);
  });

  test.each([
    [E.EOPNOTSUPP, { flags: 16 }],
    [E.EOVERFLOW, { start: ULONG_MAX, length: MOCK_PAGE }],
    [E.EINVAL, { file: fileOf('dmabuf', 8), start: 8 * PAGE_SIZE }],
  ])('map file: %d', (errno, changed) => expect(runMapFile({ ...FILE_GOOD, ...changed })).toBe(errno));

  test.each([
    [E.EOVERFLOW, { iova: 1, length: U64_MAX }],
    [E.EOVERFLOW, { iova: ULONG_MAX - 1, length: 16 }],
    [E.ENOENT, { iova: NOTHING, length: 1 }],
    [0, { iova: 0, length: U64_MAX }],
  ])('unmap: %d', (errno, changed) => expect(runUnmap({ ...UNMAP_GOOD, ...changed })).toBe(errno));
});
