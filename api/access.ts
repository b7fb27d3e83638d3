// In-kernel access in steps, and the unmap that asks its driver to let go: iopt_unmap_iova_range() of io_pagetable.c,
// iommufd_access_*() of device.c, and the driver of selftest.c. Whether an access may have a page is the policy's.

import type { Arch, Policy } from './policy.ts';
import {
  type Errno,
  type Result,
  type Steps,
  batch_rw,
  call,
  down_read,
  down_write,
  iommu_iova_to_phys,
  iopt_abort_area,
  iopt_area_begin_unmap,
  iopt_area_contig,
  iopt_area_contig_unpin,
  iopt_area_num_accesses,
  iopt_area_num_accesses_dec,
  iopt_area_num_accesses_inc,
  iopt_area_prevent_access,
  iopt_pages_xa_erase,
  iopt_pages_xa_store,
  lock,
  staccess_items,
  unlock,
  up_read,
  up_write,
} from './steps.ts';
import { type Range, each_page } from './units.ts';

// MODEL: four rounds in place of 100: as many as there can be areas, each of which takes one.
const TRIES_MAX = 4;

const overlap = (area: Range, range: Range): Range => ({
  start: Math.max(area.start, range.start),
  end: Math.min(area.end, range.end),
});

/* ---- giving back ---- */

/** The domain holds the pages: their entries go, and nothing is unpinned. */
export function* iopt_area_remove_access(range: Range): Steps<void> {
  yield* lock('pages_mutex');
  yield* iopt_area_num_accesses_dec(range);
  /* iopt_pages_unfill_xarray() */
  yield* iopt_pages_xa_erase(range);
  yield* unlock('pages_mutex');
}

type RemoveAccess = (range: Range) => Steps<void>;

function* removeAccesses(range: Range, remove_access: RemoveAccess): Steps<void> {
  for (let cur_iova = range.start; cur_iova < range.end;) {
    const area = yield* iopt_area_contig_unpin(cur_iova);
    if (area === null) return;
    yield* call(remove_access, overlap(area, { start: cur_iova, end: range.end }));
    cur_iova = area.end;
  }
}

/** What the driver and iommufd do when pages are given back, with what removes the access of one area. */
export function iommufd_unpin_of(remove_access: RemoveAccess) {
  function* iommufd_access_unpin_pages(range: Range): Steps<void> {
    yield* lock('ioas_lock');
    yield* down_read('iova_rwsem');
    yield* removeAccesses(range, remove_access);
    yield* up_read('iova_rwsem');
    yield* unlock('ioas_lock');
  }
  /** ops->unmap(). */
  function* iommufd_test_access_unmap(range: Range): Steps<void> {
    yield* lock('staccess_lock');
    const item = yield* staccess_items();
    if (item !== null && range.start < item.end && item.start < range.end)
      yield* call(iommufd_access_unpin_pages, item);
    yield* unlock('staccess_lock');
  }
  function* iommufd_access_notify_unmap(range: Range): Steps<void> {
    yield* call(iommufd_test_access_unmap, range);
  }
  function* destroy_access_pages(): Steps<Result> {
    yield* lock('staccess_lock');
    const item = yield* staccess_items();
    if (item !== null) yield* call(iommufd_access_unpin_pages, item);
    yield* unlock('staccess_lock');
    return item === null ? '-ENOENT' : 0;
  }
  return { iommufd_access_notify_unmap, destroy_access_pages };
}

export const { iommufd_access_notify_unmap, destroy_access_pages } =
  iommufd_unpin_of(iopt_area_remove_access);

/* ---- IOMMU_IOAS_UNMAP ---- */

export interface UnmapParts {
  readonly ioas_unmap: Policy['ioas_unmap'];
  readonly iopt_put_pages: () => Steps<void>;
  readonly iommufd_access_notify_unmap: (range: Range) => Steps<void>;
  /** The driver is told with iova_rwsem held: never, in Linux 7.2. */
  readonly notify_locked?: true;
  /** num_accesses is read once, before iova_rwsem is taken: never, in Linux 7.2. */
  readonly looks_unlocked?: true;
}

