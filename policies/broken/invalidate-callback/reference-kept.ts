// invalidate-callback, broken: the reference of the lookup is never dropped (docs/objections.md D8).

import {
  type Arch,
  type Policy,
  type Result,
  type Steps,
  call,
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

export const referenceKept: Policy = {
  ...invalidateCallback,
  name: 'reference-kept',
  title: 'invalidate-callback: the lookup reference is kept',
  source:
    'docs/objections.md D8: a reference held by the IOMMU; Jason Gunthorpe, 24 Jun 2025: it must not take one',
  planted: {
    invariant: 'nothing-left-at-release',
    platform: 'bare',
    vmm: 'adversarial',
    fault: 'The folio keeps the reference of the lookup after the call.',
  },
  ...callbackHooks({ map_page, zap }),
};
