// drivers/iommu/iommufd/pages.c in steps: from an area to its IOPTEs and back, a batch of pfns at a time. What depends
// on where the pages are from, and is what the RFC of 25 Feb 2026 changes, is the caller's (Source).
// MODEL: one domain and no accesses, so that all of an area is one hole of the span iterator; batches are not
// allocated, and charging (update_pinned()) does not fail.

import type { Arch } from './policy.ts';
import {
  type Errno,
  type Result,
  type Steps,
  call,
  iommu_iova_to_phys,
  iommu_map,
  iommu_unmap_fast,
  iopt_pages_add_npinned,
  iopt_pages_sub_npinned,
  iotlb_sync,
  lock,
  unlock,
  unpin_folio,
  wild_pointer,
} from './steps.ts';
import { type Iova, type Pfn, type Range, iova_of } from './units.ts';

/* 16 bytes of temporary memory, which a selftest may ask for (IOMMU_TEST_OP_SET_TEMP_MEMORY_LIMIT); 64 KiB else. */
export const BATCH_SIZE = 1; /* runs in a batch */
export const UFOLIOS_LEN = 2; /* folios looked up at a time, fewer where the area has fewer pages */
/* batch_init_backup(): 256 bytes of stack whatever the limit, 12 a run. */
export const BACKUP_SIZE = 21;

/** struct pfn_batch: runs of contiguous pfns. */
export interface PfnBatch {
  readonly pfns: Pfn[];
  readonly npfns: number[];
  total_pfns: number;
}

export const batch_init = (): PfnBatch => ({ pfns: [], npfns: [], total_pfns: 0 });

export function batch_clear(batch: PfnBatch): void {
  batch.pfns.length = batch.npfns.length = batch.total_pfns = 0;
}

/** False: the batch is full. */
export function batch_add_pfn_num(batch: PfnBatch, pfn: Pfn, nr: number, size = BATCH_SIZE): boolean {
  const end = batch.pfns.length;
  if (end > 0 && pfn === batch.pfns[end - 1] + batch.npfns[end - 1]) batch.npfns[end - 1] += nr;
  else if (end < size) {
    batch.pfns.push(pfn);
    batch.npfns.push(nr);
  } else return false;
  batch.total_pfns += nr;
  return true;
}

/** struct pfn_reader, with its struct pfn_reader_user. */
export interface PfnReader {
  readonly batch: PfnBatch;
  batch_start_index: number;
  batch_end_index: number;
  /** last_index + 1. */
  readonly end_index: number;
  /** Room for so many folios, as the first pin has made it. */
  readonly ufolios_len: number;
  /** Looked up until here, and in the batch until batch_end_index. */
  upages_end: number;
  /** Pointers: the first pfn that each folio had when it was looked up. */
  ufolios: readonly Pfn[];
  ufolios_next: number;
  ufolios_offset: number;
}

/** Folios that cover npages, the first one from the page `offset` on. */
export interface Pinned {
  readonly ufolios: readonly Pfn[];
  readonly offset: number;
  readonly npages: number;
}

/** What the kind of file decides. `huge`: pages of a large folio, 1 where the base has none. */
export interface Source {
  /** pin_memfd_pages(): npages from start_index on. */
  readonly pin_pages: (start_index: number, npages: number, huge: number) => Steps<Pinned | Errno>;
  /** Moves npages that were looked up into the batch, until it is full. */
  readonly batch_from_folios: (pfns: PfnReader, npages: number, huge: number) => Steps<Result>;
  /** Unpins what is in the batch. */
  readonly batch_unpin: (batch: PfnBatch) => Steps<void>;
}

const pfn_reader_init = (area: Range): PfnReader => ({
  batch: batch_init(),
  batch_start_index: area.start,
  batch_end_index: area.start,
  end_index: area.end,
  ufolios_len: Math.min(area.end - area.start, UFOLIOS_LEN),
  upages_end: area.start,
  ufolios: [],
  ufolios_next: 0,
  ufolios_offset: 0,
});

function* pfn_reader_user_pin(pfns: PfnReader, source: Source, huge: number): Steps<Result> {
  const start_index = pfns.batch_end_index;
  const npages = Math.min(pfns.end_index - start_index, pfns.ufolios_len);
  const pinned = yield* call(source.pin_pages, start_index, npages, huge);
  if (typeof pinned === 'string') return pinned;
  yield* iopt_pages_add_npinned(pinned.npages);
  pfns.upages_end = start_index + pinned.npages;
  pfns.ufolios = pinned.ufolios;
  pfns.ufolios_next = 0;
  pfns.ufolios_offset = pinned.offset;
  return 0;
}

function* pfn_reader_fill_span(pfns: PfnReader, source: Source, huge: number): Steps<Result> {
  if (pfns.batch_end_index >= pfns.upages_end) {
    const rc = yield* pfn_reader_user_pin(pfns, source, huge);
    if (rc !== 0) return rc;
  }
  return yield* source.batch_from_folios(pfns, pfns.upages_end - pfns.batch_end_index, huge);
}

