// A dma-buf in iommufd, in steps: what pages.c does to its areas, and what the exporter's invalidation does to them.
// MODEL: an area of a dma-buf is one page; the mutexes of all iopt_pages of dma-bufs are one lock, which hides nothing:
// what two of them guard is of two IOVAs.

import {
  type Result,
  type Steps,
  dma_buf_attachments,
  iommu_map,
  iommu_unmap_nofail_fast,
  iopt_dmabuf_phys,
  iopt_dmabuf_set_revoked,
  iopt_dmabuf_track_domain,
  iopt_dmabuf_tracker,
  iopt_dmabuf_untrack_domain,
  iotlb_sync,
  lock,
  unlock,
  vfio_pci_dma_buf_iommufd_map,
} from './steps.ts';
import type { Iova, Range } from './units.ts';

export interface DmabufParts {
  /** The exporter's half of a map. Under dma_resv. */
  readonly vfio_pci_dma_buf_iommufd_map: () => Steps<boolean>;
  /** Of a new area; of an area that is there, where a domain is attached: iopt_fill_domain(). */
  readonly iopt_area_fill_domains: (area: Range) => Steps<Result>;
  readonly iopt_area_unfill_domains: (area: Range) => Steps<void>;
  /** importer_ops->invalidate_mappings() of the iopt_pages of an area. Under dma_resv. */
  readonly iopt_revoke_notify: (area: Range) => Steps<void>;
  readonly dma_buf_attachments: () => Steps<Iova[]>;
}

/** iommu_unmap_nofail(): cleared and flushed on return. */
export function* iopt_area_unmap_dmabuf(area: Range): Steps<void> {
  yield* iommu_unmap_nofail_fast(area);
  yield* iotlb_sync(area);
}

function* iopt_area_fill_domains(area: Range): Steps<Result> {
  yield* lock('dmabuf_pages_mutex');
  yield* iopt_dmabuf_track_domain(area.start);
  /* revoked: the area is there, and empty */
  const phys = yield* iopt_dmabuf_phys(area.start);
  const failed = phys !== null && !(yield* iommu_map(area.start, phys));
  if (failed) yield* iopt_dmabuf_untrack_domain(area.start);
  yield* unlock('dmabuf_pages_mutex');
  return failed ? '-ENOMEM' : 0;
}

function* iopt_area_unfill_domains(area: Range): Steps<void> {
  yield* lock('dmabuf_pages_mutex');
  if ((yield* iopt_dmabuf_phys(area.start)) !== null) yield* iopt_area_unmap_dmabuf(area);
  yield* iopt_dmabuf_untrack_domain(area.start);
  yield* unlock('dmabuf_pages_mutex');
}

function* iopt_revoke_notify(area: Range): Steps<void> {
  yield* lock('dmabuf_pages_mutex');
  if ((yield* iopt_dmabuf_phys(area.start)) !== null) {
    if (yield* iopt_dmabuf_tracker(area.start)) yield* iopt_area_unmap_dmabuf(area);
    yield* iopt_dmabuf_set_revoked(area.start);
  }
  yield* unlock('dmabuf_pages_mutex');
}

/** Linux 7.2. */
export const iommufd_dmabuf: DmabufParts = {
  vfio_pci_dma_buf_iommufd_map,
  iopt_area_fill_domains,
  iopt_area_unfill_domains,
  iopt_revoke_notify,
  dma_buf_attachments,
};
