// folio-pin, broken: lookup and batch pin the page once each (docs/iommufd.md K20, K24).

import { type Policy, folio_put, folio_unlock, pin_folio, up_read } from '../../../api/index.ts';
import { folioPin, pinHooks } from '../../folio-pin.ts';

export const pinnedTwice: Policy = {
  ...folioPin,
  name: 'pinned-twice',
  title: 'folio-pin: each page is pinned twice',
  source: 'docs/iommufd.md K20, pinned-exactly-once: one pin, however many holders',
  planted: {
    invariant: 'pinned-exactly-once',
    platform: 'bare',
    vmm: 'adversarial',
    fault: 'A page has two pins, one of which nobody drops.',
  },
  ...pinHooks({
    *pin_and_put(pfn) {
      yield* pin_folio(pfn);
      yield* pin_folio(pfn);
      yield* folio_unlock(pfn);
      yield* folio_put(pfn);
      yield* up_read('invalidate_lock');
    },
  }),
};
