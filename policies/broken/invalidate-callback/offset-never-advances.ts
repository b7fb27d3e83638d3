// invalidate-callback, broken: the pfn of the first page is mapped for every page of the range (docs/objections.md
// D42).

import { type Policy, call, each_page, iommu_iova_to_phys, iommu_map, iova_of } from '../../../api/index.ts';
import { callbackHooks, invalidateCallback, map_page, zap } from '../../invalidate-callback.ts';

const hooks = callbackHooks({ map_page, zap });

export const offsetNeverAdvances: Policy = {
  ...invalidateCallback,
  name: 'offset-never-advances',
  title: 'invalidate-callback: every page is the first of its range',
  source: 'docs/objections.md D42: the offset into upages is reused for later folios',
  planted: {
    invariant: 'no-silent-lost-dma',
    platform: 'bare',
    vmm: 'cooperative',
    fault: 'DMA to the second page lands in the first one, or where it was.',
  },
  *ioas_map_file(range, arch) {
    const result = yield* call(hooks.ioas_map_file, { start: range.start, end: range.start + 1 }, arch);
    const pfn = yield* iommu_iova_to_phys(iova_of(range.start));
    if (result !== 0 || pfn === null) return result;
    for (const index of each_page(range)) if (index > range.start) yield* iommu_map(iova_of(index), pfn);
    return 0;
  },
};
