// invalidate-callback, broken: the recheck reads seq before in_progress (the smp_rmb() of mmu_invalidate_retry()).

import { gmem_invalidate_retry_half } from '../../../api/faulty.ts';
import {
  type Arch,
  type Policy,
  type Result,
  type Steps,
  call,
  folio_put,
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

/** Between the two reads a bracket ends. */
function* map_page(index: number, arch: Arch): Steps<Result | 'again'> {
  const seq = yield* gmem_invalidate_seq();
  if ((yield* gmem_is_private(index)) && !arch.maps_private) return '-EPERM';
  const pfn = yield* call(kvm_gmem_get_pfn, index, arch);
  if (typeof pfn !== 'number') return pfn;
  yield* folio_put(pfn);
  yield* lock('pages_mutex');
  const moved = yield* gmem_invalidate_retry_half(seq, index, 'ignore-progress');
  const open = yield* gmem_invalidate_retry_half(seq, index, 'ignore-seq');
  if (moved || open) {
    yield* unlock('pages_mutex');
    return 'again';
  }
  if (arch.leaf_size_is_checked && (yield* rmp_level_is_2m(pfn))) yield* psmash(index);
  const mapped = yield* iommu_map(iova_of(index), pfn);
  yield* unlock('pages_mutex');
  return mapped ? 0 : '-ENOMEM';
}

export const seqBeforeCount: Policy = {
  ...invalidateCallback,
  name: 'seq-before-count',
  title: 'invalidate-callback: seq is read before in_progress',
  source: 'mmu_invalidate_retry(): in_progress, smp_rmb(), seq',
  planted: {
    invariant: 'no-stale-shared-iopte',
    platform: 'bare',
    vmm: 'adversarial',
    fault: 'A bracket that ends between the two reads is seen by neither.',
  },
  ...callbackHooks({ map_page, zap }),
};
