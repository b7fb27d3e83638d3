// Linux 7.2, drivers/iommu/iommufd/pages.c and io_pagetable.c, and what they call.

import * as access from './access.ts';
import * as iova from './area-iova.ts';
import * as batch from './batch.ts';
import * as source from './batch-source.ts';
import * as dirty from './dirty.ts';
import * as dmabuf from './dmabuf.ts';
import * as domain from './domain.ts';
import * as table from './io-page-table.ts';
import * as iommu from './iommu.ts';
import * as iotlb from './iotlb.ts';
import * as bitmap from './iova-bitmap.ts';
import * as pages from './pages.ts';
import * as user from './pfn-reader-user.ts';
import * as reader from './pfn-reader.ts';
import * as changeProcess from './process.ts';
import * as ptDirty from './pt-dirty.ts';
import * as iopt from './table.ts';
import * as unmap from './unmap.ts';
import * as vfio from './vfio-compat.ts';
import * as xarray from './xarray.ts';

export const LINUX_7_2 = {
  batch_add_pfn_num: batch.batch_add_pfn_num,
  batch_clear_carry: batch.batch_clear_carry,
  batch_from_domain: source.batch_from_domain,
  batch_from_domain_continue: source.batch_from_domain_continue,
  batch_from_folios: source.batch_from_folios,
  batch_to_domain: source.batch_to_domain,
  batch_unpin: source.batch_unpin,
  folios_are_pinned: reader.folios_are_pinned,
  pfn_reader_fill_span: reader.pfn_reader_fill_span,
  pfn_reader_release_pins: reader.pfn_reader_release_pins,
  pfn_reader_spans: reader.pfn_reader_spans,
  unpin_rest_of_folios: reader.unpin_rest_of_folios,
  pin_file_pages: user.pin_file_pages,
  mm_is_gone: pages.mm_is_gone,
  needs_mmget: pages.needs_mmget,
  pages_for: pages.pages_for,
  uptr_overflows: pages.uptr_overflows,
  iopt_pages_update_pinned: pages.iopt_pages_update_pinned,
  unfill_xarray_spans: xarray.unfill_xarray_spans,
  fill_domains_undo: domain.fill_domains_undo,
  fill_domains_unmap: domain.fill_domains_unmap,
  skips_revoked: domain.skips_revoked,
  unmap_and_unpin: domain.unmap_and_unpin,
  allowed_spans: iova.allowed_spans,
  iopt_alloc_iova: iova.iopt_alloc_iova,
  iopt_check_iova: iova.iopt_check_iova,
  clear_last_npinned: changeProcess.clear_last_npinned,
  need_charge_update: changeProcess.need_charge_update,
  is_locked: unmap.is_locked,
  is_no_cut: unmap.is_no_cut,
  unmap_area: unmap.unmap_area,
  vfio_unmap_of_nothing: vfio.vfio_unmap_of_nothing,
  iopt_fill_domain: iopt.iopt_fill_domain,
  iopt_unfill_domain: iopt.iopt_unfill_domain,
  unfill_one_of_several: iopt.unfill_one_of_several,
  unfillOne: iopt.unfillOne,
  iopt_pages_get_exact_access: access.iopt_pages_get_exact_access,
  iommufd_access_notify_unmap: access.iommufd_access_notify_unmap,
  iopt_revoke_notify: dmabuf.iopt_revoke_notify,
  set_revoked: dmabuf.set_revoked,
  iommu_map: iommu.iommu_map,
  iommu_unmap: iommu.iommu_unmap,
  iommu_unmap_nofail: iommu.iommu_unmap_nofail,
  map_range: table.map_range,
  unmap_range: table.unmap_range,
  unmap_child: table.unmap_child,
  gather_range_pending: iotlb.gather_range_pending,
  map_range_flush: iotlb.map_range_flush,
  iommu_iotlb_gather_init: iotlb.iommu_iotlb_gather_init,
  iommu_iotlb_sync: iotlb.iommu_iotlb_sync,
  amd_iommu_iotlb_sync: iotlb.amd_iommu_iotlb_sync,
  amd_iommu_domain_flush_pages: iotlb.amd_iommu_domain_flush_pages,
  iommu_completion_wait: iotlb.iommu_completion_wait,
  dirty_last_iova: dirty.dirty_last_iova,
  is_no_page_size: dirty.is_no_page_size,
  result_of_for_each: dirty.result_of_for_each,
  flush_dirty: dirty.flush_dirty,
  contig_end_index: ptDirty.contig_end_index,
  record_dirty: ptDirty.record_dirty,
  iova_bitmap_offset_to_index: bitmap.iova_bitmap_offset_to_index,
};
