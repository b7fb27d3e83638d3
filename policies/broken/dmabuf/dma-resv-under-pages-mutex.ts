// Linux 7.2, broken: the fill of a dma-buf asks the exporter once more, under pages->mutex, and takes dma_resv for it.

import {
  type Policy,
  iommu_map,
  iopt_dmabuf_phys,
  iopt_dmabuf_track_domain,
  lock,
  unlock,
} from '../../../api/index.ts';
import { none } from '../../none.ts';
import { withDmabuf } from './settings.ts';

export const dmaResvUnderPagesMutex: Policy = {
  ...none,
  name: 'dma-resv-under-pages-mutex',
  title: 'planted in Linux 7.2: dma_resv is taken inside of pages->mutex',
  source: 'iopt_map_dmabuf(): "Lock ordering requires the mutex to be taken inside the reservation"',
  base: 'linux-7.2',
  planted: {
    ...withDmabuf,
    invariant: 'every-call-returns',
    fault:
      'The map holds pages->mutex and waits for dma_resv, the revoke holds dma_resv and waits for pages->mutex.',
  },
  dmabuf: {
    *iopt_area_fill_domains(area) {
      yield* lock('dmabuf_pages_mutex');
      yield* iopt_dmabuf_track_domain(area.start);
      yield* lock('dma_resv');
      const phys = yield* iopt_dmabuf_phys(area.start);
      yield* unlock('dma_resv');
      const failed = phys !== null && !(yield* iommu_map(area.start, phys));
      yield* unlock('dmabuf_pages_mutex');
      return failed ? '-ENOMEM' : 0;
    },
  },
};
