// folio-pin, broken: private pages are pinned where they need not be (docs/objections.md D17, D18).

import {
  type Arch,
  type Errno,
  type Pfn,
  type Policy,
  type Steps,
  clear_highpage,
  down_read,
  folio_put,
  folio_unlock,
  gmem_is_private,
  kvm_gmem_get_folio,
  pin_folio,
  rmp_make_private,
  up_read,
} from '../../../api/index.ts';
import { folioPin, pinHooks, unmap_and_unpin } from '../../folio-pin.ts';

function* pin_gmem_page(index: number, arch: Arch): Steps<Pfn | Errno> {
  yield* down_read('invalidate_lock');
  const is_private = yield* gmem_is_private(index);
  const pfn = yield* kvm_gmem_get_folio(index);
  if (pfn === null) {
    yield* up_read('invalidate_lock');
    return '-ENOMEM';
  }
  yield* clear_highpage(pfn);
  if (is_private && arch.platform === 'sev-snp') yield* rmp_make_private(index, pfn);
  yield* pin_folio(pfn);
  yield* folio_unlock(pfn);
  yield* folio_put(pfn);
  yield* up_read('invalidate_lock');
  return pfn;
}

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
  ...pinHooks({ pin_gmem_page, unmap_and_unpin }),
};
