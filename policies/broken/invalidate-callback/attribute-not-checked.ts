// invalidate-callback, broken: private pages are mapped on every platform (docs/objections.md D42).

import {
  type Arch,
  type Policy,
  type Result,
  type Steps,
  call,
  folio_put,
  gmem_invalidate_retry,
  gmem_invalidate_seq,
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

export const attributeNotChecked: Policy = {
  ...invalidateCallback,
  name: 'attribute-not-checked',
  title: 'invalidate-callback: the attribute is not looked at',
  source:
    'Xu Yilun, Jason Gunthorpe, 26-28 Feb 2026: Intel, no shared IOPTE may point to a private page at any time',
  planted: {
    invariant: 'no-stale-shared-iopte',
    platform: 'tdx',
    vmm: 'adversarial',
    fault: 'A private page is mapped into the table of the host, whoever owns it.',
  },
  ...callbackHooks({ map_page, zap }),
};
