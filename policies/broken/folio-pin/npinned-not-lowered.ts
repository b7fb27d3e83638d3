// folio-pin, broken: unpinned pages stay charged (docs/iommufd.md K32).

import { type Policy, unpin_folio } from '../../../api/index.ts';
import { folioPin, pinHooks } from '../../folio-pin.ts';

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
  ...pinHooks({
    *unpin(pfn) {
      yield* unpin_folio(pfn);
    },
  }),
};
