// invalidate-callback, broken: a stale pfn is tried again with a fresh snapshot, not looked up again
// (docs/objections.md D42).

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

/** The second snapshot is newer than the pfn that it is to guard. */
function* map_page(index: number, arch: Arch): Steps<Result | 'again'> {
  const seq = yield* gmem_invalidate_seq();
  if ((yield* gmem_is_private(index)) && !arch.maps_private) return '-EPERM';
  const pfn = yield* call(kvm_gmem_get_pfn, index, arch);
  if (typeof pfn !== 'number') return pfn;
  yield* folio_put(pfn);
  yield* lock('pages_mutex');
  if (yield* gmem_invalidate_retry(seq, index)) {
    yield* unlock('pages_mutex');
    const again = yield* gmem_invalidate_seq();
    yield* lock('pages_mutex');
    if (yield* gmem_invalidate_retry(again, index)) {
      yield* unlock('pages_mutex');
      return 'again';
    }
  }
  if (arch.leaf_size_is_checked && (yield* rmp_level_is_2m(pfn))) yield* psmash(index);
  const mapped = yield* iommu_map(iova_of(index), pfn);
  yield* unlock('pages_mutex');
  return mapped ? 0 : '-ENOMEM';
}

export const retryKeepsPfn: Policy = {
  ...invalidateCallback,
  name: 'retry-keeps-pfn',
  title: 'invalidate-callback: the retry looks up nothing',
  source: 'docs/objections.md D42: a pfn without a reference',
  planted: {
    invariant: 'iopte-pfn-is-gmem-pfn',
    platform: 'bare',
    vmm: 'adversarial',
    fault: 'The pfn of before the bracket is installed under the sequence number of after it.',
  },
  ...callbackHooks({ map_page, zap }),
};