/** The next window: what fits into one batch. */
function* pfn_reader_next(pfns: PfnReader, source: Source, huge: number): Steps<Result> {
  batch_clear(pfns.batch);
  pfns.batch_start_index = pfns.batch_end_index;
  while (pfns.batch_end_index < pfns.end_index) {
    const npfns = pfns.batch.total_pfns;
    const rc = yield* pfn_reader_fill_span(pfns, source, huge);
    if (rc !== 0) return rc;
    if (pfns.batch.total_pfns === 0) return '-EINVAL';
    pfns.batch_end_index = pfns.batch_start_index + pfns.batch.total_pfns;
    /* Batch is full */
    if (npfns === pfns.batch.total_pfns) return 0;
  }
  return 0;
}

/** What was looked up and not batched, to the end of the array; then what is in the batch. */
function* pfn_reader_release_pins(pfns: PfnReader, source: Source): Steps<void> {
  if (pfns.upages_end > pfns.batch_end_index) {
    for (let i = pfns.ufolios_next; i < pfns.ufolios_len; i++) {
      if (i < pfns.ufolios.length) yield* unpin_folio(pfns.ufolios[i]);
      else yield* wild_pointer('ufolios');
    }
    yield* iopt_pages_sub_npinned(pfns.upages_end - pfns.batch_end_index);
    pfns.upages_end = pfns.batch_end_index;
  }
  if (pfns.batch_start_index === pfns.batch_end_index) return;
  yield* source.batch_unpin(pfns.batch);
  pfns.batch_start_index = pfns.batch_end_index;
}

/** iommu_unmap() of the kernel: it flushes, and waits. */
export function* iommu_unmap_nofail(range: Range): Steps<void> {
  yield* iommu_unmap_fast(range);
  yield* iotlb_sync(range);
}

/** One iommu_map() a run. */
function* batch_to_domain(batch: PfnBatch, start_index: number): Steps<Result> {
  const start_iova = iova_of(start_index);
  let iova: Iova = start_iova;
  for (const [cur, pfn] of batch.pfns.entries()) {
    if (!(yield* iommu_map(iova, pfn, batch.npfns[cur]))) {
      if (start_iova !== iova) yield* iommu_unmap_nofail({ start: start_iova, end: iova });
      return '-ENOMEM';
    }
    iova += batch.npfns[cur];
  }
  return 0;
}

/** Until the batch is full. An IOVA without an IOPTE reads as pfn 0, as in the kernel. */
function* batch_from_domain(batch: PfnBatch, start: Iova, end: Iova): Steps<void> {
  for (let iova = start; iova < end; iova++) {
    const pfn = yield* iommu_iova_to_phys(iova);
    if (!batch_add_pfn_num(batch, pfn ?? 0, 1, BACKUP_SIZE)) return;
  }
}

/** The functions of pages.c for one kind of file. */
export function iopt_pages_of(source: Source) {
  /** One round; returns where the next one begins. Unpin must follow unmap. */
  function* iopt_area_unpin_domain(start_index: number, end_index: number): Steps<number> {
    const batch = batch_init();
    yield* batch_from_domain(batch, iova_of(start_index), iova_of(end_index));
    const next_index = start_index + batch.total_pfns;
    yield* iommu_unmap_nofail({ start: iova_of(start_index), end: iova_of(next_index) });
    yield* source.batch_unpin(batch);
    return next_index;
  }

  /** __iopt_area_unfill_domain(). */
  function* iopt_area_unfill_domain(start_index: number, end_index: number): Steps<void> {
    while (start_index < end_index) start_index = yield* call(iopt_area_unpin_domain, start_index, end_index);
  }

  function* iopt_area_fill_domains(area: Range, arch: Arch): Steps<Result> {
    // MODEL: where the base has no large folios the size of a folio is not read.
    const huge = arch.base === 'rfc-v2' ? arch.huge_pages : 1;
    yield* lock('pages_mutex');
    const pfns = pfn_reader_init(area);
    let done_end_index = area.start;
    /* pfn_reader_first() */
    let rc = yield* pfn_reader_next(pfns, source, huge);
    while (rc === 0 && pfns.batch_start_index < pfns.end_index) {
      rc = yield* batch_to_domain(pfns.batch, pfns.batch_start_index);
      if (rc !== 0) break;
      done_end_index = pfns.batch_end_index;
      rc = yield* pfn_reader_next(pfns, source, huge);
    }
    if (rc !== 0) {
      yield* pfn_reader_release_pins(pfns, source);
      yield* iopt_area_unfill_domain(area.start, done_end_index);
    }
    yield* unlock('pages_mutex');
    return rc;
  }

  function* iopt_area_unfill_domains(area: Range): Steps<void> {
    yield* lock('pages_mutex');
    yield* iopt_area_unfill_domain(area.start, area.end);
    yield* unlock('pages_mutex');
  }
  return { iopt_area_fill_domains, iopt_area_unfill_domains };
}
