// folio-pin, broken: the pin goes while the IOPTE is there (docs/iommufd.md K12).

import { type Policy, iommu_unmap_fast, iotlb_sync } from '../../../api/index.ts';
import { folioPin, pinHooks } from '../../folio-pin.ts';

export const unpinBeforeUnmap: Policy = {
  ...folioPin,
  name: 'unpin-before-unmap',
  title: 'folio-pin: unpinned, then unmapped',
  source: 'docs/iommufd.md K12: "we must not unpin something that is still DMA mapped"',
  planted: {
    invariant: 'unpin-follows-unmap-and-sync',
    platform: 'bare',
    vmm: 'adversarial',
    fault: 'A page is unpinned while an IOPTE points to it.',
  },
  ...pinHooks({
    *take_out(range, unpin) {
      yield* unpin();
      yield* iommu_unmap_fast(range);
      yield* iotlb_sync(range);
    },
  }),
};
