// Each operation of the plain data, on a world.

import type { OpData } from '../arbitraries/sequence.ts';
import { iommufd_access_rw } from '../model/access-rw.ts';
import {
  iommufd_access_change_ioas,
  iommufd_access_pin_pages,
  iommufd_access_unpin_pages,
} from '../model/access.ts';
import {
  type Mapped,
  contigAreas,
  iopt_copy,
  iopt_map_file_pages,
  iopt_map_user_pages,
} from '../model/area.ts';
import { dma_buf_invalidate_mappings } from '../model/dmabuf.ts';
import { IOMMU_CACHE, IOMMU_READ, IOMMU_WRITE, iommu_domain_alloc } from '../model/iommu.ts';
import { ENOENT, PAGE_SIZE, note } from '../model/kernel.ts';
import { punch_hole } from '../model/memory.ts';
import {
  type iopt_area,
  iopt_area_iova,
  iopt_area_iova_to_index,
  iopt_area_last_iova,
  iopt_area_length,
} from '../model/objects.ts';
import { iommufd_ioas_change_process } from '../model/process.ts';
import {
  iopt_disable_large_pages,
  iopt_enable_large_pages,
  iopt_table_add_domain,
  iopt_table_remove_domain,
} from '../model/table.ts';
import { iopt_cut_iova, iopt_unmap_all, iopt_unmap_iova } from '../model/unmap.ts';
import { outPages } from '../model/xarray.ts';
import { deviceDma, sourcePfn, vcpuFault } from './guest.ts';
import {
  FILE_PAGES,
  IOVA_BASE,
  type Pin,
  UNIT,
  USER_BASE,
  USER_PAGES,
  type World,
  allAreas,
  allPages,
  fillHuge,
  otherProcess,
  storedPfn,
} from './world.ts';

type Op<T extends OpData['op']> = Extract<OpData, { op: T }>;

const areaAt = (world: World, n: number): iopt_area | null => {
  const areas = allAreas(world);
  return areas.length === 0 ? null : areas[n % areas.length];
};
const prot = (write: boolean): number => IOMMU_READ | IOMMU_CACHE | (write ? IOMMU_WRITE : 0);
const iovaOf = (units: number): number | null => (units < 0 ? null : IOVA_BASE + units * UNIT);

function map(world: World, op: Op<'map'>): Mapped {
  const { k, files } = world;
  const iopt = world.iopts[op.ioas % 2];
  const { gmem2m } = files;
  const file = [null, files.memfd, files.gmem, files.dmabuf, files.other, gmem2m][op.source % 6];
  const units = op.at % (FILE_PAGES * 2);
  const request = { iova: iovaOf(op.iova), length: op.length * UNIT, prot: prot(op.write) };
  if (file === null || file === undefined)
    return iopt_map_user_pages(k, iopt, USER_BASE + (op.at % (USER_PAGES * 2)) * UNIT, request);
  if (file === gmem2m) {
    fillHuge(world);
    const whole = gmem2m.pages * PAGE_SIZE;
    return iopt_map_file_pages(k, iopt, gmem2m, 0, { ...request, iova: 2 ** 25, length: whole });
  }
  if (op.race)
    k.preempt = () => {
      k.preempt = null;
      world.punched.add(file);
      punch_hole(k, file, 0, FILE_PAGES);
    };
  const mapped = iopt_map_file_pages(k, iopt, file, units * UNIT, request);
  k.preempt = null;
  return mapped;
}

/* The longest length there is stands for itself, so that ranges beyond the end come up as well. */
const LENGTH_RAW = 16;
const PAGES_RAW = 8;
const BYTES_RAW = 9000;
const within = (n: number, room: number, raw: number): number =>
  n >= raw ? n : 1 + ((n - 1) % Math.max(1, room));

function pagesOf(area: iopt_area, op: Op<'pin'>): { readonly at: number; readonly pages: number } {
  const room = Math.max(1, Math.floor(iopt_area_length(area) / PAGE_SIZE));
  const at = op.at % room;
  return { at, pages: within(op.pages, room - at, PAGES_RAW) };
}

