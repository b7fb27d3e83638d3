// revoke-on-truncate, broken: a revoke that comes between lookup and map is forgotten (docs/iommufd.md K28).

import {
  type Arch,
  type Policy,
  type Result,
  type Steps,
  call,
  each_page,
  folio_put,
  iommu_map,
  iommu_unmap_fast,
  iotlb_sync,
  iova_of,
  kvm_gmem_get_pfn,
  lock,
  psmash,
  rmp_level_is_2m,
  unlock,
} from '../../../api/index.ts';
import { revokeOnTruncate } from '../../revoke-on-truncate.ts';

function* map_page(index: number, arch: Arch): Steps<Result> {
  const pfn = yield* call(kvm_gmem_get_pfn, index, arch);
  if (typeof pfn !== 'number') return pfn;
  yield* lock('pages_mutex');
  if (arch.leaf_size_is_checked && (yield* rmp_level_is_2m(pfn))) yield* psmash(index);
  const mapped = yield* iommu_map(iova_of(index), pfn);
  yield* unlock('pages_mutex');
  yield* folio_put(pfn);
  return mapped ? 0 : '-ENOMEM';
}

export const revokeNotRechecked: Policy = {
  ...revokeOnTruncate,
  name: 'revoke-not-rechecked',
  title: 'revoke-on-truncate: a revoked area is filled on',
  source: 'docs/iommufd.md K28: revoke of an area that is not filled yet; docs/objections.md D43',
  planted: {
    invariant: 'no-mapping-to-freed-page',
    platform: 'bare',
    vmm: 'adversarial',
    fault: 'A page is mapped after its area was revoked.',
  },
  *ioas_map_file(range, arch) {
    for (const index of each_page(range)) {
      const result = yield* call(map_page, index, arch);
      if (result === 0) continue;
      yield* lock('pages_mutex');
      yield* iommu_unmap_fast(range);
      yield* iotlb_sync(range);
      yield* unlock('pages_mutex');
      return result;
    }
    return 0;
  },
};
