// IOMMU_IOAS_MAP_FILE and IOMMU_IOAS_UNMAP at the level of areas; what fills and clears them is the policy's.

import {
  type Arch,
  type Policy,
  type Range,
  type Result,
  type Steps,
  call,
  iopt_abort_area,
  iopt_area_begin_unmap,
  iopt_area_ready,
  iopt_insert_area,
} from '../../api/index.ts';

/** iopt_map_file_pages(): reserve the IOVA, fill the domain, publish the area. */
export function makeMapFile(policy: Policy, arch: Arch, gmem_fput: (counted: boolean) => Steps<void>) {
  const { ioas_map_file } = policy;
  return function* iommufd_ioas_map_file(range: Range): Steps<Result> {
    const inserted = yield* iopt_insert_area(range);
    if (inserted !== 0) return inserted;
    const result = ioas_map_file === undefined ? 0 : yield* call(ioas_map_file, range, arch);
    if (result === 0) {
      yield* iopt_area_ready(range);
      return 0;
    }
    yield* iopt_abort_area(range);
    yield* call(gmem_fput, false);
    return result;
  };
}

/** iopt_unmap_iova_range(): area by area, never looking back. */
export function makeUnmap(policy: Policy, arch: Arch, gmem_fput: (counted: boolean) => Steps<void>) {
  const { ioas_unmap } = policy;

  function* iopt_unmap_area(area: Range): Steps<void> {
    if (ioas_unmap !== undefined) yield* call(ioas_unmap, area, arch);
    yield* iopt_abort_area(area);
    yield* call(gmem_fput, false);
  }
  return function* iommufd_ioas_unmap(range: Range): Steps<Result> {
    let start = range.start;
    let unmapped = false;
    while (start < range.end) {
      const area = yield* iopt_area_begin_unmap({ start, end: range.end });
      if (area === 'busy') return '-EBUSY';
      if (area === 'cut') return '-ENOENT';
      if (area === null) break;
      yield* call(iopt_unmap_area, area);
      unmapped = true;
      start = area.end;
    }
    return unmapped ? 0 : '-ENOENT';
  };
}
