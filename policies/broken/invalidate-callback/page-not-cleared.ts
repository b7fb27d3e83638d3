// invalidate-callback, broken: the page is mapped as the allocator gave it (docs/objections.md D31).

import {
  type Arch,
  type Policy,
  type Result,
  type Steps,
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
  yield* folio_unlock(pfn);
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

export const pageNotCleared: Policy = {
  ...invalidateCallback,
  name: 'page-not-cleared',
  title: 'invalidate-callback: pages are not cleared',
  source: 'docs/objections.md D31: whoever maps first has to clear',
  planted: {
    invariant: 'zeroed-before-first-use',
    platform: 'bare',
    vmm: 'adversarial',
    fault: 'A device reads what the last owner of the page left in it.',
  },
  ...callbackHooks({ map_page, zap }),
};
