// Areas: made, given pages, copied, taken away. io_pagetable.c, iopt_alloc_area_pages() to iopt_get_pages().

import { iopt_insert_area } from './area-iova.ts';
import { interval_tree_remove } from './interval-tree.ts';
import {
  type Kernel,
  EBADF,
  EINVAL,
  ENOENT,
  ENOMEM,
  EOVERFLOW,
  PAGE_SIZE,
  check_add,
  isAligned,
  should_fail,
  warn_on,
} from './kernel.ts';
import { iopt_alloc_dmabuf_pages } from './dmabuf.ts';
import { iopt_area_fill_domains, iopt_area_unfill_domains } from './domain.ts';
import type { File } from './memory.ts';
import {
  type io_pagetable,
  type iopt_area,
  type iopt_pages,
  iopt_area_iova,
  iopt_area_last_iova,
  iopt_area_start_byte,
  iopt_areas,
} from './objects.ts';
import { iopt_alloc_file_pages, iopt_alloc_user_pages, iopt_put_pages } from './pages.ts';

/** struct iopt_pages_list: a slice of pages on its way to an area. */
export interface iopt_pages_list {
  pages: iopt_pages | null;
  area: iopt_area | null;
  readonly start_byte: number;
  readonly length: number;
}

export interface MapRequest {
  /** null: IOPT_ALLOC_IOVA. */
  readonly iova: number | null;
  readonly length: number;
  readonly prot: number;
}

/** An errno, or the IOVA. */
export interface Mapped {
  readonly rc: number;
  readonly iova: number;
}

export function iopt_area_alloc(k: Kernel, iopt: io_pagetable): iopt_area | null {
  if (should_fail(k, 'kmalloc')) return null;
  return {
    id: k.nextId++,
    node: { start: 0, last: 0 },
    pages_node: { start: 0, last: 0 },
    iopt,
    inserted: false,
    pages: null,
    storage_domain: null,
    page_offset: 0,
    iommu_prot: 0,
    prevent_access: false,
    num_accesses: 0,
    num_locks: 0,
  };
}

function startOf(elm: iopt_pages_list): number {
  if (elm.pages === null) return 0;
  const { from } = elm.pages;
  return elm.start_byte + (from.type === 'USER' ? from.uptr : from.start);
}

/** Reserves the IOVA; the areas have no pages yet. */
function iopt_alloc_area_pages(
  k: Kernel,
  iopt: io_pagetable,
  list: readonly iopt_pages_list[],
  request: MapRequest,
): Mapped {
  const fail = (rc: number): Mapped => ({ rc, iova: 0 });
  for (const elm of list) {
    elm.area = iopt_area_alloc(k, iopt);
    if (elm.area === null) return fail(ENOMEM);
  }
  if (!isAligned(request.length, iopt.iova_alignment) || request.length === 0) return fail(EINVAL);
  let start = request.iova;
  if (start === null) {
    const found = k.fn.iopt_alloc_iova(k, iopt, startOf(list[0]), request.length);
    if (found.rc !== 0) return found;
    start = found.iova;
    const bad = k.fn.iopt_check_iova(iopt, start, request.length) !== 0;
    if (warn_on(k, bad, 'iopt_alloc_area_pages', `IOVA ${start} was allocated and is not free`))
      return fail(EINVAL);
  } else {
    const rc = k.fn.iopt_check_iova(iopt, start, request.length);
    if (rc !== 0) return fail(rc);
  }
  let iova = start;
  for (const { area, pages, start_byte, length } of list) {
    if (area === null || pages === null) continue;
    const rc = iopt_insert_area(k, iopt, area, pages, iova, start_byte, length, request.prot);
    if (rc !== 0) return fail(rc);
    iova += length;
  }
  return { rc: 0, iova: start };
}

export function iopt_abort_area(k: Kernel, area: iopt_area): void {
  warn_on(k, area.pages !== null, 'iopt_abort_area', 'the area still has pages');
  if (area.inserted) interval_tree_remove(area.iopt.area_itree, area.node);
}

export function iopt_free_pages_list(k: Kernel, list: readonly iopt_pages_list[]): void {
  for (const elm of list) {
    if (elm.area !== null) iopt_abort_area(k, elm.area);
    if (elm.pages !== null) iopt_put_pages(k, elm.pages);
  }
}

function iopt_fill_domains_pages(k: Kernel, list: readonly iopt_pages_list[]): number {
  for (const [done, { area, pages }] of list.entries()) {
    if (area === null || pages === null) continue;
    const rc = iopt_area_fill_domains(k, area, pages);
    if (rc === 0) continue;
    for (const undo of list.slice(0, done))
      if (undo.area !== null && undo.pages !== null) iopt_area_unfill_domains(k, undo.area, undo.pages);
    return rc;
  }
  return 0;
}

