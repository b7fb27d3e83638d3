// folio-pin, broken: reference and invalidate_lock go, then the pin comes (docs/objections.md D42).

import { type Policy, folio_put, folio_unlock, pin_folio, up_read } from '../../../api/index.ts';
import { folioPin, pinHooks } from '../../folio-pin.ts';

export const pinAfterPut: Policy = {
  ...folioPin,
  name: 'pin-after-put',
  title: 'folio-pin: pinned when the reference is gone',
  source: 'docs/objections.md D42: the folio is returned after its reference was dropped',
  planted: {
    invariant: 'no-mapping-to-freed-page',
    platform: 'bare',
    vmm: 'adversarial',
    fault: 'A page is pinned, and mapped, that was freed in between.',
  },
  ...pinHooks({
    *pin_and_put(pfn) {
      yield* folio_unlock(pfn);
      yield* folio_put(pfn);
      yield* up_read('invalidate_lock');
      yield* pin_folio(pfn);
    },
  }),
};
