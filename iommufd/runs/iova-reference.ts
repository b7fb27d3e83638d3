// What the calls on an IOVA space are to return, from sets of ranges alone: the errno in the order of the tests
// of ioas.c, io_pagetable.c and vfio_compat.c, and where an automatic IOVA may lie. Ranges are closed.

import * as E from '../model/kernel.ts';
import { PAGE_SIZE, ULONG_MAX } from '../model/kernel.ts';
import { UNIT } from './world.ts';

const LARGEST = 2 ** 21;

export interface Range {
  readonly start: number;
  readonly last: number;
}

/** An area: `va` is what its first byte is of. */
export interface Area extends Range {
  readonly va: number;
  /** Of the pages, not of the area: what a copy of it may be. */
  readonly writable: boolean;
}

export interface Space {
  readonly alignment: number;
  readonly domain: boolean;
  readonly large: boolean;
  /** A page of user memory cannot be pinned. */
  readonly missing: (va: number, length: number, writable: boolean) => boolean;
  allowed: readonly Range[];
  readonly reserved: Range[];
  areas: Area[];
}

/** A map, or a copy of what is in `from`. */
export interface Asked {
  /** null: an automatic one. */
  readonly iova: number | null;
  readonly length: number;
  readonly write: boolean;
  readonly va?: number;
  readonly from?: Space;
  readonly source?: number;
}

export interface Slice {
  readonly offset: number;
  readonly va: number;
  readonly length: number;
  readonly writable: boolean;
}

const meets =
  (range: Range) =>
  (other: Range): boolean =>
    other.start <= range.last && other.last >= range.start;
const overflows = (start: number, length: number): boolean => start > ULONG_MAX - (length - 1);
const spanOf = (start: number, length: number): Range => ({ start, last: start + (length - 1) });

/** A slice for each area of the source, as long as there is no gap. */
export function slicesOf(asked: Asked): Slice[] {
  const { from, source, length, va, write } = asked;
  if (from === undefined || source === undefined)
    return [{ offset: 0, va: va ?? 0, length, writable: write }];
  const out: Slice[] = [];
  const end = source + length;
  for (let at = source; at < end;) {
    const area = from.areas.find(meets({ start: at, last: at }));
    if (area === undefined) return [];
    const size = Math.min(end - 1, area.last) - at + 1;
    out.push({ offset: at - source, va: area.va + (at - area.start), length: size, writable: area.writable });
    at += size;
  }
  return out;
}

/** Of the address, as far as the length needs it, up to 2M. */
export function alignmentOf(va: number, length: number): number {
  let alignment = 1;
  while (alignment < length && alignment < LARGEST && va % (alignment * 2) === 0) alignment *= 2;
  return alignment;
}

/** What is allowed, ranges that touch as one. */
function allowedPieces(space: Space): readonly Range[] {
  if (space.allowed.length === 0) return [{ start: 0, last: ULONG_MAX }];
  const out: Range[] = [];
  for (const range of [...space.allowed].sort((a, b) => a.start - b.start)) {
    const before = out.at(-1);
    if (before !== undefined && before.last + 1 >= range.start)
      out[out.length - 1] = { start: before.start, last: Math.max(before.last, range.last) };
    else out.push(range);
  }
  return out;
}

/** Null where an automatic IOVA may lie there; else why not. */
export function badPlace(space: Space, iova: number, length: number, va: number): string | null {
  const range = spanOf(iova, length);
  const offset = va % PAGE_SIZE;
  if (iova < PAGE_SIZE || range.last > ULONG_MAX - PAGE_SIZE) return 'is in the first page, or in the last';
  if (iova % alignmentOf(va, length) !== 0) return `is not aligned to ${alignmentOf(va, length)}`;
  if (((iova % PAGE_SIZE) & offset) !== offset) return 'has not the offset of the page';
  if (!allowedPieces(space).some(({ start, last }) => start <= iova && range.last <= last))
    return 'is not in the allowed list';
  if (space.reserved.some(meets(range))) return 'meets a reserved range';
  return space.areas.some(meets(range)) ? 'meets an area' : null;
}

