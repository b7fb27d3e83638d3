// invalidate-callback, broken: the attribute is read before the snapshot of seq (kvm_mmu_faultin_pfn()).

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
  const seq = yield* gmem_invalidate_seq();
  const pfn = yield* call(kvm_gmem_get_pfn, index, arch);
  if (typeof pfn !== 'number') return pfn;
  yield* folio_put(pfn);
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

export const attributeBeforeSnapshot: Policy = {
  ...invalidateCallback,
  name: 'attribute-before-snapshot',
  title: 'invalidate-callback: the attribute is read before the snapshot',
  source: 'kvm_mmu_faultin_pfn(): what was read is stale as soon as the lock is dropped',
  planted: {
    invariant: 'no-stale-shared-iopte',
    platform: 'bare',
    vmm: 'adversarial',
    fault: 'A conversion between the read of the attribute and the snapshot goes unnoticed.',
  },
  ...callbackHooks({ map_page, zap }),
};
