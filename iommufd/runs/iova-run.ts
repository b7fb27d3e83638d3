// The IOVA space of two IOASes against sets of ranges: errno, automatic IOVAs, areas, and the invariants of the
// sequential level, after each call.

import type { IovaData, IovaOp, IovaRange } from '../arbitraries/iova.ts';
import type { Functions } from '../model/functions.ts';
import { iommu_domain_alloc } from '../model/iommu.ts';
import { PAGE_SIZE, ULONG_MAX, errnoName, note } from '../model/kernel.ts';
import { type io_pagetable, iopt_area_start_byte } from '../model/objects.ts';
import {
  iopt_destroy_table,
  iopt_disable_large_pages,
  iopt_remove_reserved_iova,
  iopt_reserve_iova,
  iopt_set_allow_iova,
  iopt_table_add_domain,
  iopt_table_remove_domain,
} from '../model/table.ts';
import { iopt_unmap_all } from '../model/unmap.ts';
import { iommufd_vfio_unmap_dma } from '../model/vfio-compat.ts';
import { type Violation, judge, violationOf } from '../spec/invariants.ts';
import {
  type Asked,
  type Range,
  type Removed,
  type Space,
  addAreas,
  allow,
  badPlace,
  errnosOf,
  slicesOf,
  reserve,
  unmap,
  vfioUnmap,
} from './iova-reference.ts';
import { FIXED_IOVA, READABLE, U64_MAX, WRITEABLE, ioas_copy, ioas_map, ioas_unmap } from './uapi.ts';
import { UNIT, USER_BASE, type World, worldOf } from './world.ts';

const PLAIN = [{ order: 0, gap: false }];
const LAST = 2 ** 31 - 1;

interface IovaWorld {
  readonly world: World;
  readonly spaces: readonly Space[];
}

export function iovaWorld(data: Omit<IovaData, 'ops'>, fn: Functions): IovaWorld {
  const plain = { user: PLAIN, memfd: PLAIN, gmem: PLAIN, limit: 65536, ipcLock: false, mm: false };
  const world = worldOf({ ...plain, rlimit: 2 ** 20, attached: 0 }, fn);
  const { k, iopts } = world;
  const { vma } = k.current.mm;
  const missing = (va: number, length: number, writable: boolean): boolean => {
    for (let page = Math.floor(va / PAGE_SIZE); page * PAGE_SIZE < va + length; page++) {
      const mapped = vma.get(page);
      if (mapped === undefined || (writable && !mapped.writable)) return true;
    }
    return false;
  };
  if (!data.large) for (const iopt of iopts) iopt_disable_large_pages(k, iopt);
  const aperture: [number, number] = [0, LAST];
  if (data.domain && iopt_table_add_domain(k, iopts[0], iommu_domain_alloc(k, { aperture })) !== 0)
    throw new Error('attach');
  const spaces = iopts.map((_, i) => {
    const domain = data.domain && i === 0;
    return {
      alignment: data.large ? (domain ? UNIT : 1) : PAGE_SIZE,
      domain,
      large: data.large,
      missing,
      allowed: [],
      reserved: domain ? [{ start: LAST + 1, last: ULONG_MAX }] : [],
      areas: [],
    };
  });
  return { world, spaces };
}

/** Modulo an unsigned long. */
const wrap = (n: number): number => (n < 0 ? ULONG_MAX + 1 + n : n);
const bytes = (units: number, less = false): number => wrap(units * UNIT - (less ? 1 : 0));
const rangeOf = ({ at, length }: IovaRange): Range => {
  const [start, size] = [bytes(at), bytes(length)];
  return {
    start,
    last: size === 0 ? wrap(start - 1) : size > ULONG_MAX - start ? ULONG_MAX : start + (size - 1),
  };
};

type Mapping = Extract<IovaOp, { op: 'map' | 'copy' }>;

const flagsOf = (op: Mapping): number => READABLE | (op.write ? WRITEABLE : 0) | (op.fixed ? FIXED_IOVA : 0);

function wrongErrno({ world: { k } }: IovaWorld, at: string, rc: number, wanted: readonly number[]): boolean {
  if (wanted.includes(rc)) return false;
  note(k, 'wrong-errno', at, `${errnoName(rc)}, to be ${errnoName(wanted[0])}`);
  return true;
}

function map(tested: IovaWorld, op: Mapping): number {
  const { world, spaces } = tested;
  const { k, iopts } = world;
  const at = op.op === 'map' ? 'iommufd_ioas_map' : 'iommufd_ioas_copy';
  const space = spaces[op.ioas];
  const iova = op.fixed ? bytes(op.at, op.odd === 'iova') : 0;
  const length = bytes(op.length, op.odd === 'length');
  const what = { iova: op.fixed ? iova : null, length, write: op.write };
  let asked: Asked;
  let mapped: { readonly rc: number; readonly iova: number };
  let wanted: readonly number[];
  if (op.op === 'map') {
    const va = bytes(op.va < 0 ? op.va : op.va + USER_BASE / UNIT, op.odd === 'va');
    asked = { ...what, va };
    wanted = errnosOf(asked, space);
    mapped = ioas_map(k, iopts[op.ioas], { flags: flagsOf(op), iova, length, user_va: va });
  } else {
    const src_iova = bytes(op.source);
    asked = { ...what, from: spaces[op.from], source: src_iova };
    wanted = errnosOf(asked, space);
    const cmd = { flags: flagsOf(op), src_iova, dst_iova: iova, length };
    mapped = ioas_copy(k, iopts[op.from], iopts[op.ioas], cmd);
  }
  if (wrongErrno(tested, at, mapped.rc, wanted) || mapped.rc !== 0) return mapped.rc;
  const slices = slicesOf(asked);
  const bad = op.fixed ? null : badPlace(space, mapped.iova, length, slices[0].va);
  if (bad !== null) note(k, 'bad-iova', at, `iova ${mapped.iova} ${bad}`);
  addAreas(space, mapped.iova, slices);
  return 0;
}

