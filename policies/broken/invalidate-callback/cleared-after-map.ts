// invalidate-callback, broken: the page is cleared when a device may have used it already (docs/objections.md D31).

import {
  type Arch,
  type Policy,
  type Result,
  type Steps,
  clear_highpage,
  folio_put,
  folio_unlock,
  gmem_invalidate_retry,
  gmem_invalidate_seq,
  gmem_is_private,
  iommu_map,
  iova_of,
  kvm_gmem_get_folio,
  lock,
  unlock,
} from '../../../api/index.ts';
import { callbackHooks, invalidateCallback, zap } from '../../invalidate-callback.ts';

function* map_page(index: number, arch: Arch): Steps<Result | 'again'> {
  const seq = yield* gmem_invalidate_seq();
  if ((yield* gmem_is_private(index)) && !arch.maps_private) return '-EPERM';
  const pfn = yield* kvm_gmem_get_folio(index);
  if (pfn === null) return '-ENOMEM';
  yield* lock('pages_mutex');
  if (yield* gmem_invalidate_retry(seq, index)) {
    yield* unlock('pages_mutex');
    yield* folio_unlock(pfn);
    yield* folio_put(pfn);
    return 'again';
  }
  const mapped = yield* iommu_map(iova_of(index), pfn);
  yield* unlock('pages_mutex');
  yield* clear_highpage(pfn);
  yield* folio_unlock(pfn);
  yield* folio_put(pfn);
  return mapped ? 0 : '-ENOMEM';
}

export const clearedAfterMap: Policy = {
  ...invalidateCallback,
  name: 'cleared-after-map',
  title: 'invalidate-callback: pages are cleared after they were mapped',
  source: 'docs/objections.md D31: cleared before the first use, at most once',
  planted: {
    invariant: 'zeroed-before-first-use',
    platform: 'bare',
    vmm: 'adversarial',
    fault: 'A device reads between iommu_map() and clear_highpage().',
  },
  ...callbackHooks({ map_page, zap }),
};
