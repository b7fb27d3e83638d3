// Jason Gunthorpe, 26 Feb 2026, after the model of dma-buf revoke: when a page of an area goes away, the whole area
// is revoked for good; conversions are ignored. Memory failure, release and a flag for each index are ours. Sound
// only where kvm_gmem_get_pfn() holds invalidate_lock (rfc-v2, v8): on linux-7.2 a map gets in between
// invalidate_start() and the truncation.

import {
  type Arch,
  type Policy,
  type Range,
  type Result,
  type Steps,
  call,
  each_page,
  folio_put,
  iommu_map,
  iommu_unmap_fast,
  iopt_area_of,
  iotlb_sync,
  iova_of,
  kvm_gmem_get_pfn,
  lock,
  psmash,
  read_register,
  rmp_level_is_2m,
  unlock,
  write_register,
} from '../api/index.ts';

const REVOKED = 'revoked';

function* map_page(index: number, arch: Arch): Steps<Result> {
  const pfn = yield* call(kvm_gmem_get_pfn, index, arch);
  if (typeof pfn !== 'number') return pfn;
  yield* lock('pages_mutex');
  /* looked up under invalidate_lock: a page that is not revoked by now is still the file's */
  const revoked = yield* read_register(REVOKED, index);
  if (arch.leaf_size_is_checked && revoked === 0 && (yield* rmp_level_is_2m(pfn))) yield* psmash(index);
  const mapped = revoked !== 0 || (yield* iommu_map(iova_of(index), pfn));
  yield* unlock('pages_mutex');
  yield* folio_put(pfn);
  return mapped ? 0 : '-ENOMEM';
}

function* unmap_area(range: Range): Steps<void> {
  yield* iommu_unmap_fast(range);
  yield* iotlb_sync(range);
}

export const revokeOnTruncate: Policy = {
  name: 'revoke-on-truncate',
  title: 'revoke-on-truncate (Gunthorpe, 26 Feb 2026)',
  source:
    'Re: [RFC PATCH kernel] iommufd: Allow mapping from KVM guest_memfd, 26 Feb 2026; iopt_revoke_notify(). Proposed for AMD and Arm: on TDX shown as if applied there; PSMASH for a 4K leaf is ours',
  base: 'rfc-v2',
  own_mutex_class: true,
  registers: { revoked: { max: 1, slots: 'index' } },

  *ioas_map_file(range, arch) {
    yield* lock('pages_mutex');
    for (const index of each_page(range)) yield* write_register(REVOKED, index, 0);
    yield* unlock('pages_mutex');
    for (const index of each_page(range)) {
      const result = yield* call(map_page, index, arch);
      if (result === 0) continue;
      yield* lock('pages_mutex');
      yield* call(unmap_area, { start: range.start, end: index + 1 });
      yield* unlock('pages_mutex');
      return result;
    }
    return 0;
  },

  *ioas_unmap(range) {
    yield* lock('pages_mutex');
    yield* call(unmap_area, range);
    yield* unlock('pages_mutex');
  },

  *invalidate_start(range, reason) {
    if (reason === 'to private' || reason === 'to shared') return;
    yield* lock('pages_mutex');
    let next = range.start;
    for (const index of each_page(range)) {
      if (index < next) continue;
      const area = yield* iopt_area_of(iova_of(index));
      if (area === null) continue;
      yield* call(unmap_area, area);
      for (const revoked of each_page(area)) yield* write_register(REVOKED, revoked, 1);
      next = area.end;
    }
    yield* unlock('pages_mutex');
  },
};
