// The status quo of the conversion series: the IOMMU pins what it maps, and a conversion to private is refused for as
// long. RFC v2 and v8 (api.rst: user space has to unpin before it converts).

import {
  type Arch,
  type Errno,
  type Pfn,
  type Policy,
  type Range,
  type Steps,
  call,
  clear_highpage,
  down_read,
  each_page,
  folio_put,
  folio_unlock,
  gmem_is_private,
  iommu_iova_to_phys,
  iommu_map,
  iommu_unmap_fast,
  iopt_pages_add_npinned,
  iopt_pages_sub_npinned,
  iotlb_sync,
  iova_of,
  kvm_gmem_get_folio,
  lock,
  pin_folio,
  rmp_make_private,
  unlock,
  unpin_folio,
  up_read,
} from '../api/index.ts';

/** What is pinned: the pages that the IOPTEs point to. */
export function* pinned_in({ start, end }: Range): Steps<Pfn[]> {
  const pinned: Pfn[] = [];
  for (let iova = start; iova < end; iova++) {
    const pfn = yield* iommu_iova_to_phys(iova);
    if (pfn !== null) pinned.push(pfn);
  }
  return pinned;
}

/** Small enough that a policy, or a planted fault, has one of them another way and takes over the rest. */
const PARTS = {
  /** A private page that the host must not map: -EPERM, and invalidate_lock is dropped. */
  *refuse(is_private: boolean, arch: Arch): Steps<Errno | null> {
    if (!is_private || arch.maps_private) return null;
    yield* up_read('invalidate_lock');
    return '-EPERM';
  },
  /** Pin first: until then folio lock, reference and invalidate_lock keep the page where it is. */
  *pin_and_put(pfn: Pfn): Steps<void> {
    yield* pin_folio(pfn);
    yield* folio_unlock(pfn);
    yield* folio_put(pfn);
    yield* up_read('invalidate_lock');
  },
  pinned_in,
  *unpin(pfn: Pfn): Steps<void> {
    yield* iopt_pages_sub_npinned(1);
    yield* unpin_folio(pfn);
  },
  /** Unmap, flush, and only then unpin. */
  *take_out(range: Range, unpin: () => Steps<void>): Steps<void> {
    yield* iommu_unmap_fast(range);
    yield* iotlb_sync(range);
    yield* unpin();
  },
  /** A map fails in its middle: what it has mapped goes. */
  *unwind(range: Range, unmap_and_unpin: (range: Range) => Steps<void>): Steps<void> {
    yield* call(unmap_and_unpin, range);
  },
};

/** The hooks: a page is pinned and mapped, unmapped and unpinned, under pages->mutex. */
export function pinHooks(changed: Partial<typeof PARTS> = {}) {
  const parts = { ...PARTS, ...changed };

  /** Check, prepare and pin under invalidate_lock, so that no conversion comes in between. */
  function* pin_gmem_page(index: number, arch: Arch): Steps<Pfn | Errno> {
    yield* down_read('invalidate_lock');
    const is_private = yield* gmem_is_private(index);
    const refused = yield* parts.refuse(is_private, arch);
    if (refused !== null) return refused;
    const pfn = yield* kvm_gmem_get_folio(index);
    if (pfn === null) {
      yield* up_read('invalidate_lock');
      return '-ENOMEM';
    }
    yield* clear_highpage(pfn);
    if (is_private && arch.platform === 'sev-snp') yield* rmp_make_private(index, pfn);
    yield* parts.pin_and_put(pfn);
    return pfn;
  }

  function* unmap_and_unpin(range: Range): Steps<void> {
    const pinned = yield* parts.pinned_in(range);
    yield* parts.take_out(range, function* () {
      for (const pfn of pinned) yield* parts.unpin(pfn);
    });
  }

  return {
    *ioas_map_file(range, arch) {
      yield* lock('pages_mutex');
      for (const index of each_page(range)) {
        const pfn = yield* call(pin_gmem_page, index, arch);
        if (typeof pfn === 'number') yield* iopt_pages_add_npinned(1);
        const mapped = typeof pfn === 'number' && (yield* iommu_map(iova_of(index), pfn));
        if (mapped) continue;
        if (typeof pfn === 'number') yield* parts.unpin(pfn);
        yield* parts.unwind({ start: range.start, end: index }, unmap_and_unpin);
        yield* unlock('pages_mutex');
        return typeof pfn === 'number' ? '-ENOMEM' : pfn;
      }
      yield* unlock('pages_mutex');
      return 0;
    },

    *ioas_unmap(range) {
      yield* lock('pages_mutex');
      yield* call(unmap_and_unpin, range);
      yield* unlock('pages_mutex');
    },
  } satisfies Partial<Policy>;
}

export const folioPin: Policy = {
  name: 'folio-pin',
  title: 'folio-pin (references held, conversion refused)',
  source:
    'RFC v2, 14 May 2025: kvm_gmem_has_safe_refcount(); v8 documentation of -EAGAIN; private pages are pinned as well where the host maps them (Kardashevskiy, 24 Jun 2025)',
  base: 'rfc-v2',
  pins: true,
  vmm: { unmap_before: true, map_after: true, unmap_before_punch: true },
  ...pinHooks(),
  /* shared pages alone; its pin keeps it shared for as long as the area is mapped */
  *access_page(index) {
    yield* down_read('invalidate_lock');
    const is_private = yield* gmem_is_private(index);
    yield* up_read('invalidate_lock');
    return is_private ? '-EPERM' : 0;
  },
};
