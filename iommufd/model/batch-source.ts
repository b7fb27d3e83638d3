// Where a batch is filled from and emptied to: a domain, the xarray, pages, folios, and the last pin.

import {
  type pfn_batch,
  BATCH_CPU_MEMORY,
  BATCH_MMIO,
  batch_add_pfn,
  batch_remove_pfn_num,
  npfnsAt,
  pfnAt,
} from './batch.ts';
import { IOMMU_CACHE, IOMMU_MMIO, type iommu_domain, iommu_iova_to_phys } from './iommu.ts';
import { type KArray, type Kernel, PAGE_SIZE, load, warn_on } from './kernel.ts';
import { type ErrPtr, type Folio, deref, folio_add_pins, folio_nr_pages, unpin_user_page } from './memory.ts';
import {
  type iopt_area,
  type iopt_pages,
  iopt_area_index,
  iopt_area_index_to_iova,
  iopt_area_last_iova,
  iopt_pages_sub_npinned,
} from './objects.ts';

/** Until the batch is full or last_index is read. */
export function batch_from_domain(
  k: Kernel,
  batch: pfn_batch,
  domain: iommu_domain,
  area: iopt_area,
  start_index: number,
  last_index: number,
): void {
  let page_offset = start_index === iopt_area_index(area) ? area.page_offset : 0;
  let iova = start_index <= last_index ? iopt_area_index_to_iova(k, area, start_index) : 0;
  for (let index = start_index; index <= last_index; index++) {
    /* 0 from iommu_iova_to_phys() is not told apart: pfn 0 less the offset. */
    const phys = iommu_iova_to_phys(domain, iova) - page_offset;
    if (!batch_add_pfn(k, batch, Math.floor(phys / PAGE_SIZE))) return;
    iova += PAGE_SIZE - page_offset;
    page_offset = 0;
  }
}

/** Reads on until the pfns are not contiguous. */
export function batch_from_domain_continue(
  k: Kernel,
  batch: pfn_batch,
  domain: iommu_domain,
  area: iopt_area,
  start_index: number,
  last_index: number,
): void {
  const { array_size } = batch;
  batch.array_size = batch.end;
  k.fn.batch_from_domain(k, batch, domain, area, start_index, last_index);
  batch.array_size = array_size;
}

/** For disable_large_pages: each IOPTE is of PAGE_SIZE. */
export function batch_iommu_map_small(
  k: Kernel,
  domain: iommu_domain,
  iova: number,
  paddr: number,
  size: number,
  prot: number,
): number {
  warn_on(
    k,
    [paddr, iova, size].some((x) => x % PAGE_SIZE !== 0),
    'batch_iommu_map_small',
    'not page aligned',
  );
  for (let done = 0; done < size; done += PAGE_SIZE) {
    const rc = k.fn.iommu_map(k, domain, iova + done, paddr + done, PAGE_SIZE, prot);
    if (rc === 0) continue;
    if (done > 0) k.fn.iommu_unmap_nofail(k, domain, iova, done);
    return rc;
  }
  return 0;
}

export function batch_to_domain(
  k: Kernel,
  batch: pfn_batch,
  domain: iommu_domain,
  area: iopt_area,
  start_index: number,
): number {
  const at = 'batch_to_domain';
  const last_iova = iopt_area_last_iova(area);
  const prot = batch.kind === BATCH_MMIO ? (area.iommu_prot & ~IOMMU_CACHE) | IOMMU_MMIO : area.iommu_prot;
  let page_offset = start_index === iopt_area_index(area) ? area.page_offset : 0;
  const start_iova = iopt_area_index_to_iova(k, area, start_index);
  let iova = start_iova;
  for (let cur = 0; cur < batch.end; cur++) {
    const next_iova = Math.min(last_iova + 1, iova + npfnsAt(k, batch, cur, at) * PAGE_SIZE - page_offset);
    const paddr = pfnAt(k, batch, cur, at) * PAGE_SIZE + page_offset;
    const rc = area.iopt.disable_large_pages
      ? batch_iommu_map_small(k, domain, iova, paddr, next_iova - iova, prot)
      : k.fn.iommu_map(k, domain, iova, paddr, next_iova - iova, prot);
    if (rc !== 0) {
      if (start_iova !== iova) k.fn.iommu_unmap_nofail(k, domain, start_iova, iova - start_iova);
      return rc;
    }
    iova = next_iova;
    page_offset = 0;
  }
  return 0;
}

