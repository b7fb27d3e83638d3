// folio-pin, broken: what goes out of the IOMMU stays pinned (docs/objections.md D8, docs/iommufd.md K15).

import { type Policy, type Steps, iommu_unmap_fast, iotlb_sync } from '../../../api/index.ts';
import { folioPin, pin_gmem_page, pinHooks } from '../../folio-pin.ts';

function* unmap_and_unpin(start: number, end: number): Steps<void> {
  yield* iommu_unmap_fast({ start, end });
  yield* iotlb_sync({ start, end });
}

export const pinsOutliveArea: Policy = {
  ...folioPin,
  name: 'pins-outlive-area',
  title: 'folio-pin: the pins outlive their area',
  source: 'docs/objections.md D8, D17: a reference that nobody will drop',
  planted: {
    invariant: 'nothing-left-at-release',
    platform: 'bare',
    vmm: 'adversarial',
    fault: 'Pages stay pinned when their area is gone.',
  },
  ...pinHooks({ pin_gmem_page, unmap_and_unpin }),
};
