// Every assertion of pages.c, io_pagetable.c and device.c that this level knows: the function that has it, and
// what it says. One that fires breaks no-kernel-warn, with the function as the place.

export interface KernelWarn {
  readonly at: string;
  readonly says: string;
}

const warn = (at: string, says: string): KernelWarn => ({ at, says });

export const WARNS: readonly KernelWarn[] = [
  warn('iopt_pages_add_npinned', 'npinned does not exceed npages'),
  warn('iopt_pages_sub_npinned', 'npinned does not fall below 0'),
  warn('iopt_area_index_to_iova', 'the index is inside the area'),
  warn('iopt_area_index_to_iova_last', 'the index is inside the area'),
  warn('iopt_area_start_byte', 'the IOVA is inside the area'),
  warn('iommu_unmap_nofail', 'iommu_unmap() removes exactly what it was asked for'),
  warn('temp_kmalloc', 'something is asked for'),
  warn('__batch_init', 'there is room for one run'),
  warn('batch_clear_carry', 'the carry is not longer than the last run'),
  warn('batch_skip_carry', 'the carry is one run'),
  warn('batch_iommu_map_small', 'address and size are of whole pages'),
  warn('batch_from_xarray', 'the slot has a pfn'),
  warn('batch_from_xarray_clear', 'the slot has a pfn'),
  warn('iopt_pages_fill_from_xarray', 'the slot has a pfn'),
  warn('pages_to_xarray', 'the slot is empty'),
  warn('pfn_reader_user_pin', 'the range is not empty, and something is pinned'),
  warn('pfn_reader_first', 'the range is not empty'),
  warn('pfn_reader_next', 'each fill makes progress, and the spans last as long as the range'),
  warn('pfn_reader_fill_span', 'the span is not behind, and a domain area exists where the tree says so'),
  warn('iopt_pages_fill_from_domain', 'a domain area exists where the tree says so'),
  warn('pfn_reader_dmabuf_init', 'the dma-buf is not revoked'),
  warn('decr_user_locked_vm', 'locked_vm has what is taken from it'),
  warn('update_unpinned', 'npinned is not above last_npinned'),
  warn('pfn_reader_destroy', 'last_npinned is npinned'),
  warn('iopt_release_pages', 'trees, xarray, tracker are empty and npinned is 0'),
  warn('iopt_area_unpin_domain', 'the carry ends where the unmap has, and nothing is read beyond the area'),
  warn('__iopt_area_unfill_domain', 'no carry is left, and no revoked dma-buf gets here'),
  warn('iopt_dmabuf_track_domain', 'no pair is tracked twice'),
  warn('iopt_dmabuf_untrack_domain', 'the pair is tracked'),
  warn('iopt_dmabuf_track_all_domains', 'the area is not tracked yet'),
  warn('iopt_area_unfill_domains', 'pages_node is linked'),
  warn('iopt_pages_rw_slow', 'the whole length is copied'),
  warn('iopt_area_remove_access', 'the access is there and used, and a lock is held where one is dropped'),
  warn('iopt_alloc_area_pages', 'an IOVA that was allocated is free'),
  warn('iopt_insert_area', 'the last index is one of the pages'),
  warn('iopt_abort_area', 'the area has no pages any more'),
  warn('iopt_unmap_iova_range', 'at most 100 tries'),
  warn('iopt_destroy_table', 'nothing is left in the table'),
  warn('iopt_unfill_domain', 'a storage domain is set, and the last domain is it'),
  warn('iopt_fill_domain', 'only the first domain finds areas without a storage domain'),
  warn('iopt_table_add_domain', 'the domain is not attached yet'),
  warn('iopt_table_remove_domain', 'the domain is attached, and the alignment can be lowered'),
  warn('iopt_check_iova_alignment', 'no access needs more than the new alignment'),
  warn('iopt_area_split', 'both halves fit where the whole did'),
  warn('iopt_enable_large_pages', 'the alignment can be lowered'),
  warn('iopt_remove_access', 'the access is listed'),
  warn('iommufd_access_unpin_pages', 'the range is good, attached, and without a hole'),
  warn('iommufd_access_pin_pages', 'the access can pin'),
  warn('iommufd_ioas_change_process', 'uncharging does not fail'),
  warn('map_range', 'what is mapped is what was asked for (PT_WARN_ON)'),
  warn(
    'update_mm_locked_vm',
    'mmap_lock is taken of an mm that has mm_users (ours: the kernel does not test it)',
  ),
];
