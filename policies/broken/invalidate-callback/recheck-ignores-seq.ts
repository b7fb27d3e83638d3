// invalidate-callback, broken: the recheck sees a bracket that is open, and none that has been closed
// (docs/objections.md D22).

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

function* map_page(index: number, arch: Arch): Steps<Result | 'again'> {
  const seq = yield* gmem_invalidate_seq();
  if ((yield* gmem_is_private(index)) && !arch.maps_private) return '-EPERM';
  const pfn = yield* call(kvm_gmem_get_pfn, index, arch);
  if (typeof pfn !== 'number') return pfn;
  yield* folio_put(pfn);
  yield* lock('pages_mutex');
  if (yield* gmem_invalidate_retry_half(seq, index, 'ignore-seq')) {
    yield* unlock('pages_mutex');
    return 'again';
  }
  if (arch.leaf_size_is_checked && (yield* rmp_level_is_2m(pfn))) yield* psmash(index);
  const mapped = yield* iommu_map(iova_of(index), pfn);
  yield* unlock('pages_mutex');
  return mapped ? 0 : '-ENOMEM';
}

export const recheckIgnoresSeq: Policy = {
  ...invalidateCallback,
  name: 'recheck-ignores-seq',
  title: 'invalidate-callback: the recheck ignores seq',
  source: 'docs/objections.md D22; mmu_invalidate_retry_gfn(), second half',
  planted: {
    invariant: 'no-mapping-to-freed-page',
    platform: 'sev-snp',
    vmm: 'adversarial',
    fault: 'A bracket that opened and closed between lookup and recheck goes unnoticed.',
  },
  ...callbackHooks({ map_page, zap }),
};
