// What this level says of Linux 7.2 itself: U1 to U6 were found by reading, U7 to U11 by generated sequences,
// U12 to U15 in writing down dirty tracking.

import type { Violation } from './invariants.ts';

export interface Weakness {
  readonly id: string;
  readonly says: string;
  readonly verdict: 'found' | 'shown' | 'refuted';
  /** What is needed for it, or why it is none. */
  readonly because: string;
  readonly shows?: (violation: Violation) => boolean;
}

const any = (): boolean => true;

export const WEAKNESSES: readonly Weakness[] = [
  {
    id: 'U1',
    says: 'pfn_reader_release_pins() unpins ufolios up to its capacity, not up to nfolios',
    verdict: 'found',
    because:
      'With large folios entries that were never written are followed; with 4K folios as well, where a later window is shorter than the array: folios of the window before are unpinned twice. Needs an error while a part of a window is not in the batch yet: with 64 KiB, and 4K folios of which no two are neighbours, an iommu_map() that fails after 5461 of 10923 pages (upstream.test.ts).',
    shows: any,
  },
  {
    id: 'U2',
    says: 'pin_memfd_pages() leaves pins behind where folio_add_pins() fails',
    verdict: 'shown',
    because:
      'upstream.test.ts; folio_add_pins() fails only on a folio whose refcount is not positive, so nothing reaches it. batch_from_folios() leaks in the same way what it has moved into the batch.',
  },
  {
    id: 'U3',
    says: 'iopt_pages_fill_xarray() does not look at the result of iopt_pages_fill_from_domain()',
    verdict: 'refuted',
    because:
      'It fails only where domains_itree has no area for an index that the span iterator has just found in it.',
  },
  {
    id: 'U4',
    says: 'update_mm_locked_vm() takes no mm for a file where the source process is gone',
    verdict: 'found',
    because:
      'RLIMIT_MODE 1, MAP_FILE by a process that has exited since: mmap_lock of an mm without mm_users is taken, and charged.',
    shows: any,
  },
  {
    id: 'U5',
    says: 'iommufd_access_notify_unmap() calls ops->unmap without a test for NULL',
    verdict: 'shown',
    because:
      'upstream.test.ts; an access without it must share the IOAS with one that pins. Drivers were not searched for one that leaves it out.',
  },
  {
    id: 'U6',
    says: 'prevent_access stays set where the unmap fails later',
    verdict: 'shown',
    because: 'upstream.test.ts: after -EDEADLOCK the area can never be pinned again, though it is mapped.',
  },
  {
    id: 'U7',
    says: 'iopt_area_fill_domains() drops the pins of the current batch before the domains that already map it are unmapped',
    verdict: 'found',
    because:
      'Two domains, and iommu_map() fails in the second: a device behind the first reaches pages without a pin until the unmap.',
    shows: any,
  },
  {
    id: 'U8',
    says: 'pfns of a dma-buf are read back from a domain as BATCH_CPU_MEMORY: IOMMU_CACHE, no IOMMU_MMIO',
    verdict: 'found',
    because: 'Every domain attached, or area copied, after the first fill.',
    shows: any,
  },
  {
    id: 'U9',
    says: 'IOAS_CHANGE_PROCESS in mode NONE changes source_mm and leaves pinned_vm with the old one',
    verdict: 'found',
    because: 'CAP_IPC_LOCK: the old mm keeps the count, the new one goes below zero at unmap.',
    shows: any,
  },
  {
    id: 'U10',
    says: 'a map is cut at folios where a run is full, an unmap exactly at MAX_NPFNS',
    verdict: 'shown',
    because:
      'upstream.test.ts with MAX_NPFNS scaled down; the real one is 2^32 - 1 pages, 16 TiB of contiguous memory.',
  },
  {
    id: 'U11',
    says: 'in mode MM an uncharge fails once the source process is gone, and last_npinned stays',
    verdict: 'found',
    because:
      'RLIMIT_MODE 1 and an exit or exec: WARN_ON() in IOAS_CHANGE_PROCESS, which is meant for exec; npinned and last_npinned differ.',
    shows: any,
  },
  {
    id: 'U12',
    says: 'record_dirty() of iommupt counts a contiguous entry one item short',
    verdict: 'found',
    because:
      'log2_set_mod_max_t() is the last item, pts->end_index the one behind the last: the last item of a dirty contiguous entry is made clean and never reported, and the range that is gathered for the flush is as short. One page of 16 for an entry of 64K, 2M of one of 4M; only a page_size of two items or more hides it. A read that begins in that item records a length of 0: iova_bitmap_set() sets all bits up to the end of the pinned pages and goes back to update_indexes for ever, iova_rwsem held for reading (dirty.test.ts). Not run on a kernel; compiled for user space, record_dirty(), the walk, fmt/amdv1.h and iova_bitmap.c do the same. Of the formats that track dirty pages VT-d has no such entry; AMDv1 has, where IOVA and memory are aligned, but not with IOMMU_OPTION_HUGE_PAGES 0, amd_iommu=nohugepages or amd_iommu=v2_pgsizes_only. The selftest expects of an entry of two items, the first of them dirty, the one bit that the short length gives: it has to change with record_dirty().',
    shows: any,
  },
  {
    id: 'U13',
    says: 'GET_DIRTY_BITMAP of a part of a leaf makes the whole leaf clean',
    verdict: 'found',
    because:
      'What was written in the rest of it is reported neither by this call nor by the next. What is recorded and flushed begins where the range does: of a contiguous entry the items of the range, of a leaf of one item its full length from there on. The flush may leave a part of the leaf out; bits beyond the bitmap are set, up to the end of the last page that is pinned for it (dirty.test.ts).',
    shows: any,
  },
  {
    id: 'U14',
    says: 'iommu_read_and_clear_dirty() drops what iova_bitmap_for_each() returns',
    verdict: 'found',
    because:
      'A range with a hole is 0, not the -EINVAL that __iommu_read_and_clear_dirty() returns: what lies behind the hole looks clean.',
    shows: any,
  },
  {
    id: 'U15',
    says: 'dirty bits are cleared though their bitmap cannot be pinned',
    verdict: 'shown',
    because:
      'dirty.test.ts: iova_bitmap_alloc() pins nothing, iova_bitmap_set() returns void, and pt_entry_make_write_clean() follows. A bad address is 0, not -EFAULT, and the bits are gone.',
  },
];
