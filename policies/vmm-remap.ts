// Alexey Kardashevskiy, [RFC PATCH kernel] iommufd: Allow mapping from KVM's guest_memfd, 25 Feb 2026.
// No reference, no notification: page state changes and shrinking are the VMM's to handle.

import {
  type Pfn,
  type Policy,
  type Steps,
  call,
  each_page,
  folio_put,
  folio_unlock,
  iommu_map,
  iommu_unmap,
  iotlb_sync,
  iova_of,
  kvm_gmem_get_folio,
  lock,
  unlock,
} from '../api/index.ts';

/*
 * Returns a bare pfn: the reference is dropped (before the unlock) and none is kept. Neither cleared nor
 * prepared.
 */
function* kvm_gmemfd_get_pfn(index: number): Steps<Pfn | null> {
  const pfn = yield* kvm_gmem_get_folio(index);
  if (pfn === null) return null;
  yield* folio_put(pfn);
  yield* folio_unlock(pfn);
  return pfn;
}

/** batch_from_folios(): contiguous pfns become one run, which iommu_map() may write as one large leaf. */
function runs(pfns: readonly Pfn[]): { first: number; pages: number }[] {
  const found: { first: number; pages: number }[] = [];
  pfns.forEach((pfn, k) => {
    const last = found.at(-1);
    if (last !== undefined && pfn === pfns[k - 1] + 1) last.pages++;
    else found.push({ first: k, pages: 1 });
  });
  return found;
}

export const vmmRemap: Policy = {
  name: 'vmm-remap',
  title: 'vmm-remap (RFC, 25 Feb 2026)',
  source: 'Alexey Kardashevskiy, 25 Feb 2026, [RFC PATCH kernel] iommufd: Allow mapping from KVM guest_memfd',
  base: 'rfc-v2',
  vmm: { unmap_before: true, map_after: true, unmap_before_punch: true },

  *ioas_map_file(range) {
    yield* lock('pages_mutex');
    const pfns: Pfn[] = [];
    for (const index of each_page(range)) {
      const pfn = yield* call(kvm_gmemfd_get_pfn, index);
      if (pfn === null) {
        yield* unlock('pages_mutex');
        return '-ENOMEM';
      }
      pfns.push(pfn);
    }
    for (const run of runs(pfns)) {
      const mapped = yield* iommu_map(iova_of(range.start + run.first), pfns[run.first], run.pages);
      if (mapped) continue;
      yield* iommu_unmap(range);
      yield* iotlb_sync(range);
      yield* unlock('pages_mutex');
      return '-ENOMEM';
    }
    yield* unlock('pages_mutex');
    return 0;
  },

  *ioas_unmap(range) {
    yield* lock('pages_mutex');
    yield* iommu_unmap(range);
    yield* iotlb_sync(range);
    yield* unlock('pages_mutex');
  },
};
