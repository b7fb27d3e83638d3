// folio-pin, broken: the refusal of a private page forgets to unlock (docs/objections.md D22; an error path like
// docs/iommufd.md K15).

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
  yield* folio_unlock(pfn);
  yield* folio_put(pfn);
  yield* up_read('invalidate_lock');
  return pfn;
}

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
  ...pinHooks({ pin_gmem_page, unmap_and_unpin }),
};