/* Below 2 KiB the offset of the page, or-ed in, passes over places that would do: not judged. */
const inUnits = (space: Space, length: number, va: number): boolean =>
  [length, va, ...[...space.areas, ...space.allowed, ...space.reserved].flatMap(edges)].every(
    (n) => n % UNIT === 0,
  );
const edges = ({ start, last }: Range): number[] => [start, last === ULONG_MAX ? 0 : last + 1];

/** Whether there is room; null where that is not judged. The lowest place behind each edge is looked at. */
export function hasRoom(space: Space, length: number, va: number): boolean | null {
  if (!inUnits(space, length, va)) return null;
  const alignment = alignmentOf(va, length);
  return [...space.areas, ...space.allowed, ...space.reserved, spanOf(0, PAGE_SIZE)]
    .flatMap(edges)
    .some((edge) => {
      const from = Math.ceil(Math.max(edge, PAGE_SIZE) / alignment) * alignment;
      return [from, from + UNIT].some(
        (iova) => !overflows(iova, length) && badPlace(space, iova, length, va) === null,
      );
    });
}

type Test = readonly [number, (asked: Asked, space: Space, slices: readonly Slice[]) => boolean];

const isAbove = (limit: number, ...values: (number | null | undefined)[]): boolean =>
  values.some((value) => (value ?? 0) > limit);

const MAP: readonly Test[] = [
  [E.EOVERFLOW, ({ iova, length }) => isAbove(ULONG_MAX - 1, iova, length)],
  [E.EOVERFLOW, ({ va = 0, length }) => va > ULONG_MAX - length],
  [E.EINVAL, ({ length }) => length === 0 || length > ULONG_MAX - PAGE_SIZE],
];

const COPY: readonly Test[] = [
  [E.EOVERFLOW, ({ iova, length, source }) => isAbove(ULONG_MAX - 1, iova, length, source)],
  [E.EINVAL, ({ length }) => length === 0],
  [E.EOVERFLOW, ({ source = 0, length }) => overflows(source, length)],
  [E.ENOENT, (_asked, _space, slices) => slices.length === 0],
];

const ALIGNED: readonly Test[] = [[E.EINVAL, ({ length }, { alignment }) => length % alignment !== 0]];

const FIXED: readonly Test[] = [
  [E.EINVAL, ({ iova }, { alignment }) => (iova ?? 0) % alignment !== 0],
  [E.EOVERFLOW, ({ iova, length }) => overflows(iova ?? 0, length)],
  [E.EINVAL, ({ iova, length }, { reserved }) => reserved.some(meets(spanOf(iova ?? 0, length)))],
  [E.EEXIST, ({ iova, length }, { areas }) => areas.some(meets(spanOf(iova ?? 0, length)))],
];

const AUTOMATIC: readonly Test[] = [
  [E.EOVERFLOW, ({ length }) => length >= Math.floor(ULONG_MAX / 2)],
  [E.EINVAL, ({ length }, { alignment }, [{ va }]) => alignmentOf(va, length) < alignment],
  [E.ENOSPC, ({ length }, space, [{ va }]) => hasRoom(space, length, va) === false],
];

/** The slices of a copy are inserted one by one, then filled one by one. */
function errnoOfSlices({ write }: Asked, space: Space, slices: readonly Slice[]): number {
  const { alignment, domain, missing } = space;
  for (const { va, writable } of slices) {
    if (write && !writable) return E.EPERM;
    if ((va % PAGE_SIZE) % alignment !== 0) return E.EINVAL;
  }
  for (const { va, length, writable, offset } of domain ? slices : []) {
    if (missing(va, length, writable)) return E.EFAULT;
    if (offset % alignment !== 0 || length % alignment !== 0) return E.EINVAL;
  }
  return 0;
}

/** The errno, and one more where -ENOSPC is not judged. */
export function errnosOf(asked: Asked, space: Space): readonly number[] {
  const slices = asked.length === 0 || overflows(asked.source ?? 0, asked.length) ? [] : slicesOf(asked);
  const isCopy = asked.from !== undefined;
  const tests = [...(isCopy ? COPY : MAP), ...ALIGNED, ...(asked.iova === null ? AUTOMATIC : FIXED)];
  const rc = tests.find(([, bad]) => bad(asked, space, slices))?.[0];
  if (rc !== undefined) return [rc];
  const unsure = asked.iova === null && hasRoom(space, asked.length, slices[0].va) === null;
  return [errnoOfSlices(asked, space, slices), ...(unsure ? [E.ENOSPC] : [])];
}

