// Dirty tracking against what devices have written, and the errno of its two calls against a table of conditions.

import { DIRTY_UNITS, type DirtyData, type DirtyOp } from '../arbitraries/dirty.ts';
import { contigAreas, iopt_map_user_pages } from '../model/area.ts';
import {
  type iommu_hwpt_get_dirty_bitmap,
  type iommufd_hwpt_paging,
  iommufd_hwpt_get_dirty_bitmap,
  iommufd_hwpt_set_dirty_tracking,
} from '../model/dirty.ts';
import type { Functions } from '../model/functions.ts';
import { IOMMU_READ, IOMMU_WRITE, iommu_domain_alloc } from '../model/iommu.ts';
import { kernelOf } from '../model/kernel-of.ts';
import * as E from '../model/kernel.ts';
import { type Kernel, KernelOops, PAGE_SIZE, errnoName, note } from '../model/kernel.ts';
import { alloc_folio, pinsOf } from '../model/memory.ts';
import { iopt_area_iova, iopt_area_last_iova, iopt_area_length, iopt_areas } from '../model/objects.ts';
import { deviceWrites } from '../model/pt-dirty.ts';
import { iopt_init_table } from '../model/objects.ts';
import { leavesOf } from '../model/pt-table.ts';
import { iopt_disable_large_pages, iopt_table_add_domain } from '../model/table.ts';
import { iopt_unmap_iova } from '../model/unmap.ts';

const UNIT = 2048;
const MEMORY = 0x100000;
const BITMAP = 0x800000;
const BITMAP_PAGES = 4;
const ALL = 2n ** 64n;

export interface DirtyWorld {
  readonly k: Kernel;
  readonly hwpt: iommufd_hwpt_paging;
  readonly offset: number;
  /** Units that a device has written to since they were last read and cleared. */
  readonly unread: Set<number>;
  /** Units of the leaves of these: they may be reported as well. */
  readonly may: Set<number>;
}

export function dirtyWorld(data: Omit<DirtyData, 'ops'>, fn: Functions): DirtyWorld {
  const k = kernelOf(fn);
  const { vma } = k.current.mm;
  for (let page = 0, i = 0; page < (DIRTY_UNITS * UNIT) / PAGE_SIZE; i++) {
    const { order, gap } = data.layout[i % data.layout.length];
    const folio = alloc_folio(k, order, 'anon', gap);
    folio.refs = 2 ** order;
    for (let j = 0; j < 2 ** order; j++, page++)
      vma.set(MEMORY / PAGE_SIZE + page, { pfn: folio.pfn + j, writable: true });
  }
  for (let page = 0; page < BITMAP_PAGES; page++)
    vma.set(BITMAP / PAGE_SIZE + page, { pfn: alloc_folio(k, 0, 'anon', true).pfn, writable: true });
  const iopt = iopt_init_table(k);
  if (!data.large) iopt_disable_large_pages(k, iopt);
  const domain = iommu_domain_alloc(k, { aperture: [0, 2 ** 31 - 1], dirty_ops: data.dirtyOps });
  if (iopt_table_add_domain(k, iopt, domain) !== 0) throw new Error('attach');
  return { k, hwpt: { iopt, domain }, offset: data.offset, unread: new Set(), may: new Set() };
}

/** iova and length of the command. */
function rangeOf(op: Extract<DirtyOp, { op: 'get' }>): readonly [bigint, bigint] {
  if (op.range === 'all') return [0n, 0n];
  if (op.range === 'half') return [0n, ALL / 2n];
  if (op.range === 'wraps') return [ALL - 4096n, 8192n];
  return [BigInt(op.at * UNIT + (op.spoil === 'byte' ? 1 : 0)), BigInt(op.length * UNIT)];
}

export function commandOf(op: Extract<DirtyOp, { op: 'get' }>, offset: number): iommu_hwpt_get_dirty_bitmap {
  const [iova, length] = rangeOf(op);
  return {
    flags: (op.clear ? 0 : 1) | (op.spoil === 'flags' ? 2 : 0),
    __reserved: op.spoil === 'reserved' ? 1 : 0,
    iova,
    length,
    page_size: op.page < 0 ? 0n : 2n ** BigInt(op.page),
    data: BigInt(BITMAP + offset),
  };
}

interface Asked {
  readonly cmd: iommu_hwpt_get_dirty_bitmap;
  readonly badId: boolean;
  readonly fails: boolean;
}

/** The whole range without a hole; one of length 0 is all of the 64 bits. */
const ends = ({ iova, length }: iommu_hwpt_get_dirty_bitmap): bigint => iova + (length === 0n ? ALL : length);

