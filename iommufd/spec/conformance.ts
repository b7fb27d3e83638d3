// The tests of tools/testing/selftests/iommu, and what of them is tested here. `covered` names a test of
// conformance.test.ts that begins with the id.

export interface ConformanceRow {
  readonly id: string;
  readonly selftest: string;
  readonly here: string;
  readonly covered: boolean;
}

const row = (id: string, selftest: string, here: string): ConformanceRow => ({
  id,
  selftest,
  here,
  covered: true,
});
const none = (id: string, selftest: string, why: string): ConformanceRow => ({
  id,
  selftest,
  here: `not applicable: ${why}`,
  covered: false,
});

export const CONFORMANCE: readonly ConformanceRow[] = [
  none('S01', 'cmd_fail, cmd_length, cmd_ex_fail', 'copying of ioctl structures is not modelled'),
  none('S02', 'global_options', 'the context and its options are not objects here'),
  row('S03', 'change_process.basic', 'file mapping moves pinned_vm and locked_vm; user memory is -EINVAL'),
  none('S04', 'ioas_auto_destroy, ioas_destroy', 'object lifetimes are not modelled'),
  row('S05', 'ioas_area_destroy', 'unmap of all, then the table is empty'),
  row('S06', 'area', 'unmap of nothing, of a half, overlap in five shapes, unmap of all twice'),
  row('S07', 'unmap_fully_contained_areas', 'a range that cuts an area is -ENOENT, a superset unmaps all'),
  row('S08', 'area_auto_iova', 'alignment, reserved and allowed ranges'),
  row('S09', 'reserved_overflow', 'no room is -ENOSPC, without a wrap'),
  row('S10', 'area_allowed', 'allowed against reserved, both ways; a fixed IOVA is not asked'),
  row('S11', 'copy_area, copy_sweep', 'within and between IOASes, sub-ranges, beyond the end'),
  none('S12', 'iova_ranges', 'IOVA_RANGES is not modelled'),
  row('S13', 'access_domain_destory', 'an access of one page of a huge page while the domain goes'),
  row('S14', 'access_pin', 'single and double users, a domain that comes and goes, CHECK_MAP'),
  row('S15', 'access_pin_unmap', 'the unmap calls the driver, which unpins'),
  row('S16', 'access_rw, access_rw_unaligned', 'byte for byte over page borders, fast and slow'),
  row('S17', 'fork_gone', 'from domain to domain; without one -EFAULT'),
  row('S18', 'fork_present', 'pin of a remote mm'),
  row(
    'S19',
    'ioas_option_huge_pages, ioas_align_change',
    'misaligned map -EINVAL, misaligned area -EADDRINUSE',
  ),
  row('S20', 'ioas_iova_alloc', 'lengths up to two pages; not of 2K is -EINVAL with a domain'),
  row('S21', 'dmabuf_simple', 'length of 0, start and length beyond the end'),
  row('S22', 'dmabuf_revoke', 'attach after revoke, map -ENODEV, after un-revoke only a new map'),
  row('S23', 'mock_domain.basic', '-EFAULT half-way, file beyond its end and truncated'),
  none('S24', 'ro_unshare', 'copy on write is not modelled'),
  row('S25', 'all_aligns', 'every start and end in steps of 2K: map and pins'),
  row('S26', 'all_aligns_copy', 'the same with a second domain that comes and goes'),
  row('S27', 'user_copy', 'access in an IOAS without a domain, copied to one with, replaced'),
  none('S28', 'replace, hwpt_attach, alloc_hwpt', 'HWPTs and devices are not modelled'),
  row(
    'S29',
    'dirty_tracking',
    'in part: get_dirty_bitmap, get_dirty_bitmap_no_clear, set_dirty_tracking; no devices, so no capability of one',
  ),
  row(
    'S30',
    'vfio_compat map, huge_map',
    'unmap of nothing, all, and a larger map cut into 16 pieces in any order',
  ),
  row('F1', 'fail_nth basic', 'each point of failure of copy and map without a domain'),
  row('F2', 'fail_nth map_domain', 'each point of failure of attach, map, attach'),
  row('F3', 'fail_nth map_file_domain', 'each point of failure with a memfd, of large folios too'),
  row('F4', 'fail_nth map_two_domains', 'each point of failure with two domains'),
  row('F5', 'fail_nth access_rw', 'each point of failure of fast, slow and large copies'),
  row('F6', 'fail_nth access_pin', 'each point of failure of a pin without a domain'),
  row('F7', 'fail_nth access_pin_domain', 'each point of failure of a pin with a domain that goes'),
  none('F8', 'fail_nth device', 'devices and HWPTs are not modelled'),
];