export function addAreas(space: Space, iova: number, slices: readonly Slice[]): void {
  for (const { offset, va, length, writable } of slices)
    space.areas.push({ ...spanOf(iova + offset, length), va, writable });
}

/** iommufd_ioas_allow_iovas(): the whole list, or none of it. */
export function allow(space: Space, ranges: readonly Range[]): number {
  if (ranges.some((range, i) => range.start >= range.last || ranges.slice(0, i).some(meets(range))))
    return E.EINVAL;
  if (ranges.some((range) => space.reserved.some(meets(range)))) return E.EADDRINUSE;
  space.allowed = ranges;
  return 0;
}

export function reserve(space: Space, range: Range): number {
  if ([...space.areas, ...space.allowed].some(meets(range))) return E.EADDRINUSE;
  space.reserved.push(range);
  return 0;
}

export interface Removed {
  readonly rc: number;
  readonly unmapped: number;
}

/** Area by area from below; one that is only partly inside ends it. */
function remove(space: Space, range: Range): Removed {
  let unmapped = 0;
  for (const area of space.areas.filter(meets(range)).sort((a, b) => a.start - b.start)) {
    if (area.start < range.start || area.last > range.last) return { rc: E.ENOENT, unmapped };
    space.areas = space.areas.filter((other) => other !== area);
    unmapped += area.last - area.start + 1;
  }
  return { rc: 0, unmapped };
}

const ALL = { start: 0, last: ULONG_MAX };

function removeRange(space: Space, iova: number, length: number): Removed {
  if (length === 0) return { rc: E.EINVAL, unmapped: 0 };
  return overflows(iova, length) ? { rc: E.EOVERFLOW, unmapped: 0 } : remove(space, spanOf(iova, length));
}

/** IOMMU_IOAS_UNMAP: nothing there is an error, and an error has no size. */
export function unmap(space: Space, iova: number, length: number): Removed {
  if (iova === 0 && length === ULONG_MAX) return remove(space, ALL);
  if (isAbove(ULONG_MAX - 1, iova, length)) return { rc: E.EOVERFLOW, unmapped: 0 };
  const { rc, unmapped } = removeRange(space, iova, length);
  if (rc !== 0) return { rc, unmapped: 0 };
  return unmapped === 0 ? { rc: E.ENOENT, unmapped } : { rc, unmapped };
}

/** `at` becomes the last of the first half. */
function cut(space: Space, at: number): number {
  const area = space.areas.find(meets({ start: at, last: at }));
  if (area === undefined || at === area.start || at === area.last) return 0;
  const offset = at - area.start + 1;
  if ((at + 1) % space.alignment !== 0 || (area.va + offset) % space.alignment !== 0) return E.EINVAL;
  space.areas = space.areas.filter((other) => other !== area);
  space.areas.push({ ...area, last: at }, { ...area, start: at + 1, va: area.va + offset });
  return 0;
}

const wrapped = (n: bigint): number =>
  Number(((n % (BigInt(ULONG_MAX) + 1n)) + BigInt(ULONG_MAX) + 1n) % (BigInt(ULONG_MAX) + 1n));

const FLAG_ALL = 2;

/** VFIO_IOMMU_UNMAP_DMA: nothing there is no error; where the unmap stops at one, the size is told as well. */
export function vfioUnmap(space: Space, flags: number, iova: number, size: number): Removed {
  const refused = { rc: E.EINVAL, unmapped: 0 };
  if ((flags & ~FLAG_ALL) !== 0) return refused;
  if (flags !== 0) return iova !== 0 || size !== 0 ? refused : remove(space, ALL);
  const cuts = [wrapped(BigInt(iova) + BigInt(size) - 1n), ...(iova === 0 ? [] : [iova - 1])];
  for (const at of space.large ? [] : cuts) {
    const rc = cut(space, at);
    if (rc !== 0) return { rc, unmapped: 0 };
  }
  return removeRange(space, iova, size);
}