export function iopt_map_pages(
  k: Kernel,
  iopt: io_pagetable,
  list: readonly iopt_pages_list[],
  request: MapRequest,
): Mapped {
  const mapped = iopt_alloc_area_pages(k, iopt, list, request);
  if (mapped.rc !== 0) return mapped;
  const rc = iopt_fill_domains_pages(k, list);
  if (rc !== 0) return { rc, iova: 0 };
  for (const elm of list) {
    if (elm.area !== null) elm.area.pages = elm.pages;
    elm.pages = null;
    elm.area = null;
  }
  return mapped;
}

function iopt_map_common(
  k: Kernel,
  iopt: io_pagetable,
  pages: iopt_pages,
  start_byte: number,
  request: MapRequest,
): Mapped {
  if (iopt.account_mode === 'MM' && pages.account_mode === 'USER') pages.account_mode = 'MM';
  const list: iopt_pages_list[] = [{ pages, area: null, start_byte, length: request.length }];
  const mapped = iopt_map_pages(k, iopt, list, request);
  if (mapped.rc !== 0) iopt_free_pages_list(k, list);
  return mapped;
}

const IOMMU_WRITE = 2;

export function iopt_map_user_pages(
  k: Kernel,
  iopt: io_pagetable,
  uptr: number,
  request: MapRequest,
): Mapped {
  const pages = iopt_alloc_user_pages(k, uptr, request.length, (request.prot & IOMMU_WRITE) !== 0);
  if (typeof pages === 'number') return { rc: pages, iova: 0 };
  return iopt_map_common(k, iopt, pages, uptr % PAGE_SIZE, request);
}

// MODEL: one kind of dma-buf exporter, of one range; there is no vfio_pci_dma_buf_iommufd_map() that refuses.
/** `file` is what fget() or dma_buf_get() found. */
export function iopt_map_file_pages(
  k: Kernel,
  iopt: io_pagetable,
  file: File | null,
  start: number,
  request: MapRequest,
): Mapped {
  const { length } = request;
  if (length === 0) return { rc: EINVAL, iova: 0 };
  if (check_add(start, length - 1) === null) return { rc: EOVERFLOW, iova: 0 };
  if (file === null) return { rc: EBADF, iova: 0 };
  const start_byte = start % PAGE_SIZE;
  const writable = (request.prot & IOMMU_WRITE) !== 0;
  const pages =
    file.kind === 'dmabuf'
      ? iopt_alloc_dmabuf_pages(k, file, start_byte, start, length, writable)
      : iopt_alloc_file_pages(k, file, start_byte, start, length, writable);
  if (typeof pages === 'number') return { rc: pages, iova: 0 };
  return iopt_map_common(k, iopt, pages, start_byte, request);
}

/** Areas that cover a range without a gap, as far as they do; `done` where they cover all of it. */
export interface Contig {
  readonly areas: { readonly area: iopt_area; readonly cur_iova: number }[];
  readonly done: boolean;
}

/** iopt_for_each_contig_area(). */
export function contigAreas(iopt: io_pagetable, iova: number, last_iova: number): Contig {
  const areas: { area: iopt_area; cur_iova: number }[] = [];
  let cur_iova = iova;
  for (const area of iopt_areas(iopt, iova, last_iova)) {
    if (
      area.pages === null ||
      (areas.length > 0 ? cur_iova !== iopt_area_iova(area) : cur_iova < iopt_area_iova(area))
    )
      return { areas, done: false };
    areas.push({ area, cur_iova });
    if (last_iova <= iopt_area_last_iova(area)) return { areas, done: true };
    cur_iova = iopt_area_last_iova(area) + 1;
  }
  return { areas, done: false };
}

/** The pages under a range, for IOAS_COPY. */
export function iopt_get_pages(
  k: Kernel,
  iopt: io_pagetable,
  iova: number,
  length: number,
): iopt_pages_list[] | number {
  if (length === 0) return EINVAL;
  const last_iova = check_add(iova, length - 1);
  if (last_iova === null) return EOVERFLOW;
  const list: iopt_pages_list[] = [];
  const { areas, done } = contigAreas(iopt, iova, last_iova);
  for (const { area, cur_iova } of areas) {
    if (should_fail(k, 'kmalloc')) {
      iopt_free_pages_list(k, list);
      return ENOMEM;
    }
    const last = Math.min(last_iova, iopt_area_last_iova(area));
    if (area.pages !== null) area.pages.kref++;
    list.push({
      pages: area.pages,
      area: null,
      start_byte: iopt_area_start_byte(k, area, cur_iova),
      length: last - cur_iova + 1,
    });
  }
  if (done) return list;
  iopt_free_pages_list(k, list);
  return ENOENT;
}

/** IOAS_COPY, within one IOAS or between two. */
export function iopt_copy(
  k: Kernel,
  from: io_pagetable,
  src_iova: number,
  to: io_pagetable | null,
  request: MapRequest,
): Mapped {
  const list = iopt_get_pages(k, from, src_iova, request.length);
  if (typeof list === 'number') return { rc: list, iova: 0 };
  /* the second id is looked up when the pages are there */
  const mapped = to === null ? { rc: ENOENT, iova: 0 } : iopt_map_pages(k, to, list, request);
  iopt_free_pages_list(k, list);
  return mapped;
}
