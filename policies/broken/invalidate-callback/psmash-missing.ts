// invalidate-callback, broken: 4K IOPTEs, and the RMP entry stays 2M (docs/objections.md D32).

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
  if (yield* gmem_invalidate_retry(seq, index)) {
    yield* unlock('pages_mutex');
    return 'again';
  }
  const mapped = yield* iommu_map(iova_of(index), pfn);
  yield* unlock('pages_mutex');
  return mapped ? 0 : '-ENOMEM';
}

export const psmashMissing: Policy = {
  ...invalidateCallback,
  name: 'psmash-missing',
  title: 'invalidate-callback: a 4K leaf under a 2M RMP entry',
  source: 'Alexey Kardashevskiy, 28 Jan 2026: an RMP fault of the IOMMU is repaired by nobody',
  planted: {
    invariant: 'rmp-size-matches-s2',
    platform: 'sev-snp',
    vmm: 'cooperative',
    fault: 'A 4K IOPTE reaches a page of a 2M RMP entry.',
  },
  ...callbackHooks({ map_page, zap }),
};
