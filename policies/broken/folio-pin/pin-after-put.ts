// folio-pin, broken: reference and invalidate_lock go, then the pin comes (docs/objections.md D42).

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
  if (is_private && !arch.maps_private) {
    yield* up_read('invalidate_lock');
    return '-EPERM';
  }
  const pfn = yield* kvm_gmem_get_folio(index);
  if (pfn === null) {
    yield* up_read('invalidate_lock');
    return '-ENOMEM';
  }
  yield* clear_highpage(pfn);
  if (is_private && arch.platform === 'sev-snp') yield* rmp_make_private(index, pfn);
  yield* folio_unlock(pfn);
  yield* folio_put(pfn);
  yield* up_read('invalidate_lock');
  yield* pin_folio(pfn);
  return pfn;
}

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
  ...pinHooks({ pin_gmem_page, unmap_and_unpin }),
};
