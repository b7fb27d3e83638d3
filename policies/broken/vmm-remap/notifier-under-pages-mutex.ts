// vmm-remap, broken: with the callback that it lacks, the wrong way: its batch path looks pages up under
// invalidate_lock, with pages->mutex held, and the callback comes the other way (docs/iommufd.md R29).

import {
  type Errno,
  type Pinned,
  type Policy,
  type Steps,
  batch_add_pfn_num,
  call,
  down_read,
  folio_put,
  folio_unlock,
  iopt_pages_of,
  iopt_pages_sub_npinned,
  kvm_gmem_get_folio,
  up_read,
} from '../../../api/index.ts';
import { zap } from '../../invalidate-callback.ts';
import { vmmRemap } from '../../vmm-remap.ts';

/* invalidate_lock keeps holes and conversions away from the lookup */
function* pin_guest_memfd_pages(start: number, npages: number): Steps<Pinned | Errno> {
  const ufolios: number[] = [];
  yield* down_read('invalidate_lock');
  for (let index = start; index < start + npages; index++) {
    const pfn = yield* kvm_gmem_get_folio(index);
    if (pfn === null) {
      yield* up_read('invalidate_lock');
      return '-ENOMEM';
    }
    yield* folio_unlock(pfn);
    yield* folio_put(pfn);
    ufolios.push(pfn);
  }
  yield* up_read('invalidate_lock');
  return { ufolios, offset: 0, npages };
}

const { iopt_area_fill_domains, iopt_area_unfill_domains } = iopt_pages_of({
  pin_pages: pin_guest_memfd_pages,
  *batch_from_folios(pfns) {
    while (pfns.ufolios_next < pfns.ufolios.length) {
      if (!batch_add_pfn_num(pfns.batch, pfns.ufolios[pfns.ufolios_next], 1)) break;
      pfns.ufolios_next++;
    }
    return 0;
  },
  *batch_unpin(batch) {
    yield* iopt_pages_sub_npinned(batch.total_pfns);
  },
});

export const notifierUnderPagesMutex: Policy = {
  ...vmmRemap,
  name: 'notifier-under-pages-mutex',
  title: 'vmm-remap: a callback from under invalidate_lock, and pages looked up under pages->mutex',
  source: 'docs/iommufd.md R29: pages->mutex against invalidate_lock',
  planted: {
    invariant: 'lock-order-acyclic',
    platform: 'bare',
    vmm: 'adversarial',
    fault:
      'The map takes invalidate_lock inside pages->mutex, the callback pages->mutex inside invalidate_lock.',
  },
  own_mutex_class: true,
  ioas_map_file: iopt_area_fill_domains,
  ioas_unmap: iopt_area_unfill_domains,
  *invalidate_start(range) {
    yield* call(zap, range);
  },
};
