// invalidate-callback, broken: pages->mutex, then invalidate_lock; the callback comes the other way (docs/objections.md
// D28).

import {
  type Arch,
  type Policy,
  type Result,
  type Steps,
  call,
  folio_put,
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

/** pages->mutex is held from the snapshot on, so nothing can come in between. */
function* map_page(index: number, arch: Arch): Steps<Result | 'again'> {
  yield* lock('pages_mutex');
  const pfn =
    (yield* gmem_is_private(index)) && !arch.maps_private
      ? '-EPERM'
      : yield* call(kvm_gmem_get_pfn, index, arch);
  if (typeof pfn !== 'number') {
    yield* unlock('pages_mutex');
    return pfn;
  }
  yield* folio_put(pfn);
  if (arch.leaf_size_is_checked && (yield* rmp_level_is_2m(pfn))) yield* psmash(index);
  const mapped = yield* iommu_map(iova_of(index), pfn);
  yield* unlock('pages_mutex');
  return mapped ? 0 : '-ENOMEM';
}

export const mutexAroundLookup: Policy = {
  ...invalidateCallback,
  name: 'mutex-around-lookup',
  title: 'invalidate-callback: pages->mutex is held across the lookup',
  source: 'docs/objections.md D28: a sleeping lock under a lock; kvm_gmem_get_pfn() takes invalidate_lock',
  planted: {
    invariant: 'every-call-returns',
    platform: 'bare',
    vmm: 'adversarial',
    fault:
      'ABBA: the map holds pages->mutex and waits for invalidate_lock, the callback the other way round.',
  },
  ...callbackHooks({ map_page, zap }),
};