/** Where the first hole is, or the end. */
function mappedUntil({ hwpt }: DirtyWorld, cmd: iommu_hwpt_get_dirty_bitmap): number {
  const last = ends(cmd) - 1n < BigInt(E.ULONG_MAX) ? Number(ends(cmd) - 1n) : E.ULONG_MAX;
  const { areas } = contigAreas(hwpt.iopt, Number(cmd.iova), last);
  if (areas.length === 0) return Number(cmd.iova);
  return Math.min(last, iopt_area_last_iova(areas[areas.length - 1].area)) + 1;
}

/** In the order of the kernel's tests: the first that is true decides. */
const GET_DIRTY_BITMAP: readonly (readonly [number, (asked: Asked, world: DirtyWorld) => boolean])[] = [
  [E.EOPNOTSUPP, ({ cmd }) => cmd.flags > 1 || cmd.__reserved > 0],
  [E.ENOENT, ({ badId }) => badId],
  [E.EOVERFLOW, ({ cmd }) => ends(cmd) > ALL],
  [
    E.EINVAL,
    ({ cmd }, { hwpt }) => [cmd.iova, ends(cmd)].some((n) => n % BigInt(hwpt.iopt.iova_alignment) > 0n),
  ],
  [E.EINVAL, ({ cmd }) => cmd.page_size === 0n],
  [E.EINVAL, ({ cmd }) => [cmd.iova, ends(cmd)].some((n) => n % cmd.page_size > 0n)],
  [E.EOPNOTSUPP, (_, { hwpt }) => !hwpt.domain.dirty_ops],
  [E.ENOMEM, ({ fails }) => fails],
];

/** Null where the table is walked. */
const errnoOf = (asked: Asked, world: DirtyWorld): number | null =>
  GET_DIRTY_BITMAP.find(([, bad]) => bad(asked, world))?.[0] ?? null;

function bitmapBits({ k }: DirtyWorld, data: bigint): number[] {
  const out: number[] = [];
  for (let page = 0; page < BITMAP_PAGES; page++) {
    const bytes = k.memory.bytes.get(k.current.mm.vma.get(BITMAP / PAGE_SIZE + page)?.pfn ?? -1);
    bytes?.forEach((byte, i) => {
      for (let bit = 0; byte >> bit > 0; bit++)
        if (((byte >> bit) & 1) === 1) out.push((BITMAP + page * PAGE_SIZE + i - Number(data)) * 8 + bit);
    });
  }
  return out;
}

function clearBitmap({ k }: DirtyWorld): void {
  for (let page = 0; page < BITMAP_PAGES; page++)
    k.memory.bytes.delete(k.current.mm.vma.get(BITMAP / PAGE_SIZE + page)?.pfn ?? -1);
}

const AT = 'iommufd_hwpt_get_dirty_bitmap';
const unitsOf = (iova: number, size: number): number[] =>
  Array.from({ length: Math.ceil(size / UNIT) }, (_, i) => Math.floor(iova / UNIT) + i);

/** Each unit that was written to is in the bitmap; each bit is of a leaf that was, and inside the bitmap. */
function judgeBits(world: DirtyWorld, cmd: iommu_hwpt_get_dirty_bitmap, end: number): void {
  const { k, unread, may } = world;
  const set = bitmapBits(world, cmd.data);
  const iova = Number(cmd.iova);
  const bitOf = (address: number): number => Math.floor((address - iova) / Number(cmd.page_size));
  const total = (ends(cmd) - cmd.iova) / cmd.page_size;
  const got = new Set(set);
  const good = new Set<number>();
  for (const unit of unitsOf(iova, end - iova)) {
    if (unread.has(unit) && !got.has(bitOf(unit * UNIT)))
      note(k, 'dirty-page-lost', AT, `iova ${unit * UNIT} was written to, bit ${bitOf(unit * UNIT)} is 0`);
    if (may.has(unit)) for (let at = 0; at < UNIT; at += 512) good.add(bitOf(unit * UNIT + at));
  }
  for (const bit of set)
    if (bit < 0 || BigInt(bit) >= total)
      note(k, 'user-memory-overwritten', AT, `bit ${bit} of a bitmap of ${total} bits is set`);
    else if (!good.has(bit)) note(k, 'dirty-page-invented', AT, `bit ${bit} is set, nobody wrote there`);
}

function clearRange({ hwpt, unread, may }: DirtyWorld, iova: number, end: number): void {
  for (const unit of unitsOf(iova, end - iova)) unread.delete(unit);
  for (const leaf of leavesOf(hwpt.domain))
    if (leaf.iova >= iova && leaf.iova + 2 ** leaf.lg2 <= end)
      for (const unit of unitsOf(leaf.iova, 2 ** leaf.lg2)) may.delete(unit);
}