// MODEL: domains_rwsem is left out: nobody takes it for writing. The pages are put when no lock is held any more.
export function iopt_unmap_of(parts: UnmapParts, arch: Arch) {
  const { ioas_unmap, iopt_put_pages, iommufd_access_notify_unmap: notify_unmap } = parts;

  /** With iova_rwsem held for writing, as it is on return. */
  function* iopt_unmap_area(area: Range): Steps<void> {
    yield* up_write('iova_rwsem');
    if (ioas_unmap !== undefined) yield* call(ioas_unmap, area, arch);
    yield* down_write('iova_rwsem');
    yield* iopt_abort_area(area);
  }
  /** False: the driver does not answer. */
  function* tellDriver(area: Range, tries: number): Steps<boolean> {
    yield* iopt_area_prevent_access(area);
    if (parts.notify_locked !== true) yield* up_write('iova_rwsem');
    yield* call(notify_unmap, area);
    if (parts.notify_locked === true) yield* up_write('iova_rwsem');
    return tries <= TRIES_MAX;
  }
  function* iopt_unmap_iova_range(range: Range): Steps<{ rc: Result; areas: number }> {
    let { start } = range;
    let areas = 0;
    let tries = 0;
    let rc: Result = 0;
    const looks = parts.looks_unlocked !== true || (yield* iopt_area_num_accesses(range)) !== null;
    yield* down_write('iova_rwsem');
    while (start < range.end) {
      const accessed = looks ? yield* iopt_area_num_accesses({ start, end: range.end }) : null;
      if (accessed !== null) {
        if (accessed.start !== start) tries = 0;
        ({ start } = accessed);
        tries++;
        if (!(yield* call(tellDriver, accessed, tries))) return { rc: '-EDEADLOCK', areas };
        yield* down_write('iova_rwsem');
        continue;
      }
      const area = yield* iopt_area_begin_unmap({ start, end: range.end });
      if (area === 'busy') rc = '-EBUSY';
      if (area === 'cut') rc = '-ENOENT';
      if (area === null || area === 'busy' || area === 'cut') break;
      yield* call(iopt_unmap_area, area);
      areas++;
      start = area.end;
    }
    yield* up_write('iova_rwsem');
    return { rc: rc === 0 && areas === 0 ? '-ENOENT' : rc, areas };
  }
  return function* iommufd_ioas_unmap(range: Range): Steps<Result> {
    const { rc, areas } = yield* iopt_unmap_iova_range(range);
    for (let k = 0; k < areas; k++) yield* call(iopt_put_pages);
    return rc;
  };
}

/* ---- the driver ---- */

export interface AccessParts extends Pick<Policy, 'access_page'> {
  /** num_accesses is raised first, and stays where the fill fails: never, in Linux 7.2. */
  readonly counts_first?: true;
}

export function iommufd_access_of({ access_page, counts_first }: AccessParts, arch: Arch) {
  /** iopt_pages_fill_xarray(): all of it is in the domain. */
  function* iopt_pages_fill_xarray(range: Range): Steps<Result> {
    for (const index of each_page(range)) {
      const rc = access_page === undefined ? '-EINVAL' : yield* call(access_page, index, arch);
      if (rc !== 0) {
        yield* iopt_pages_xa_erase(range);
        return rc;
      }
      /* an IOVA without an IOPTE reads as pfn 0 */
      yield* iopt_pages_xa_store(index, (yield* iommu_iova_to_phys(index)) ?? 0);
    }
    return 0;
  }
  function* iopt_area_add_access(range: Range): Steps<Result> {
    if (access_page === undefined) return '-EINVAL';
    yield* lock('pages_mutex');
    if (counts_first === true) yield* iopt_area_num_accesses_inc(range);
    const rc = yield* call(iopt_pages_fill_xarray, range);
    if (rc === 0 && counts_first !== true) yield* iopt_area_num_accesses_inc(range);
    yield* unlock('pages_mutex');
    return rc;
  }
  function* iommufd_access_pin_pages(range: Range): Steps<Result> {
    let rc: Result = 0;
    let cur_iova = range.start;
    yield* lock('ioas_lock');
    yield* down_read('iova_rwsem');
    while (rc === 0 && cur_iova < range.end) {
      const area = yield* iopt_area_contig(cur_iova);
      if (area === null) rc = '-ENOENT';
      else if (area === 'prevented') rc = '-EINVAL';
      else {
        rc = yield* call(iopt_area_add_access, overlap(area, { start: cur_iova, end: range.end }));
        if (rc === 0) cur_iova = Math.min(area.end, range.end);
      }
    }
    if (rc !== 0) yield* removeAccesses({ start: range.start, end: cur_iova }, iopt_area_remove_access);
    yield* up_read('iova_rwsem');
    yield* unlock('ioas_lock');
    return rc;
  }
  function* rwPages(range: Range, write: boolean): Steps<Result> {
    for (const index of each_page(range)) {
      const rc: Errno | 0 = access_page === undefined ? '-EINVAL' : yield* call(access_page, index, arch);
      if (rc !== 0) return rc;
      yield* batch_rw(index, (yield* iommu_iova_to_phys(index)) ?? 0, write);
    }
    return 0;
  }
  function* iopt_pages_rw_slow(range: Range, write: boolean): Steps<Result> {
    if (access_page === undefined) return '-EINVAL';
    yield* lock('pages_mutex');
    const rc = yield* rwPages(range, write);
    yield* unlock('pages_mutex');
    return rc;
  }
  /** Of one page, so of one area. */
  const iommufd_access_rw = (write: boolean) =>
    function* iommufd_access_rw(range: Range): Steps<Result> {
      yield* lock('ioas_lock');
      yield* down_read('iova_rwsem');
      const area = yield* iopt_area_contig(range.start);
      let rc: Result = area === null ? '-ENOENT' : '-EINVAL';
      if (area !== null && area !== 'prevented') rc = yield* call(iopt_pages_rw_slow, range, write);
      yield* up_read('iova_rwsem');
      yield* unlock('ioas_lock');
      return rc;
    };
  return {
    /* the driver's lock is held around the pin, so that an unmap finds what has been pinned */
    *access_pin(range: Range): Steps<Result> {
      yield* lock('staccess_lock');
      let rc: Result = '-EBUSY';
      if ((yield* staccess_items()) === null) rc = yield* call(iommufd_access_pin_pages, range);
      yield* unlock('staccess_lock');
      return rc;
    },
    access_unpin: destroy_access_pages,
    access_read: iommufd_access_rw(false),
    access_write: iommufd_access_rw(true),
  };
}
