// invalidate-callback, broken: the way back to the lookup forgets to unlock (docs/objections.md D22; an error path like
// docs/iommufd.md K15).

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
  yield* lock('pages_mutex');
  if (yield* gmem_invalidate_retry(seq, index)) return 'again';
  if (arch.leaf_size_is_checked && (yield* rmp_level_is_2m(pfn))) yield* psmash(index);
  const mapped = yield* iommu_map(iova_of(index), pfn);
  yield* unlock('pages_mutex');
  return mapped ? 0 : '-ENOMEM';
}

export const mutexKeptOnRetry: Policy = {
  ...invalidateCallback,
  name: 'mutex-kept-on-retry',
  title: 'invalidate-callback: the retry keeps pages->mutex',
  source: 'lockdep: recursive locking',
  planted: {
    invariant: 'every-call-returns',
    platform: 'bare',
    vmm: 'adversarial',
    fault: 'After a retry the thread waits for the mutex that it holds.',
  },
  ...callbackHooks({ map_page, zap }),
};