function wrongErrno(k: Kernel, at: string, rc: number, wanted: number): void {
  if (rc !== wanted) note(k, 'wrong-errno', at, `${errnoName(rc)}, to be ${errnoName(wanted)}`);
}

function get(world: DirtyWorld, op: Extract<DirtyOp, { op: 'get' }>): void {
  const { k, hwpt } = world;
  const cmd = commandOf(op, world.offset);
  const badId = op.spoil === 'id';
  clearBitmap(world);
  const wanted = errnoOf({ cmd, badId, fails: op.fail > 0 }, world);
  k.fail = op.fail;
  k.failPoints = 0;
  const rc = iommufd_hwpt_get_dirty_bitmap(k, badId ? null : hwpt, cmd);
  k.fail = 0;
  if (wanted !== null) {
    wrongErrno(k, AT, rc, wanted);
    for (const bit of bitmapBits(world, cmd.data))
      note(k, 'dirty-page-invented', AT, `bit ${bit}, and an errno`);
    return;
  }
  const end = mappedUntil(world, cmd);
  wrongErrno(k, AT, rc, BigInt(end) === ends(cmd) ? 0 : E.EINVAL);
  judgeBits(world, cmd, end);
  if (op.clear) clearRange(world, Number(cmd.iova), end);
}

function track(world: DirtyWorld, op: Extract<DirtyOp, { op: 'track' }>): void {
  const { k, hwpt, unread, may } = world;
  const cmd = {
    flags: (op.on ? 1 : 0) | (op.spoil === 'flags' ? 2 : 0),
    __reserved: op.spoil === 'reserved' ? 1 : 0,
  };
  const badId = op.spoil === 'id';
  const wanted = cmd.flags > 1 ? E.EOPNOTSUPP : badId ? E.ENOENT : hwpt.domain.dirty_ops ? 0 : E.EOPNOTSUPP;
  const rc = iommufd_hwpt_set_dirty_tracking(k, badId ? null : hwpt, cmd);
  wrongErrno(k, 'iommufd_hwpt_set_dirty_tracking', rc, wanted);
  if (wanted !== 0 || !op.on) return;
  unread.clear();
  may.clear();
}

function write({ hwpt, unread, may }: DirtyWorld, at: number): void {
  if (!deviceWrites(hwpt.domain, at * UNIT) || !hwpt.domain.dirty_tracking) return;
  unread.add(at);
  const leaf = leavesOf(hwpt.domain).find(
    (each) => each.iova <= at * UNIT && at * UNIT < each.iova + 2 ** each.lg2,
  );
  if (leaf !== undefined) for (const unit of unitsOf(leaf.iova, 2 ** leaf.lg2)) may.add(unit);
}

function unmap({ k, hwpt, unread, may }: DirtyWorld, at: number): void {
  const [area] = iopt_areas(hwpt.iopt, at * UNIT, at * UNIT);
  if (area === undefined) return;
  const [iova, length] = [iopt_area_iova(area), iopt_area_length(area)];
  iopt_unmap_iova(k, hwpt.iopt, iova, length);
  for (const unit of unitsOf(iova, length)) {
    unread.delete(unit);
    may.delete(unit);
  }
}

export function stepDirty(world: DirtyWorld, op: DirtyOp): void {
  const { k, hwpt } = world;
  if (op.op === 'map') {
    const length = Math.min(op.length, DIRTY_UNITS - op.at) * UNIT;
    const request = { iova: op.at * UNIT, length, prot: IOMMU_READ | IOMMU_WRITE };
    iopt_map_user_pages(k, hwpt.iopt, MEMORY + op.at * UNIT, request);
  } else if (op.op === 'unmap') {
    unmap(world, op.at);
  } else if (op.op === 'write') {
    write(world, op.at);
  } else if (op.op === 'track') {
    track(world, op);
  } else {
    get(world, op);
  }
  for (let page = 0; page < BITMAP_PAGES; page++) {
    const folio = k.memory.folios.get(k.current.mm.vma.get(BITMAP / PAGE_SIZE + page)?.pfn ?? -1);
    if (folio !== undefined && pinsOf(folio) > 0)
      note(k, 'pin-left', AT, 'a page of the bitmap is still pinned');
  }
}

/** What goes wrong, in order. */
export function runDirty(data: DirtyData, fn: Functions): readonly E.Finding[] {
  const world = dirtyWorld(data, fn);
  try {
    if (data.tracked) {
      stepDirty(world, { op: 'map', at: 0, length: DIRTY_UNITS });
      stepDirty(world, { op: 'track', on: true, spoil: 'nothing' });
    }
    for (const op of data.ops) stepDirty(world, op);
  } catch (error) {
    if (!(error instanceof KernelOops)) throw error;
  }
  return world.k.findings;
}