function copy(world: World, op: Op<'copy'>): number {
  const area = areaAt(world, op.area);
  if (area === null) return ENOENT;
  const units = Math.max(1, Math.floor(iopt_area_length(area) / UNIT));
  const at = op.at % units;
  const length = within(op.length, units - at, LENGTH_RAW) * UNIT;
  const request = { iova: iovaOf(op.iova), length, prot: prot(false) };
  return iopt_copy(world.k, area.iopt, iopt_area_iova(area) + at * UNIT, world.iopts[op.ioas % 2], request)
    .rc;
}

function attach(world: World, op: Op<'attach'>): number {
  const iopt = world.iopts[op.ioas % 2];
  if (iopt.domains.length >= 3) return ENOENT;
  const domain = iommu_domain_alloc(world.k);
  return iopt_table_add_domain(world.k, iopt, domain);
}

function detach(world: World, op: Op<'detach'>): number {
  const iopt = world.iopts[op.ioas % 2];
  if (iopt.domains.length === 0) return ENOENT;
  iopt_table_remove_domain(world.k, iopt, iopt.domains[op.domain % iopt.domains.length]);
  return 0;
}

/** The driver behind an access: unpins all of it that the range meets. */
function attachAccess(world: World, n: number, internal: boolean): number {
  const { k, pins } = world;
  const access = internal ? world.accesses[n].internal : world.accesses[n].external;
  if (access.ioas !== null) return 0;
  access.unmap = (iova, length) => {
    for (const pin of pins.filter((each) => each.access === access))
      if (pin.iova < iova + length && pin.iova + pin.length > iova) {
        pins.splice(pins.indexOf(pin), 1);
        iommufd_access_unpin_pages(k, access, pin);
      }
  };
  return iommufd_access_change_ioas(k, access, world.iopts[n]);
}

function pin(world: World, op: Op<'pin'>): number {
  const { k } = world;
  const area = areaAt(world, op.area);
  if (area === null) return ENOENT;
  const n = world.iopts.indexOf(area.iopt);
  const access = op.internal ? world.accesses[n].internal : world.accesses[n].external;
  const { at, pages } = pagesOf(area, op);
  const taken: Pin = { access, iova: iopt_area_iova(area) + at * PAGE_SIZE, length: pages * PAGE_SIZE };
  const out = outPages(pages);
  const done = iommufd_access_pin_pages(k, access, taken, out, op.write);
  if (done !== 0) return done;
  world.pins.push(taken);
  judgeOut(world, taken, out.data);
  return 0;
}

/** What the driver was given, against the source. */
function judgeOut(world: World, taken: Pin, data: readonly (number | undefined)[]): void {
  const { k } = world;
  const at = 'iommufd_access_pin_pages';
  const iopt = taken.access.ioas;
  if (iopt === null) return;
  let i = 0;
  for (const { area, cur_iova } of contigAreas(iopt, taken.iova, taken.iova + taken.length - 1).areas) {
    const { pages } = area;
    if (pages === null) continue;
    const last = Math.min(taken.iova + taken.length - 1, iopt_area_last_iova(area));
    const from = iopt_area_iova_to_index(k, area, cur_iova);
    for (let index = from; index <= iopt_area_iova_to_index(k, area, last); index++, i++) {
      const pfn = data[i] ?? -1;
      if (k.memory.folios.get(pfn)?.owner === 'gmem')
        note(k, 'cpu-access-to-private', at, `hands out pfn ${pfn} of guest_memfd`);
      const source = sourcePfn(pages, index) ?? storedPfn(k, pages, index);
      const punched = pages.from.type === 'FILE' && world.punched.has(pages.from.file);
      if (source !== pfn && !punched)
        note(k, 'wrong-page', at, `index ${index}: pfn ${pfn}, the source has ${source}`);
    }
  }
}

function unpin(world: World, op: Op<'unpin'>): number {
  if (world.pins.length === 0) return ENOENT;
  const [taken] = world.pins.splice(op.pin % world.pins.length, 1);
  iommufd_access_unpin_pages(world.k, taken.access, taken);
  return 0;
}