function wrongSize(tested: IovaWorld, at: string, is: Removed, wanted: Removed): number {
  if (!wrongErrno(tested, at, is.rc, [wanted.rc]) && is.unmapped !== wanted.unmapped)
    note(
      tested.world.k,
      'wrong-areas',
      at,
      `${is.unmapped} bytes are told, ${wanted.unmapped} were unmapped`,
    );
  return is.rc;
}

function step(tested: IovaWorld, op: IovaOp): number {
  const { world, spaces } = tested;
  const { k } = world;
  const iopt = world.iopts[op.ioas];
  const space = spaces[op.ioas];
  if (op.op === 'map' || op.op === 'copy') return map(tested, op);
  if (op.op === 'allow') {
    const ranges = op.ranges.map(rangeOf);
    const rc = iopt_set_allow_iova(
      iopt,
      ranges.map(({ start, last }) => [start, last] as const),
    );
    wrongErrno(tested, 'iommufd_ioas_allow_iovas', rc, [allow(space, ranges)]);
    return rc;
  }
  if (op.op === 'reserve') {
    const range = rangeOf(op);
    const rc = iopt_reserve_iova(k, iopt, range.start, range.last, 'driver');
    wrongErrno(tested, 'iopt_reserve_iova', rc, [reserve(space, range)]);
    return rc;
  }
  if (op.op === 'unmap_all') {
    const is = ioas_unmap(k, iopt, { iova: 0, length: U64_MAX });
    return wrongSize(tested, 'iommufd_ioas_unmap', is, unmap(space, 0, ULONG_MAX));
  }
  const iova = bytes(op.at, op.odd === 'iova');
  const length = bytes(op.length, op.odd === 'length');
  if (op.op === 'unmap') {
    const is = ioas_unmap(k, iopt, { iova, length: length === ULONG_MAX ? U64_MAX : length });
    return wrongSize(tested, 'iommufd_ioas_unmap', is, unmap(space, iova, length));
  }
  const is = iommufd_vfio_unmap_dma(k, iopt, { flags: op.flags, iova, size: length });
  return wrongSize(tested, 'iommufd_vfio_unmap_dma', is, vfioUnmap(space, op.flags, iova, length));
}

const inOrder = (ranges: readonly Range[]): readonly Range[] =>
  [...ranges].sort((a, b) => a.start - b.start || a.last - b.last);
const told = (name: string, ranges: readonly Range[]): string[] =>
  inOrder(ranges).map(({ start, last }) => `${name} ${start} to ${last}`);

function areasOf({ k }: World, iopt: io_pagetable): string[] {
  return iopt.area_itree.nodes.map(({ node, of: area }) => {
    const uptr = area.pages?.from.type === 'USER' ? area.pages.from.uptr : 0;
    const va = uptr + iopt_area_start_byte(k, area, node.start);
    return `area ${node.start} to ${node.last} of ${va}${area.pages?.writable === true ? ', writable' : ''}`;
  });
}

/** What is there, against what is to be. */
function judgeSpaces({ world, spaces }: IovaWorld): void {
  for (const [i, iopt] of world.iopts.entries()) {
    const { areas, allowed, reserved } = spaces[i];
    const is = [
      ...areasOf(world, iopt),
      ...told(
        'allowed',
        iopt.allowed_itree.nodes.map(({ node }) => node),
      ),
      ...told(
        'reserved',
        iopt.reserved_itree.nodes.map(({ node }) => node),
      ),
    ];
    const wanted = [
      ...[...areas]
        .sort((a, b) => a.start - b.start)
        .map(
          ({ start, last, va, writable }) =>
            `area ${start} to ${last} of ${va}${writable ? ', writable' : ''}`,
        ),
      ...told('allowed', allowed),
      ...told('reserved', reserved),
    ];
    const at = is.findIndex((line, n) => line !== wanted[n]);
    if (at >= 0 || is.length !== wanted.length)
      note(
        world.k,
        'wrong-areas',
        'state',
        `${is[Math.max(at, 0)] ?? 'nothing'}, to be ${wanted[Math.max(at, 0)] ?? 'nothing'}`,
      );
  }
}

function tearDown({ world }: IovaWorld): void {
  const { k, iopts } = world;
  for (const iopt of iopts) {
    iopt_unmap_all(k, iopt);
    for (const domain of iopt.domains.slice()) iopt_table_remove_domain(k, iopt, domain);
    iopt_remove_reserved_iova(iopt, 'driver');
    iopt_destroy_table(k, iopt);
  }
}

export interface IovaOutcome {
  /** What each call returned, by errno name. */
  readonly results: readonly string[];
  /** What goes wrong first: behind it the reference says nothing. */
  readonly violations: readonly Violation[];
}

export function runIova(data: IovaData, fn: Functions): IovaOutcome {
  const tested = iovaWorld(data, fn);
  const { k } = tested.world;
  const results: string[] = [];
  const violations = (): readonly Violation[] => [
    ...k.findings.map((finding) => violationOf(finding, results.length - 1)),
    ...judge(tested.world, results.length - 1),
  ];
  for (const op of data.ops) {
    results.push(errnoName(step(tested, op)));
    if (k.findings.length === 0) judgeSpaces(tested);
    const wrong = violations();
    if (wrong.length > 0) return { results, violations: wrong };
  }
  tearDown(tested);
  return { results, violations: violations() };
}
