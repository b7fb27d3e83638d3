// Linux 7.2, broken: a revoke clears the IOPTEs of a dma-buf and leaves the IOTLB as it is (docs/iommufd.md K28).

import {
  type Policy,
  iommu_unmap_nofail_fast,
  iopt_dmabuf_phys,
  iopt_dmabuf_set_revoked,
  iopt_dmabuf_tracker,
  lock,
  unlock,
} from '../../../api/index.ts';
import { none } from '../../none.ts';
import { withDmabuf } from './settings.ts';

export const revokeWithoutFlush: Policy = {
  ...none,
  name: 'revoke-without-flush',
  title: 'planted in Linux 7.2: iopt_revoke_notify() with iommu_unmap_fast(), and no sync',
  source: 'docs/iommufd.md K28: dma-buf revoke without flush',
  base: 'linux-7.2',
  planted: {
    ...withDmabuf,
    invariant: 'no-access-after-revoke',
    fault: 'The exporter has its memory back, and the IOTLB still leads there.',
  },
  dmabuf: {
    *iopt_revoke_notify(area) {
      yield* lock('dmabuf_pages_mutex');
      if ((yield* iopt_dmabuf_phys(area.start)) !== null) {
        if (yield* iopt_dmabuf_tracker(area.start)) yield* iommu_unmap_nofail_fast(area);
        yield* iopt_dmabuf_set_revoked(area.start);
      }
      yield* unlock('dmabuf_pages_mutex');
    },
  },
};
