// THE SPEC of the sequential level of iommufd. Each has a name, a sentence that a maintainer can agree or
// disagree with, and where it is taken from. `judge` looks at a state in which no call is under way; `breaches`
// are noted while a call runs, by iommufd/model.

import type { Breach, Finding } from '../model/kernel.ts';
import {
  accountsDiffer,
  areasMeet,
  detachedHasLeaves,
  domainDiffers,
  domainHasMore,
  first,
  mmUsersDiffer,
  npinnedDiffers,
  pinsDiffer,
  storageDiffers,
  trackerDiffers,
  xarrayDiffers,
} from './judge.ts';
import { type World, allAreas, allPages } from '../runs/world.ts';

export interface IommufdInvariant {
  readonly name: string;
  readonly says: string;
  readonly source: string;
  readonly breaches?: readonly Breach[];
  readonly judge?: (world: World) => string | null;
}

const PAGES_C = 'Linux 7.2 drivers/iommu/iommufd/pages.c';

export const INVARIANTS: readonly IommufdInvariant[] = [
  {
    name: 'npinned-counts-held-indexes',
    says: 'npinned is the number of indexes in the union of access_itree and domains_itree.',
    source: `${PAGES_C}: header comment, "If no interval includes the index then it is not pinned"`,
    judge: npinnedDiffers,
  },
  {
    name: 'npinned-at-most-npages',
    says: 'npinned is never negative and never above npages.',
    source: `${PAGES_C}: iopt_pages_add_npinned(), iopt_pages_sub_npinned()`,
    judge: (world) =>
      first(allPages(world), (pages) =>
        pages.npinned >= 0 && pages.npinned <= pages.npages
          ? null
          : `pages ${pages.id}: npinned ${pages.npinned}`,
      ),
  },
  {
    name: 'charged-is-pinned',
    says: 'With no call under way last_npinned equals npinned.',
    source: `${PAGES_C}: pfn_reader_destroy()`,
    judge: (world) =>
      first(allPages(world), (pages) =>
        pages.npinned === pages.last_npinned
          ? null
          : `pages ${pages.id}: npinned ${pages.npinned}, last_npinned ${pages.last_npinned}`,
      ),
  },
  {
    name: 'pinned-exactly-once',
    says: 'A folio has one FOLL_PIN for each index that an iopt_pages holds in it, and no other.',
    source: `${PAGES_C}: header comment, "pinned exactly once"; selftest MD_CHECK_REFS`,
    breaches: ['pin-left'],
    judge: pinsDiffer,
  },
  {
    name: 'xarray-is-access',
    says: 'The xarray has an entry exactly where an access covers the index.',
    source: `${PAGES_C}: iopt_pages_fill_xarray(), iopt_pages_unfill_xarray()`,
    judge: (world) => first(allPages(world), xarrayDiffers),
  },
  {
    name: 'storage-is-filled',
    says: 'An area with pages is in domains_itree and has a storage domain exactly if its IOAS has a domain.',
    source: 'Linux 7.2 drivers/iommu/iommufd/io_pagetable.c: iopt_fill_domain(), iopt_unfill_domain()',
    judge: (world) => first(allAreas(world), storageDiffers),
  },
  {
    name: 'storage-is-attached',
    says: 'The storage domain of an area is one of its own IOAS.',
    source: 'Linux 7.2 drivers/iommu/iommufd/io_pagetable.h: struct iopt_area',
    judge: (world) =>
      first(allAreas(world), (area) =>
        area.storage_domain === null || area.iopt.domains.includes(area.storage_domain)
          ? null
          : `area ${area.id}: its storage domain is not attached`,
      ),
  },
  {
    name: 'domain-maps-the-areas',
    says: 'Each attached domain maps the areas of its IOAS, page for page, and nothing else; a detached one nothing.',
    source: 'Linux 7.2 drivers/iommu/iommufd/io_pagetable.h: "Each area is fully populated with pages"',
    judge: (world) =>
      first(allAreas(world), (area) => domainDiffers(world, area)) ??
      domainHasMore(world) ??
      detachedHasLeaves(world),
  },
  {
    name: 'areas-apart',
    says: 'Areas of an IOAS meet neither each other nor a reserved range; allowed and reserved ranges do not meet.',
    source: 'Linux 7.2 drivers/iommu/iommufd/io_pagetable.c: iopt_check_iova(), iopt_reserve_iova()',
    judge: areasMeet,
  },
  {
    name: 'pages-outside-calls',
    says: 'With no call under way every area has its pages.',
    source: 'Linux 7.2 drivers/iommu/iommufd/io_pagetable.h: struct iopt_area, "pages can be NULL"',
    judge: (world) =>
      first(allAreas(world), (area) => (area.pages === null ? `area ${area.id} has no pages` : null)),
  },
  {
    name: 'accounts-sum-up',
    says: 'pinned_vm is the sum of npinned over all modes, locked_vm of user or mm that of its mode.',
    source: `${PAGES_C}: iopt_pages_update_pinned()`,
    judge: accountsDiffer,
  },
  {
    name: 'dmabuf-tracks-what-is-filled',
    says: 'A dma-buf is neither pinned nor charged nor accessed, and its tracker has each filled pair of area and domain once.',
    source: `${PAGES_C}: iopt_dmabuf_track_domain()`,
    judge: (world) => first(allPages(world), trackerDiffers),
  },
  {
    name: 'mm-references-returned',
    says: 'With no call under way nobody here holds mm_users.',
    source: `${PAGES_C}: pfn_reader_user_destroy()`,
    judge: mmUsersDiffer,
  },
  {
    name: 'no-kernel-warn',
    says: 'No WARN_ON of the code itself fires; among them those of the release of iopt_pages.',
    source: 'Linux 7.2 drivers/iommu/iommufd: every WARN_ON() of pages.c and io_pagetable.c',
    breaches: ['warn'],
  },
  {
    name: 'unpin-follows-unmap-and-sync',
    says: 'The last pin of a page is dropped only when no IOPTE and no IOTLB entry reaches it.',
    source: `${PAGES_C}: "we must not unpin something that is still DMA mapped"`,
    breaches: ['page-unpinned-while-mapped'],
  },
  {
    name: 'no-free-while-mapped',
    says: 'No page goes back to the allocator while an IOPTE or an IOTLB entry reaches it, and no freed page is mapped.',
    source: 'Linux 7.2 drivers/iommu/iommu-debug-pagealloc.c',
    breaches: ['page-freed-while-mapped', 'freed-page-installed'],
  },
  {
    name: 'no-host-corruption',
    says: "No DMA of the guest writes to a page that is not the guest's.",
    source:
      'Sean Christopherson, 25 Feb 2026: "Assuming the VMM will always do the right thing is a non-starter"',
    breaches: ['host-memory-corrupted'],
  },
  {
    name: 'references-balanced',
    says: 'No reference or pin is dropped that was not taken, and nothing freed is used.',
    source: 'Linux 7.2 mm/gup.c: gup_put_folio()',
    breaches: ['refcount-underflow', 'pincount-underflow', 'use-after-free'],
  },
  {
    name: 'pointers-are-what-they-seem',
    says: 'Every pointer that is followed was set, to an object of its type; the union of iopt_pages is read by its tag.',
    source: 'Linux 7.2 drivers/iommu/iommufd/io_pagetable.h: struct iopt_pages, type and union',
    breaches: ['wild-pointer', 'type-confusion', 'uninitialised-read'],
  },
  {
    name: 'arrays-hold-what-is-written',
    says: 'No write goes past the end of upages, ufolios, out_pages or a batch.',
    source: `${PAGES_C}: upages_len, ufolios_len, array_size`,
    breaches: ['out-of-array'],
  },
  {
    name: 'access-gets-its-pages',
    says: 'The pages that an access gets are those that back the range.',
    source: 'selftest ACCESS_PAGES, EBADE',
    breaches: ['wrong-page'],
  },
  {
    name: 'mmio-is-mapped-as-mmio',
    says: 'An IOPTE of a dma-buf has IOMMU_MMIO and not IOMMU_CACHE, in every domain.',
    source: `${PAGES_C}: batch_to_domain(), BATCH_MMIO`,
    breaches: ['mmio-mapped-as-memory'],
  },
  {
    name: 'no-cpu-access-to-private',
    says: 'The kernel neither copies from nor to private memory of a guest, nor hands its pages to a driver.',
    source: 'the RFC of 25 Feb 2026 leaves iommufd_access_rw() and iommufd_access_pin_pages() as they are',
    breaches: ['cpu-access-to-private'],
  },
  {
    name: 'zeroed-before-first-use',
    says: 'No device reads a page of guest_memfd before it was cleared, and none is cleared after a device wrote to it.',
    source: 'Linux 7.2 virt/kvm/guest_memfd.c: kvm_gmem_get_pfn(), folio_test_uptodate()',
    breaches: ['unzeroed-page-read', 'device-data-lost'],
  },
  {
    name: 'iopte-of-private-index',
    says: 'No IOPTE reaches the guest_memfd page of an index that is shared now.',
    source: 'Linux 7.2 virt/kvm/kvm_main.c: kvm_mem_is_private()',
    breaches: ['iopte-of-shared-gfn'],
  },
  {
    name: 'iopte-not-larger-than-rmp',
    says: 'An IOPTE of 2M or more is of a page whose RMP entry is of 2M.',
    source:
      'Alexey Kardashevskiy, 28 Jan 2026: "the host should have made sure S2 and RMP use the same page size"',
    breaches: ['iopte-larger-than-rmp'],
  },
  {
    name: 'inside-the-file',
    says: 'No page beyond i_size is brought into a file, or mapped.',
    source: 'Linux 7.2 mm/gup.c: memfd_pin_folios()',
    breaches: ['beyond-i_size'],
  },
  {
    name: 'quiet-log',
    says: 'What user space may do as often as it likes prints nothing.',
    source: 'the RFC of 25 Feb 2026: pr_err("UNEXP PINFD ...")',
    breaches: ['log-flood'],
  },
  {
    name: 'iotlb-is-the-table',
    says: 'After a sync every cached leaf and walk is what the table says.',
    source: 'Jason Gunthorpe, kunit_iommu_iotlb.h (2026)',
    breaches: ['stale-iotlb-entry'],
  },
  {
    name: 'tables-freed-once-and-late',
    says: 'A table page is freed once, after the walk caches have dropped it, and none is lost.',
    source: 'Linux 7.2 drivers/iommu/generic_pt/iommu_pt.h: gather_range_pending()',
    breaches: ['table-freed-while-cached', 'table-double-free', 'table-leaked'],
  },
  {
    name: 'dirty-bits-are-the-writes',
    says: 'GET_DIRTY_BITMAP sets the bit of each page that a device has written to since it was read and cleared, of no leaf without a write, and of nothing outside of the bitmap.',
    source: 'include/uapi/linux/iommufd.h: struct iommu_hwpt_get_dirty_bitmap; selftest dirty_tracking',
    breaches: ['dirty-page-lost', 'dirty-page-invented', 'user-memory-overwritten'],
  },
  {
    name: 'every-call-returns',
    says: 'No argument divides by 0, has an undefined result, or makes a loop without an end.',
    source: 'commit cb30dfa75d55; Linux 7.2 drivers/iommu/iommufd/iova_bitmap.c',
    breaches: ['divide-error', 'undefined-result', 'endless-loop'],
  },
  {
    name: 'errno-as-documented',
    says: 'Of several bad arguments the first in the order of the tests decides.',
    source: 'Linux 7.2 drivers/iommu/iommufd: ioas.c, io_pagetable.c, vfio_compat.c, hw_pagetable.c',
    breaches: ['wrong-errno'],
  },
  {
    name: 'automatic-iova-fits',
    says: 'An automatic IOVA is not 0, is as aligned as the address, and lies in the allowed list if there is one, apart from reserved ranges and areas.',
    source: 'Linux 7.2 drivers/iommu/iommufd/io_pagetable.c: iopt_alloc_iova(); selftest area_auto_iova',
    breaches: ['bad-iova'],
  },
  {
    name: 'areas-as-mapped',
    says: 'The areas are what was mapped and not unmapped, each of its memory; an unmap tells the size of what it removed.',
    source: 'include/uapi/linux/iommufd.h: struct iommu_ioas_map, iommu_ioas_unmap',
    breaches: ['wrong-areas'],
  },
  {
    name: 'all-or-nothing',
    says: 'A map, copy, attach, pin or cut that fails leaves everything as it was.',
    source: `${PAGES_C}: "On failure all domains are left unchanged", "On failure the xarray is left unchanged"`,
    breaches: ['not-undone'],
  },
];

export const invariantOf = (breach: Breach): string =>
  INVARIANTS.find((invariant) => invariant.breaches?.includes(breach))?.name ?? breach;

/** A breach of an invariant: its name, where, what. */
export interface Violation {
  readonly invariant: string;
  readonly at: string;
  readonly detail: string;
  readonly breach: Breach | null;
  /** Index of the operation. */
  readonly op: number;
}

export const violationOf = (finding: Finding, op: number): Violation => ({
  invariant: invariantOf(finding.breach),
  at: finding.at,
  detail: finding.detail,
  breach: finding.breach,
  op,
});

export function judge(world: World, op: number): Violation[] {
  return INVARIANTS.flatMap((invariant) => {
    const detail = invariant.judge?.(world) ?? null;
    return detail === null ? [] : [{ invariant: invariant.name, at: 'state', detail, breach: null, op }];
  });
}
