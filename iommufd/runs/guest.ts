// The guest's side of a guest_memfd page at this level: vCPU faults, DMA through the IOTLB, and what an IOPTE
// of such a page must not be.

import { ENOENT, PAGE_SIZE, note } from '../model/kernel.ts';
import { type File, filemap_grab, folio_nr_pages, pieceAt } from '../model/memory.ts';
import {
  type iopt_area,
  type iopt_pages,
  iopt_area_index,
  iopt_area_iova,
  iopt_area_last_index,
  iopt_area_length,
} from '../model/objects.ts';
import { leavesOf } from '../model/pt-table.ts';
import { type World, allAreas } from './world.ts';

const HUGE_ORDER = 9;
const ELSEWHERE = 12;
const HUGE = 2 ** (HUGE_ORDER + 12);

/** kvm_gmem_get_pfn(): clears what nobody has cleared. The guest touches what is there, more often than not. */
export function vcpuFault(world: World, n: number): number {
  const { k, files } = world;
  const there = [...files.gmem.cache.keys()];
  const folio = filemap_grab(k, files.gmem, n < ELSEWHERE && there.length > 0 ? there[n % there.length] : n);
  if (folio.kind === 'err') return folio.errno;
  if (!folio.uptodate && folio.deviceData)
    note(k, 'device-data-lost', 'kvm_gmem_get_pfn', `clears pfn ${folio.pfn}, to which a device has written`);
  folio.uptodate = true;
  folio.deviceData = false;
  return 0;
}

/** A DMA at a page of an area, by a device behind the first domain. Stale translations come first. */
export function deviceDma(world: World, area: iopt_area | null, page: number, write: boolean): number {
  const { k } = world;
  const domain = area?.iopt.domains[0];
  if (area === null || domain === undefined) return ENOENT;
  const iova = iopt_area_iova(area) + ((page * PAGE_SIZE) % iopt_area_length(area));
  const entry = domain.iotlb.leaves.find((each) => iova >= each.iova && iova < each.iova + each.size);
  if (entry === undefined) return ENOENT;
  const folio = k.memory.folios.get(Math.floor((entry.oa + iova - entry.iova) / PAGE_SIZE));
  if (folio === undefined) return 0;
  /* .free_folio has made the RMP entry the hypervisor's: it does not stop the device. */
  if (folio.freed && write)
    note(
      k,
      'host-memory-corrupted',
      'dma',
      `a write to iova ${iova} reaches pfn ${folio.pfn}, freed and the host's`,
    );
  if (folio.owner !== 'gmem' || folio.freed) return 0;
  if (write) folio.deviceData = true;
  else if (!folio.uptodate)
    note(
      k,
      'unzeroed-page-read',
      'dma',
      `a read from iova ${iova} returns what was left in pfn ${folio.pfn}`,
    );
  return 0;
}

/** The pfn at an index of the source itself. */
export function sourcePfn(pages: iopt_pages, index: number): number | null {
  const { from } = pages;
  if (from.type === 'DMABUF') return null;
  if (from.type === 'USER') return pages.source.mm.vma.get(from.uptr / PAGE_SIZE + index)?.pfn ?? null;
  return cached(from.file, from.start / PAGE_SIZE + index);
}

export function cached(file: File, index: number): number | null {
  const { start } = pieceAt(file, index);
  const folio = file.cache.get(start);
  return folio === undefined || index >= start + folio_nr_pages(folio) ? null : folio.pfn + index - start;
}

function judgeShared(world: World, op: string): void {
  for (const area of allAreas(world)) {
    const from = area.pages?.from;
    if (from?.type !== 'FILE' || from.file.kind !== 'gmem' || area.iopt.domains.length === 0) continue;
    for (let index = iopt_area_index(area); index <= iopt_area_last_index(area); index++)
      if (from.file.shared.has(from.start / PAGE_SIZE + index))
        note(world.k, 'iopte-of-shared-gfn', op, `index ${index} of ${from.file.name} is shared`);
  }
}

function judgeLeafSizes(world: World): void {
  const { k } = world;
  for (const iopt of world.iopts)
    for (const domain of iopt.domains)
      for (const leaf of leavesOf(domain)) {
        if (2 ** leaf.lg2 < HUGE) continue;
        const folio = k.memory.folios.get(leaf.oa / PAGE_SIZE);
        if (folio?.owner === 'gmem' && folio.order < HUGE_ORDER)
          note(
            k,
            'iopte-larger-than-rmp',
            'iommu_map',
            `leaf of ${2 ** leaf.lg2} bytes at iova ${leaf.iova}`,
          );
      }
}

export function judgeGmem(world: World, op: string): void {
  judgeShared(world, op);
  judgeLeafSizes(world);
}
