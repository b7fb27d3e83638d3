// IOMMU_IOAS_MAP_FILE and IOMMU_IOAS_UNMAP at the level of areas; what fills and clears them is the policy's. With
// cast domains also attach and detach of the domain: iopt_table_add_domain(), iopt_table_remove_domain().

import {
  type Arch,
  type Policy,
  type Range,
  type Result,
  type Steps,
  call,
  down_read,
  down_write,
  iopt_abort_area,
  iopt_area_begin_unmap,
  iopt_area_iter,
  iopt_area_ready,
  iopt_has_domain,
  iopt_insert_area,
  iopt_set_domain,
  up_read,
  up_write,
} from '../../api/index.ts';

/** iopt_map_file_pages(): reserve the IOVA, fill the domain, publish the area. */
export function makeMapFile(policy: Policy, arch: Arch, iopt_put_pages: () => Steps<void>) {
  const { ioas_map_file } = policy;
  const attaches = arch.attaches === true;
  const accesses = arch.accesses === true;

  /** iopt_fill_domains_pages(): nothing to do, and nothing looked up, as long as there is no domain. */
  function* fill(range: Range): Steps<Result> {
    if (ioas_map_file === undefined || (attaches && !(yield* iopt_has_domain()))) return 0;
    return yield* call(ioas_map_file, range, arch);
  }
  return function* iommufd_ioas_map_file(range: Range): Steps<Result> {
    const inserted = yield* iopt_insert_area(range);
    if (inserted !== 0) return inserted;
    if (attaches) yield* down_read('domains_rwsem');
    const result = yield* fill(range);
    if (result === 0) {
      /* inside domains_rwsem: any domain that comes later finds the area */
      if (attaches || accesses) yield* down_write('iova_rwsem');
      yield* iopt_area_ready(range);
      if (attaches || accesses) yield* up_write('iova_rwsem');
    }
    if (attaches) yield* up_read('domains_rwsem');
    if (result === 0) return 0;
    yield* iopt_abort_area(range);
    yield* call(iopt_put_pages);
    return result;
  };
}

/** iopt_unmap_iova_range(): area by area, never looking back. */
export function makeUnmap(policy: Policy, arch: Arch, iopt_put_pages: () => Steps<void>) {
  const { ioas_unmap } = policy;
  const attaches = arch.attaches === true;

  function* iopt_unmap_area(area: Range): Steps<void> {
    if (ioas_unmap !== undefined && !(attaches && !(yield* iopt_has_domain())))
      yield* call(ioas_unmap, area, arch);
    yield* iopt_abort_area(area);
    if (!attaches) yield* call(iopt_put_pages);
  }
  function* iopt_unmap_iova_range(range: Range): Steps<{ rc: Result; areas: number }> {
    let start = range.start;
    let areas = 0;
    while (start < range.end) {
      const area = yield* iopt_area_begin_unmap({ start, end: range.end });
      if (area === 'busy') return { rc: '-EBUSY', areas };
      if (area === 'cut') return { rc: '-ENOENT', areas };
      if (area === null) break;
      yield* call(iopt_unmap_area, area);
      areas++;
      start = area.end;
    }
    return { rc: areas > 0 ? 0 : '-ENOENT', areas };
  }
  return function* iommufd_ioas_unmap(range: Range): Steps<Result> {
    if (attaches) yield* down_read('domains_rwsem');
    const { rc, areas } = yield* iopt_unmap_iova_range(range);
    if (attaches) {
      yield* up_read('domains_rwsem');
      /* the last fput() is task work: the file is released when no lock is held any more */
      for (let k = 0; k < areas; k++) yield* call(iopt_put_pages);
    }
    return rc;
  };
}

/** Attach of the one domain: it gets all areas that have pages, or none. */
export function makeAttach(policy: Policy, arch: Arch) {
  const { ioas_map_file, ioas_unmap } = policy;

  function* iopt_fill_domain(range: Range): Steps<Result> {
    let area = yield* iopt_area_iter(range);
    while (area !== null && ioas_map_file !== undefined) {
      const rc = yield* call(ioas_map_file, area, arch);
      if (rc !== 0) {
        yield* call(iopt_unfill_domain, { start: range.start, end: area.start });
        return rc;
      }
      area = yield* iopt_area_iter({ start: area.end, end: range.end });
    }
    return 0;
  }
  function* iopt_unfill_domain(range: Range): Steps<void> {
    let area = yield* iopt_area_iter(range);
    while (area !== null) {
      if (ioas_unmap !== undefined) yield* call(ioas_unmap, area, arch);
      area = yield* iopt_area_iter({ start: area.end, end: range.end });
    }
  }
  return {
    *iopt_table_add_domain(range: Range): Steps<Result> {
      yield* down_write('domains_rwsem');
      yield* down_write('iova_rwsem');
      let rc: Result = (yield* iopt_has_domain()) ? '-EEXIST' : 0;
      if (rc === 0) rc = yield* call(iopt_fill_domain, range);
      if (rc === 0) yield* iopt_set_domain(true);
      yield* up_write('iova_rwsem');
      yield* up_write('domains_rwsem');
      return rc;
    },
    *iopt_table_remove_domain(range: Range): Steps<Result> {
      yield* down_write('domains_rwsem');
      yield* down_write('iova_rwsem');
      const attached = yield* iopt_has_domain();
      if (attached) {
        yield* iopt_set_domain(false);
        yield* call(iopt_unfill_domain, range);
      }
      yield* up_write('iova_rwsem');
      yield* up_write('domains_rwsem');
      return attached ? 0 : '-ENOENT';
    },
  };
}
