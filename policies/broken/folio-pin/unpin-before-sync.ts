// folio-pin, broken: the pin goes before the IOTLB is flushed (docs/iommufd.md K12).

import {
  type Pfn,
  type Policy,
  type Steps,
  iommu_iova_to_phys,
  iommu_unmap_fast,
  iopt_pages_sub_npinned,
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
  for (const pfn of pinned) {
    yield* iopt_pages_sub_npinned(1);
    yield* unpin_folio(pfn);
  }
  yield* iotlb_sync({ start, end });
}

export const unpinBeforeSync: Policy = {
  ...folioPin,
  name: 'unpin-before-sync',
  title: 'folio-pin: unpinned before the flush',
  source: 'docs/iommufd.md K12: iommu_unmap_fast(), then unpin',
  planted: {
    invariant: 'unpin-follows-unmap-and-sync',
    platform: 'bare',
    vmm: 'adversarial',
    fault: 'A page is unpinned while the IOTLB holds it.',
  },
  ...pinHooks({ pin_gmem_page, unmap_and_unpin }),
};