function rw(world: World, op: Op<'rw'>): number {
  const area = areaAt(world, op.area);
  if (area === null) return ENOENT;
  const n = world.iopts.indexOf(area.iopt);
  const at = op.at % iopt_area_length(area);
  const length = within(op.length, iopt_area_length(area) - at, BYTES_RAW);
  const data = new Uint8Array(length).fill(op.at % 251);
  const range = { iova: iopt_area_iova(area) + at, length };
  return iommufd_access_rw(world.k, world.accesses[n].external, range, data, op);
}

function cut(world: World, op: Op<'cut'>): number {
  const area = areaAt(world, op.area);
  return area === null
    ? ENOENT
    : iopt_cut_iova(world.k, area.iopt, [iopt_area_iova(area) + op.at * UNIT - (op.at === 0 ? 0 : 1)]);
}

function large_pages(world: World, op: Op<'large_pages'>): number {
  const iopt = world.iopts[op.ioas % 2];
  if (!op.on) return iopt_disable_large_pages(world.k, iopt);
  iopt_enable_large_pages(world.k, iopt);
  return 0;
}

function punch(world: World, op: Op<'punch'>): number {
  const file = [world.files.memfd, world.files.gmem, world.files.gmem][op.file % 3];
  world.punched.add(file);
  punch_hole(world.k, file, op.at, op.at + op.pages - 1);
  return 0;
}

function unmap(world: World, op: Op<'unmap'>): number {
  const area = areaAt(world, op.area);
  if (area === null) return ENOENT;
  return iopt_unmap_iova(world.k, area.iopt, iopt_area_iova(area), iopt_area_length(area)).rc;
}

function revoke(world: World, op: Op<'revoke'>): number {
  const { dmabuf } = world.files;
  if (op.undo) dmabuf.revoked = false;
  else dma_buf_invalidate_mappings(world.k, dmabuf, allPages(world));
  return 0;
}

/** The first process is gone; its child goes on. */
function exit(world: World): number {
  const { k, first } = world;
  if (k.current === first) k.current = otherProcess(world);
  first.mm.users = 0;
  return 0;
}

function convert(world: World, op: Op<'convert'>): number {
  for (let i = op.at; i < op.at + op.pages; i++)
    if (op.shared) world.files.gmem.shared.add(i);
    else world.files.gmem.shared.delete(i);
  return 0;
}

export function run(world: World, op: OpData): number {
  const { k, iopts } = world;
  switch (op.op) {
    case 'map':
      return map(world, op).rc;
    case 'copy':
      return copy(world, op);
    case 'unmap':
      return unmap(world, op);
    case 'unmap_range':
      return iopt_unmap_iova(k, iopts[op.ioas % 2], IOVA_BASE + op.iova * UNIT, op.length * UNIT).rc;
    case 'unmap_all':
      return iopt_unmap_all(k, iopts[op.ioas % 2]).rc;
    case 'attach':
      return attach(world, op);
    case 'detach':
      return detach(world, op);
    case 'pin':
      return pin(world, op);
    case 'unpin':
      return unpin(world, op);
    case 'rw':
      return rw(world, op);
    case 'cut':
      return cut(world, op);
    case 'large_pages':
      return large_pages(world, op);
    case 'punch':
      return punch(world, op);
    case 'convert':
      return convert(world, op);
    case 'vcpu_fault':
      return vcpuFault(world, op.at);
    case 'dma':
      return deviceDma(world, areaAt(world, op.area), op.at, op.write);
    case 'revoke':
      return revoke(world, op);
    case 'exit':
      return exit(world);
    case 'change_process':
      return iommufd_ioas_change_process(k, iopts);
  }
}

/** Before the operation proper: the access that it needs, the process that does it. */
export function prepare(world: World, op: OpData): number {
  if (op.op === 'change_process' && world.k.current === world.first) world.k.current = otherProcess(world);
  if (op.op !== 'pin' && op.op !== 'rw') return 0;
  const area = areaAt(world, op.area);
  if (area === null) return 0;
  return attachAccess(world, world.iopts.indexOf(area.iopt), op.op === 'pin' && op.internal);
}
