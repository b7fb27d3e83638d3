// invalidate-callback, broken: a run of pfns is one leaf, whatever the RMP holds (docs/iommufd.md K11).

import {
  type Policy,
  call,
  iommu_iova_to_phys,
  iommu_map,
  iommu_unmap_fast,
  iotlb_sync,
  iova_of,
  lock,
  unlock,
} from '../../../api/index.ts';
import { callbackHooks, invalidateCallback, map_page, zap } from '../../invalidate-callback.ts';

const hooks = callbackHooks({ map_page, zap });

export const oneLeafForARun: Policy = {
  ...invalidateCallback,
  name: 'one-leaf-for-a-run',
  title: 'invalidate-callback: contiguous pfns become one leaf',
  source:
    'docs/objections.md D32; Alexey Kardashevskiy, 28 Jan 2026: the IOPTE has to have the size of the RMP entry',
  planted: {
    invariant: 'rmp-size-matches-s2',
    platform: 'sev-snp',
    vmm: 'cooperative',
    fault: 'A 2M IOPTE covers 4K RMP entries.',
  },
  /* coalesce what was mapped 4K by 4K */
  *ioas_map_file(range, arch) {
    const result = yield* call(hooks.ioas_map_file, range, arch);
    const first = yield* iommu_iova_to_phys(iova_of(range.start));
    if (result !== 0 || first === null || range.end - range.start !== arch.huge_pages) return result;
    yield* lock('pages_mutex');
    yield* iommu_unmap_fast(range);
    yield* iommu_map(iova_of(range.start), first, arch.huge_pages);
    yield* iotlb_sync(range);
    yield* unlock('pages_mutex');
    return 0;
  },
};
