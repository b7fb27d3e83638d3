// folio-pin, broken: the driver of an access is told of an unmap with iova_rwsem held.

import { type Policy, iommufd_access_notify_unmap, iopt_unmap_of } from '../../../api/index.ts';
import { folioPin } from '../../folio-pin.ts';

const { ioas_unmap } = folioPin;

export const notifiedUnderIovaRwsem: Policy = {
  ...folioPin,
  name: 'notified-under-iova-rwsem',
  title: 'folio-pin: a driver is told of an unmap under iova_rwsem',
  source: 'iopt_unmap_iova_range(): both rwsems are dropped before iommufd_access_notify_unmap()',
  base: 'linux-7.2',
  planted: {
    settings: { cast: ['access'] },
    invariant: 'every-call-returns',
    platform: 'bare',
    vmm: 'adversarial',
    pages: 1,
    fault: 'The driver gives its pages back, for which iova_rwsem is taken once more by the same thread.',
  },
  replaces: ({ iopt_put_pages }, arch) => ({
    unmap: iopt_unmap_of(
      { ioas_unmap, iopt_put_pages, iommufd_access_notify_unmap, notify_locked: true },
      arch,
    ),
  }),
};
