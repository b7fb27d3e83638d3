// invalidate-callback, broken: the snapshot of seq comes after the lookup that it is to guard (kvm_mmu_faultin_pfn()).

import {
  type Arch,
  type Policy,
  type Result,
  type Steps,
  call,
  folio_put,
  gmem_invalidate_retry,
  gmem_invalidate_seq,
  gmem_is_private,
  iommu_map,
  iova_of,
  kvm_gmem_get_pfn,
  lock,
  psmash,
  rmp_level_is_2m,
  unlock,
} from '../../../api/index.ts';
import { callbackHooks, invalidateCallback, zap } from '../../invalidate-callback.ts';

function* map_page(index: number, arch: Arch): Steps<Result | 'again'> {
  if ((yield* gmem_is_private(index)) && !arch.maps_private) return '-EPERM';
  const pfn = yield* call(kvm_gmem_get_pfn, index, arch);
  if (typeof pfn !== 'number') return pfn;
  yield* folio_put(pfn);
  const seq = yield* gmem_invalidate_seq();
  yield* lock('pages_mutex');
  if (yield* gmem_invalidate_retry(seq, index)) {
    yield* unlock('pages_mutex');
    return 'again';
  }
  if (arch.leaf_size_is_checked && (yield* rmp_level_is_2m(pfn))) yield* psmash(index);
  const mapped = yield* iommu_map(iova_of(index), pfn);
  yield* unlock('pages_mutex');
  return mapped ? 0 : '-ENOMEM';
}

export const snapshotAfterLookup: Policy = {
  ...invalidateCallback,
  name: 'snapshot-after-lookup',
  title: 'invalidate-callback: the snapshot is taken after the lookup',
  source: 'kvm_mmu_faultin_pfn(): everything that may be stale must be read after the snapshot',
  planted: {
    invariant: 'no-mapping-to-freed-page',
    platform: 'bare',
    vmm: 'adversarial',
    fault: 'A bracket between lookup and snapshot goes unnoticed.',
  },
  ...callbackHooks({ map_page, zap }),
};
