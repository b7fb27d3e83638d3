// Linux 7.2, broken: the fill of a dma-buf drops pages->mutex between the look at phys and the map, so that a revoke
// meets an area that is tracked and not filled yet, and it is filled afterwards (docs/iommufd.md K28d).

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

export const fillDropsMutex: Policy = {
  ...none,
  name: 'fill-drops-mutex',
  title: 'planted in Linux 7.2: iopt_area_fill_domains() drops pages->mutex after pfn_reader_dmabuf_init()',
  source: 'docs/iommufd.md K28d: revoke of an area that is tracked and not filled yet',
  base: 'linux-7.2',
  planted: {
    ...withDmabuf,
    invariant: 'no-access-after-revoke',
    fault:
      'The revoke comes when the area is tracked and empty; the map goes on with the phys that it has read.',
  },
  dmabuf: {
    *iopt_area_fill_domains(area) {
      yield* lock('dmabuf_pages_mutex');
      yield* iopt_dmabuf_track_domain(area.start);
      const phys = yield* iopt_dmabuf_phys(area.start);
      yield* unlock('dmabuf_pages_mutex');
      if (phys === null) return 0;
      yield* lock('dmabuf_pages_mutex');
      const mapped = yield* iommu_map(area.start, phys);
      yield* unlock('dmabuf_pages_mutex');
      return mapped ? 0 : '-ENOMEM';
    },
  },
};
