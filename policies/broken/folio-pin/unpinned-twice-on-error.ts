// folio-pin, broken: who pinned and who unwinds both unpin (docs/iommufd.md K15).

import {
  type Pfn,
  type Policy,
  call,
  each_page,
  iommu_map,
  iopt_pages_add_npinned,
  iova_of,
  lock,
  unlock,
  unpin_folio,
} from '../../../api/index.ts';
import { folioPin, pin_gmem_page, unmap_and_unpin } from '../../folio-pin.ts';

export const unpinnedTwiceOnError: Policy = {
  ...folioPin,
  name: 'unpinned-twice-on-error',
  title: 'folio-pin: the error path unpins twice',
  source: 'docs/iommufd.md K15: every domain unpins instead of the last one',
  planted: {
    invariant: 'refcount-never-negative',
    platform: 'tdx',
    vmm: 'adversarial',
    fault: 'A map that fails in its middle unpins its pages twice.',
  },
  *ioas_map_file(range, arch) {
    const pinned: Pfn[] = [];
    yield* lock('pages_mutex');
    for (const index of each_page(range)) {
      const pfn = yield* call(pin_gmem_page, index, arch);
      if (typeof pfn === 'number' && (yield* iommu_map(iova_of(index), pfn))) {
        yield* iopt_pages_add_npinned(1);
        pinned.push(pfn);
        continue;
      }
      yield* call(unmap_and_unpin, range.start, index);
      for (const each of pinned) yield* unpin_folio(each);
      yield* unlock('pages_mutex');
      return typeof pfn === 'number' ? '-ENOMEM' : pfn;
    }
    yield* unlock('pages_mutex');
    return 0;
  },
};
