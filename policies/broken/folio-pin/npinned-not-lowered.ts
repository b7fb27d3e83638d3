// folio-pin, broken: unpinned pages stay charged (docs/iommufd.md K32).

import {
  type Pfn,
  type Policy,
  type Steps,
  iommu_iova_to_phys,
  iommu_unmap_fast,
  iotlb_sync,
  unpin_folio,
} from '../../../api/index.ts';
import { folioPin, pin_gmem_page, pinHooks } from '../../folio-pin.ts';

function* unmap_and_unpin(start: number, end: number): Steps<void> {
  const pinned: Pfn[] = [];
  for (let iova = start; iova < end; iova++) {
    const pfn = yield* iommu_iova_to_phys(iova);
    if (pfn !== null) pinned.push(pfn);
  }
  yield* iommu_unmap_fast({ start, end });
  yield* iotlb_sync({ start, end });
  for (const pfn of pinned) yield* unpin_folio(pfn);
}

export const npinnedNotLowered: Policy = {
  ...folioPin,
  name: 'npinned-not-lowered',
  title: 'folio-pin: npinned is not lowered',
  source: 'docs/iommufd.md K32, npinned-counts-held-indexes: what is charged is not given back',
  planted: {
    invariant: 'npinned-equals-pinned',
    platform: 'bare',
    vmm: 'adversarial',
    fault: 'npinned counts pages that are no longer pinned.',
  },
  ...pinHooks({ pin_gmem_page, unmap_and_unpin }),
};
