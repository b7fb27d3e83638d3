// The status quo of the conversion series: the IOMMU pins what it maps, and a conversion to private is
// refused for as long.
// RFC v2 and v8 (api.rst: user space has to unpin before it converts).

import {
  type Arch,
  type Errno,
  type Pfn,
  type Policy,
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

/** Check, prepare and pin under invalidate_lock, so that no conversion comes in between. */
export function* pin_gmem_page(index: number, arch: Arch): Steps<Pfn | Errno> {
  yield* down_read('invalidate_lock');
  const is_private = yield* gmem_is_private(index);
  if (is_private && !arch.maps_private) {
    yield* up_read('invalidate_lock');
    return '-EPERM';
  }
  const pfn = yield* kvm_gmem_get_folio(index);
  if (pfn === null) {
    yield* up_read('invalidate_lock');
    return '-ENOMEM';
  }
  yield* clear_highpage(pfn);
  if (is_private && arch.platform === 'sev-snp') yield* rmp_make_private(index, pfn);
  yield* pin_folio(pfn);
  yield* folio_unlock(pfn);
  yield* folio_put(pfn);
  yield* up_read('invalidate_lock');
  return pfn;
}

/** Unmap, flush, and only then unpin. */
export function* unmap_and_unpin(start: number, end: number): Steps<void> {
  const pinned: Pfn[] = [];
  for (let iova = start; iova < end; iova++) {
    const pfn = yield* iommu_iova_to_phys(iova);
    if (pfn !== null) pinned.push(pfn);
  }
  yield* iommu_unmap_fast({ start, end });
  yield* iotlb_sync({ start, end });
  for (const pfn of pinned) {
    yield* iopt_pages_sub_npinned(1);
    yield* unpin_folio(pfn);
  }
}

/** What the hooks are made of. */
export interface PinParts {
  readonly pin_gmem_page: (index: number, arch: Arch) => Steps<Pfn | Errno>;
  readonly unmap_and_unpin: (start: number, end: number) => Steps<void>;
}

/** The hooks: a page is pinned and mapped, unmapped and unpinned, under pages->mutex. */
export const pinHooks = (parts: PinParts) =>
  ({
    *ioas_map_file(range, arch) {
      yield* lock('pages_mutex');
      for (const index of each_page(range)) {
        const pfn = yield* call(parts.pin_gmem_page, index, arch);
        if (typeof pfn === 'number') yield* iopt_pages_add_npinned(1);
        const mapped = typeof pfn === 'number' && (yield* iommu_map(iova_of(index), pfn));
        if (mapped) continue;
        if (typeof pfn === 'number') {
          yield* iopt_pages_sub_npinned(1);
          yield* unpin_folio(pfn);
        }
        yield* call(parts.unmap_and_unpin, range.start, index);
        yield* unlock('pages_mutex');
        return typeof pfn === 'number' ? '-ENOMEM' : pfn;
      }
      yield* unlock('pages_mutex');
      return 0;
    },

    *ioas_unmap(range) {
      yield* lock('pages_mutex');
      yield* call(parts.unmap_and_unpin, range.start, range.end);
      yield* unlock('pages_mutex');
    },
  }) satisfies Partial<Policy>;

export const folioPin: Policy = {
  name: 'folio-pin',
  title: 'folio-pin (references held, conversion refused)',
  source:
    'RFC v2, 14 May 2025: kvm_gmem_has_safe_refcount(); v8 documentation of -EAGAIN; private pages are pinned as well where the host maps them (Kardashevskiy, 24 Jun 2025)',
  base: 'rfc-v2',
  pins: true,
  vmm: { unmap_before: true, map_after: true, unmap_before_punch: true },
  ...pinHooks({ pin_gmem_page, unmap_and_unpin }),
  /* shared pages alone; its pin keeps it shared for as long as the area is mapped */
  *access_page(index) {
    yield* down_read('invalidate_lock');
    const is_private = yield* gmem_is_private(index);
    yield* up_read('invalidate_lock');
    return is_private ? '-EPERM' : 0;
  },
};
