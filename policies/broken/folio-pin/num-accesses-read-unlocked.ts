// folio-pin, broken: an unmap reads num_accesses before it takes iova_rwsem, and an access comes in between.

import { type Policy, iommufd_access_notify_unmap, iopt_unmap_of } from '../../../api/index.ts';
import { folioPin } from '../../folio-pin.ts';

const { ioas_unmap } = folioPin;

export const numAccessesReadUnlocked: Policy = {
  ...folioPin,
  name: 'num-accesses-read-unlocked',
  title: 'folio-pin: num_accesses is read outside of iova_rwsem',
  source: 'iopt_unmap_iova_range(): "num_accesses writers must hold the iova_rwsem too"',
  base: 'linux-7.2',
  planted: {
    settings: { cast: ['access'] },
    invariant: 'access-pages-stay',
    platform: 'bare',
    vmm: 'adversarial',
    pages: 1,
    fault: 'A driver pins pages after the look, and the area goes though it has them.',
  },
  replaces: ({ iopt_put_pages }, arch) => ({
    unmap: iopt_unmap_of(
      { ioas_unmap, iopt_put_pages, iommufd_access_notify_unmap, looks_unlocked: true },
      arch,
    ),
  }),
};