function fromXarray(k: Kernel, pages: iopt_pages, index: number, at: string): number {
  const pfn = pages.pinned_pfns.get(index);
  warn_on(k, pfn === undefined, at, `no entry at index ${index}`);
  return pfn ?? 0;
}

export function batch_from_xarray(
  k: Kernel,
  batch: pfn_batch,
  pages: iopt_pages,
  start_index: number,
  last_index: number,
): void {
  for (let index = start_index; index <= last_index; index++)
    if (!batch_add_pfn(k, batch, fromXarray(k, pages, index, 'batch_from_xarray'))) return;
}

export function batch_from_xarray_clear(
  k: Kernel,
  batch: pfn_batch,
  pages: iopt_pages,
  start_index: number,
  last_index: number,
): void {
  for (let index = start_index; index <= last_index; index++) {
    if (!batch_add_pfn(k, batch, fromXarray(k, pages, index, 'batch_from_xarray_clear'))) return;
    pages.pinned_pfns.delete(index);
  }
}

export function batch_from_pages(
  k: Kernel,
  batch: pfn_batch,
  upages: KArray<number>,
  first: number,
  npages: number,
): void {
  for (let i = first; i < first + npages; i++)
    if (!batch_add_pfn(k, batch, load(k, upages, i, 'batch_from_pages'))) return;
}

/** Where batch_from_folios() goes on: ufolios_next as an index, and ufolios_offset. */
export interface FolioCursor {
  ufolios_next: number;
  ufolios_offset: number;
}

/** Each page that goes into the batch ends up with one pin; memfd_pin_folios() has taken one a folio. */
export function batch_from_folios(
  k: Kernel,
  batch: pfn_batch,
  ufolios: KArray<Folio | ErrPtr>,
  cursor: FolioCursor,
  npages: number,
  do_pin: boolean,
): number {
  const at = 'batch_from_folios';
  let left = npages;
  while (left > 0) {
    const folio = deref(k, load(k, ufolios, cursor.ufolios_next, at), at);
    const nr = Math.min(folio_nr_pages(folio) - cursor.ufolios_offset, left);
    const pfn = folio.pfn + cursor.ufolios_offset;
    left -= nr;
    if (!k.fn.batch_add_pfn_num(k, batch, pfn, nr, BATCH_CPU_MEMORY)) break;
    if (nr > 1 && do_pin) {
      const rc = folio_add_pins(k, folio, nr - 1);
      if (rc !== 0) {
        batch_remove_pfn_num(k, batch, nr);
        return rc;
      }
    }
    cursor.ufolios_next++;
    cursor.ufolios_offset = 0;
  }
  return 0;
}

/** The run and the offset in it at which a number of pages of the batch begins. */
export function batch_unpin(
  k: Kernel,
  batch: pfn_batch,
  pages: iopt_pages,
  first_page_off: number,
  npages: number,
): void {
  unpinRuns(k, batch, pages, first_page_off, npages, true);
}

/** batch_unpin(), of which the RFC of 25 Feb 2026 makes the unpin itself depend on the file. */
export function unpinRuns(
  k: Kernel,
  batch: pfn_batch,
  pages: iopt_pages,
  first_page_off: number,
  npages: number,
  do_unpin: boolean,
): void {
  const at = 'batch_unpin';
  let off = first_page_off;
  let cur = 0;
  while (off > 0) {
    if (npfnsAt(k, batch, cur, at) > off) break;
    off -= npfnsAt(k, batch, cur, at);
    cur++;
  }
  let left = npages;
  while (left > 0) {
    const to_unpin = Math.min(left, npfnsAt(k, batch, cur, at) - off);
    const pfn = pfnAt(k, batch, cur, at) + off;
    if (do_unpin) for (let i = 0; i < to_unpin; i++) unpin_user_page(k, pfn + i, at);
    iopt_pages_sub_npinned(k, pages, to_unpin);
    cur++;
    off = 0;
    left -= to_unpin;
  }
}
