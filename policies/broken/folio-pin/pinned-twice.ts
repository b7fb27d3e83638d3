// folio-pin, broken: lookup and batch pin the page once each (docs/iommufd.md K20, K24).

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
  yield* pin_folio(pfn);
  yield* pin_folio(pfn);
  yield* folio_unlock(pfn);
  yield* folio_put(pfn);
  yield* up_read('invalidate_lock');
  return pfn;
}

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
  ...pinHooks({ pin_gmem_page, unmap_and_unpin }),
};
