// Vishal Annapurve, Re: [RFC PATCH v2 04/51], 24 Jun 2025: no page references by the IOMMU, pfns directly from
// guest_memfd, an invalidation callback on conversion, and a way to keep IOPTEs from being installed in between; on
// truncation as well, says his mail of 27 Jun 2025.

import {
  type Arch,
  type Policy,
  type Range,
  type Result,
  type Steps,
  call,
  each_page,
  folio_put,
  gmem_invalidate_retry,
  gmem_invalidate_seq,
  gmem_is_private,
  iommu_map,
  iommu_unmap_fast,
  iotlb_sync,
  iova_of,
  kvm_gmem_get_pfn,
  lock,
  psmash,
  repeat,
  rmp_level_is_2m,
  unlock,
} from '../api/index.ts';

/**
 * The shape of kvm_mmu_faultin_pfn(): snapshot, look up, recheck under the lock that the callback takes,
 * install.
 */
export function* map_page(index: number, arch: Arch): Steps<Result | 'again'> {
  const seq = yield* gmem_invalidate_seq();
  if ((yield* gmem_is_private(index)) && !arch.maps_private) return '-EPERM';
  const pfn = yield* call(kvm_gmem_get_pfn, index, arch);
  if (typeof pfn !== 'number') return pfn;
  /* no reference is kept: the recheck finds out whether the page went away */
  yield* folio_put(pfn);
  yield* lock('pages_mutex');
  if (yield* gmem_invalidate_retry(seq, index)) {
    yield* unlock('pages_mutex');
    return 'again';
  }
  /* 4K leaves only: an RMP entry must be no larger */
  if (arch.leaf_size_is_checked && (yield* rmp_level_is_2m(pfn))) yield* psmash(index);
  const mapped = yield* iommu_map(iova_of(index), pfn);
  yield* unlock('pages_mutex');
  return mapped ? 0 : '-ENOMEM';
}

export function* zap(range: Range): Steps<void> {
  yield* lock('pages_mutex');
  yield* iommu_unmap_fast(range);
  yield* iotlb_sync(range);
  yield* unlock('pages_mutex');
}

/** What the hooks are made of. */
export interface CallbackParts {
  readonly map_page: (index: number, arch: Arch) => Steps<Result | 'again'>;
  readonly zap: (range: Range) => Steps<void>;
}

/** The hooks: a page is mapped as map_page() says, and goes as zap() says. */
export const callbackHooks = (parts: CallbackParts) =>
  ({
    *ioas_map_file(range, arch) {
      for (const index of each_page(range)) {
        const result = yield* repeat(parts.map_page, index, arch);
        if (result === 0) continue;
        yield* call(parts.zap, { start: range.start, end: index + 1 });
        return result;
      }
      return 0;
    },

    *ioas_unmap(range) {
      yield* call(parts.zap, range);
    },

    /* Inside the bracket, under invalidate_lock, outside mmu_lock. */
    *invalidate_start(range) {
      yield* call(parts.zap, range);
    },
  }) satisfies Partial<Policy>;

export const invalidateCallback: Policy = {
  name: 'invalidate-callback',
  title: 'invalidate-callback (Annapurve, 24 Jun 2025)',
  source:
    'Vishal Annapurve, 24 Jun 2025, Re: [RFC PATCH v2 04/51], items 1) to 3) and the bracket; on truncation too: the same, 27 Jun 2025; PSMASH for a 4K leaf is ours: the mail says nothing of sizes',
  base: 'rfc-v2',
  /* ours as well: the mail says nothing of locks, see docs/iommufd.md */
  own_mutex_class: true,
  vmm: { map_after: true },
  ...callbackHooks({ map_page, zap }),
};
