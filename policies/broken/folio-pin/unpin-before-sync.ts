// folio-pin, broken: the pin goes before the IOTLB is flushed (docs/iommufd.md K12).

import { type Policy, iommu_unmap_fast, iotlb_sync } from '../../../api/index.ts';
import { folioPin, pinHooks } from '../../folio-pin.ts';

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
  ...pinHooks({
    *take_out(range, unpin) {
      yield* iommu_unmap_fast(range);
      yield* unpin();
      yield* iotlb_sync(range);
    },
  }),
};
