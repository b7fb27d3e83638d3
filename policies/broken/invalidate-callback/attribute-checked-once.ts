// invalidate-callback, broken: the attribute is checked for the first page of the range (docs/objections.md D36).

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

/** The recheck of each page finds every change since its snapshot, but not what was so before. */
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

const hooks = callbackHooks({ map_page, zap });

export const attributeCheckedOnce: Policy = {
  ...invalidateCallback,
  name: 'attribute-checked-once',
  title: 'invalidate-callback: the attribute of the first page speaks for all',
  source: 'docs/objections.md D36: one check made twice, the other never',
  planted: {
    invariant: 'no-stale-shared-iopte',
    platform: 'bare',
    vmm: 'adversarial',
    fault: 'In a mixed range private pages are mapped with the shared ones.',
  },
  *ioas_map_file(range, arch) {
    if ((yield* gmem_is_private(range.start)) && !arch.maps_private) return '-EPERM';
    return yield* call(hooks.ioas_map_file, range, arch);
  },
};
