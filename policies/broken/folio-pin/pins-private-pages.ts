// folio-pin, broken: private pages are pinned where they need not be (docs/objections.md D17, D18).

import { type Policy } from '../../../api/index.ts';
import { folioPin, pinHooks } from '../../folio-pin.ts';

export const pinsPrivatePages: Policy = {
  ...folioPin,
  name: 'pins-private-pages',
  title: 'folio-pin: private pages are pinned',
  source:
    'docs/objections.md D18: to_shared assumes that nobody holds a private page; D17, that it then spins',
  planted: {
    invariant: 'no-unbounded-retry',
    platform: 'bare',
    vmm: 'adversarial',
    fault: 'A conversion to shared spins on the pin, with invalidate_lock held.',
  },
  ...pinHooks({
    *refuse() {
      return null;
    },
  }),
};
