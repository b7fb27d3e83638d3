// folio-pin, broken: an access that goes unpins pages that the domain holds too.

import {
  type Policy,
  type Range,
  type Steps,
  each_page,
  iommu_iova_to_phys,
  iommufd_unpin_of,
  iopt_area_num_accesses_dec,
  iopt_pages_sub_npinned,
  iopt_pages_xa_erase,
  iopt_unmap_of,
  iova_of,
  lock,
  unlock,
  unpin_folio,
} from '../../api/index.ts';
import { folioPin } from '../folio-pin.ts';

const { ioas_unmap } = folioPin;

function* iopt_area_remove_access(range: Range): Steps<void> {
  yield* lock('pages_mutex');
  yield* iopt_area_num_accesses_dec(range);
  for (const index of each_page(range)) {
    const pfn = yield* iommu_iova_to_phys(iova_of(index));
    if (pfn === null) continue;
    yield* iopt_pages_sub_npinned(1);
    yield* unpin_folio(pfn);
  }
  yield* iopt_pages_xa_erase(range);
  yield* unlock('pages_mutex');
}
const { iommufd_access_notify_unmap } = iommufd_unpin_of(iopt_area_remove_access);

export const accessUnpinsForDomain: Policy = {
  ...folioPin,
  name: 'access-unpins-for-domain',
  title: 'folio-pin: an access that goes unpins what the domain holds',
  source:
    'iopt_pages_unfill_xarray(): a span that a domain covers is erased from the xarray, and not unpinned',
  base: 'linux-7.2',
  planted: {
    settings: { cast: ['access'] },
    invariant: 'unpin-follows-unmap-and-sync',
    platform: 'bare',
    vmm: 'adversarial',
    fault: 'The page is unpinned, and its IOPTE is still there.',
  },
  replaces: ({ iopt_put_pages }, arch) => ({
    unmap: iopt_unmap_of({ ioas_unmap, iopt_put_pages, iommufd_access_notify_unmap }, arch),
  }),
};
