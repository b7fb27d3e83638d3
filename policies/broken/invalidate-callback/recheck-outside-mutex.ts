// invalidate-callback, broken: the recheck comes before the lock that the callback takes
// (mmu_invalidate_retry_gfn_unsafe()).

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
  const seq = yield* gmem_invalidate_seq();
  if ((yield* gmem_is_private(index)) && !arch.maps_private) return '-EPERM';
  const pfn = yield* call(kvm_gmem_get_pfn, index, arch);
  if (typeof pfn !== 'number') return pfn;
  yield* folio_put(pfn);
  if (yield* gmem_invalidate_retry(seq, index)) return 'again';
  yield* lock('pages_mutex');
  if (arch.leaf_size_is_checked && (yield* rmp_level_is_2m(pfn))) yield* psmash(index);
  const mapped = yield* iommu_map(iova_of(index), pfn);
  yield* unlock('pages_mutex');
  return mapped ? 0 : '-ENOMEM';
}

export const recheckOutsideMutex: Policy = {
  ...invalidateCallback,
  name: 'recheck-outside-mutex',
  title: 'invalidate-callback: the recheck is made before pages->mutex',
  source: 'mmu_invalidate_retry_gfn_unsafe() alone never suffices',
  planted: {
    invariant: 'no-stale-shared-iopte',
    platform: 'bare',
    vmm: 'adversarial',
    fault: 'The callback zaps between the recheck and the installation.',
  },
  ...callbackHooks({ map_page, zap }),
};
