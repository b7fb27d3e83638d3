// folio-pin, broken: the refusal of a private page forgets to unlock (docs/objections.md D22; an error path like
// docs/iommufd.md K15).

import { type Policy } from '../../../api/index.ts';
import { folioPin, pinHooks } from '../../folio-pin.ts';

export const lockKeptOnError: Policy = {
  ...folioPin,
  name: 'lock-kept-on-error',
  title: 'folio-pin: an error path keeps invalidate_lock',
  source: 'lockdep: lock held at return to user space',
  planted: {
    invariant: 'nothing-left-at-release',
    platform: 'tdx',
    vmm: 'adversarial',
    fault: 'IOMMU_IOAS_MAP_FILE returns -EPERM with invalidate_lock held.',
  },
  ...pinHooks({
    *refuse(is_private, arch) {
      return is_private && !arch.maps_private ? '-EPERM' : null;
    },
  }),
};
