// folio-pin, broken: what goes out of the IOMMU stays pinned (docs/objections.md D8, docs/iommufd.md K15).

import { type Policy } from '../../../api/index.ts';
import { folioPin, pinHooks } from '../../folio-pin.ts';

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
  ...pinHooks({
    *pinned_in() {
      return [];
    },
  }),
};
