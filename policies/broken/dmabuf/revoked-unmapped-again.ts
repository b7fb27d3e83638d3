// Linux 7.2, broken: an unmap does not ask whether its dma-buf was revoked, and unmaps what is not mapped any more
// (docs/iommufd.md K28c).

import {
  type Policy,
  iopt_area_unmap_dmabuf,
  iopt_dmabuf_phys,
  iopt_dmabuf_untrack_domain,
  lock,
  unlock,
} from '../../../api/index.ts';
import { none } from '../../none.ts';
import { withDmabuf } from './settings.ts';

export const revokedUnmappedAgain: Policy = {
  ...none,
  name: 'revoked-unmapped-again',
  title: 'planted in Linux 7.2: iopt_dmabuf_revoked() is read before pages->mutex is taken',
  source: 'docs/iommufd.md K28c: a revoked area is unmapped again',
  base: 'linux-7.2',
  planted: {
    ...withDmabuf,
    invariant: 'unmap-returns-its-size',
    fault: 'A revoke comes between the look and the mutex, and the area is unmapped twice.',
  },
  dmabuf: {
    *iopt_area_unfill_domains(area) {
      const revoked = (yield* iopt_dmabuf_phys(area.start)) === null;
      yield* lock('dmabuf_pages_mutex');
      if (!revoked) yield* iopt_area_unmap_dmabuf(area);
      yield* iopt_dmabuf_untrack_domain(area.start);
      yield* unlock('dmabuf_pages_mutex');
    },
  },
};
