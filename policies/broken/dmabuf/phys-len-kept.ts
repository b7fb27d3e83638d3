// Linux 7.2, broken: a revoke leaves phys.len as it was, and a map that is under way fills its area (docs/iommufd.md
// K28b).

import { dma_buf_attachments_len_kept } from '../../../api/faulty.ts';
import {
  type Policy,
  iopt_area_unmap_dmabuf,
  iopt_dmabuf_phys,
  iopt_dmabuf_tracker,
  lock,
  unlock,
} from '../../../api/index.ts';
import { none } from '../../none.ts';
import { withDmabuf } from './settings.ts';

export const physLenKept: Policy = {
  ...none,
  name: 'phys-len-kept',
  title: 'planted in Linux 7.2: iopt_revoke_notify() does not set phys.len to 0',
  source: 'docs/iommufd.md K28b: revoke leaves phys.len as it was',
  base: 'linux-7.2',
  planted: {
    ...withDmabuf,
    invariant: 'no-access-after-revoke',
    fault: 'The revoke finds nothing to unmap, and the fill that comes after it finds nothing revoked.',
  },
  dmabuf: {
    dma_buf_attachments: dma_buf_attachments_len_kept,
    *iopt_revoke_notify(area) {
      yield* lock('dmabuf_pages_mutex');
      const tracked =
        (yield* iopt_dmabuf_phys(area.start)) !== null && (yield* iopt_dmabuf_tracker(area.start));
      if (tracked) yield* iopt_area_unmap_dmabuf(area);
      yield* unlock('dmabuf_pages_mutex');
    },
  },
};
