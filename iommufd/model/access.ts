// In-kernel access: pin, rw, the unmap callback, and an access that moves to another IOAS. pages.c and device.c.

import { type Contig, contigAreas } from './area.ts';
import { interval_tree_insert, interval_tree_remove } from './interval-tree.ts';
import { IOMMU_READ, IOMMU_WRITE } from './iommu.ts';
import {
  type KArray,
  type Kernel,
  EBUSY,
  EINVAL,
  ENOENT,
  ENOMEM,
  EOVERFLOW,
  EPERM,
  PAGE_SIZE,
  ULONG_MAX,
  check_add,
  oops,
  should_fail,
  warn_on,
} from './kernel.ts';
import {
  type io_pagetable,
  type iommufd_access,
  type iopt_area,
  type iopt_pages,
  type iopt_pages_access,
  iopt_area_iova_to_index,
  iopt_area_last_iova,
  iopt_area_start_byte,
  iopt_is_dmabuf,
  mutex_lock,
  mutex_unlock,
} from './objects.ts';
import { iopt_add_access, iopt_remove_access } from './table.ts';
import { iopt_pages_fill_from_xarray, iopt_pages_fill_xarray, iopt_pages_unfill_xarray } from './xarray.ts';

export const RW_WRITE = 1;

export const iopt_pages_get_exact_access = (
  pages: iopt_pages,
  index: number,
  last: number,
): iopt_pages_access | null =>
  pages.access_itree.nodes.find(({ node }) => node.start === index && node.last === last)?.of ?? null;

/** `at` is where the pages of this area go in the caller's array. */
export function iopt_area_add_access(
  k: Kernel,
  area: iopt_area,
  start_index: number,
  last_index: number,
  out: { readonly pages: KArray<number>; readonly at: number },
  flags: { readonly write: boolean; readonly lock_area: boolean },
): number {
  const { pages } = area;
  if (pages === null) oops(k, 'wild-pointer', 'iopt_area_add_access', 'area->pages is NULL');
  if (flags.write && !pages.writable) return EPERM;
  if (iopt_is_dmabuf(pages)) return EINVAL;
  mutex_lock(k, pages);
  const found = k.fn.iopt_pages_get_exact_access(pages, start_index, last_index);
  let rc = 0;
  if (found !== null) {
    found.users++;
    iopt_pages_fill_from_xarray(k, pages, start_index, last_index, out);
  } else if (should_fail(k, 'kmalloc')) {
    rc = ENOMEM;
  } else {
    rc = iopt_pages_fill_xarray(k, pages, start_index, last_index, out.pages, out.at);
    const node = { start: start_index, last: last_index };
    if (rc === 0) interval_tree_insert(pages.access_itree, node, { node, users: 1 });
  }
  if (rc === 0) {
    area.num_accesses++;
    if (flags.lock_area) area.num_locks++;
  }
  mutex_unlock(pages);
  return rc;
}

export function iopt_area_remove_access(
  k: Kernel,
  area: iopt_area,
  start_index: number,
  last_index: number,
  unlock_area: boolean,
): void {
  const at = 'iopt_area_remove_access';
  const { pages } = area;
  if (pages === null) oops(k, 'wild-pointer', at, 'area->pages is NULL');
  mutex_lock(k, pages);
  const access = k.fn.iopt_pages_get_exact_access(pages, start_index, last_index);
  if (access === null) {
    warn_on(k, true, at, 'no such access');
    mutex_unlock(pages);
    return;
  }
  warn_on(k, area.num_accesses === 0 || access.users === 0, at, 'nobody uses it');
  if (unlock_area) {
    warn_on(k, area.num_locks === 0, at, 'the area is not locked');
    area.num_locks--;
  }
  area.num_accesses--;
  access.users--;
  if (access.users === 0) {
    interval_tree_remove(pages.access_itree, access.node);
    iopt_pages_unfill_xarray(k, pages, access.node.start, access.node.last);
  }
  mutex_unlock(pages);
}

function isAligned(k: Kernel, found: Contig['areas'][number], last_iova: number): boolean {
  const { area, cur_iova } = found;
  if (iopt_area_start_byte(k, area, cur_iova) % PAGE_SIZE !== 0) return false;
  const end = iopt_area_last_iova(area);
  return last_iova <= end || iopt_area_start_byte(k, area, end) % PAGE_SIZE === PAGE_SIZE - 1;
}

export const check_area_prot = (area: iopt_area, write: boolean): boolean =>
  (area.iommu_prot & (write ? IOMMU_WRITE : IOMMU_READ)) !== 0;

export interface Range {
  readonly iova: number;
  readonly length: number;
}

function pinArea(
  k: Kernel,
  access: iommufd_access,
  found: Contig['areas'][number],
  last_iova: number,
  write: boolean,
  out: { readonly pages: KArray<number>; at: number },
): number {
  const { area, cur_iova } = found;
  if (area.prevent_access || !isAligned(k, found, last_iova)) return EINVAL;
  if (!check_area_prot(area, write)) return EPERM;
  const index = iopt_area_iova_to_index(k, area, cur_iova);
  const last_index = iopt_area_iova_to_index(k, area, Math.min(last_iova, iopt_area_last_iova(area)));
  const rc = iopt_area_add_access(k, area, index, last_index, out, { write, lock_area: access.internal });
  if (rc === 0) out.at += last_index - index + 1;
  return rc;
}

function removeAreas(k: Kernel, access: iommufd_access, areas: Contig['areas'], last_iova: number): void {
  for (const { area, cur_iova } of areas)
    iopt_area_remove_access(
      k,
      area,
      iopt_area_iova_to_index(k, area, cur_iova),
      iopt_area_iova_to_index(k, area, Math.min(last_iova, iopt_area_last_iova(area))),
      access.internal,
    );
}

export function iommufd_access_pin_pages(
  k: Kernel,
  access: iommufd_access,
  range: Range,
  out_pages: KArray<number>,
  write: boolean,
): number {
  const bad = access.iova_alignment !== PAGE_SIZE || (!access.internal && access.unmap === null);
  if (warn_on(k, bad, 'iommufd_access_pin_pages', 'an access that cannot pin')) return EINVAL;
  if (range.length === 0) return EINVAL;
  const last_iova = check_add(range.iova, range.length - 1);
  if (last_iova === null) return EOVERFLOW;
  if (access.ioas === null) return ENOENT;
  const { areas, done } = contigAreas(access.ioas, range.iova, last_iova);
  const out = { pages: out_pages, at: 0 };
  let rc = 0;
  for (const [i, found] of areas.entries()) {
    rc = pinArea(k, access, found, last_iova, write, out);
    if (rc === 0) continue;
    removeAreas(k, access, areas.slice(0, i), last_iova);
    return rc;
  }
  if (done) return 0;
  removeAreas(k, access, areas, last_iova);
  return ENOENT;
}

export function iommufd_access_unpin_pages(k: Kernel, access: iommufd_access, range: Range): void {
  const at = 'iommufd_access_unpin_pages';
  const last_iova = check_add(range.iova, range.length - 1);
  if (warn_on(k, range.length === 0 || last_iova === null, at, 'a bad range') || last_iova === null) return;
  if (warn_on(k, access.ioas_unpin === null, at, 'not attached') || access.ioas_unpin === null) return;
  const { areas, done } = contigAreas(access.ioas_unpin, range.iova, last_iova);
  removeAreas(k, access, areas, last_iova);
  warn_on(k, !done, at, 'the range has a hole');
}

/** Each access that is not the kernel's own is told; it unpins before it returns. */
export function iommufd_access_notify_unmap(
  k: Kernel,
  iopt: io_pagetable,
  iova: number,
  length: number,
): void {
  for (const access of iopt.access_list.slice()) {
    if (access.internal) continue;
    /* ops->unmap is not tested for NULL (U5). */
    if (access.unmap === null)
      oops(k, 'wild-pointer', 'iommufd_access_notify_unmap', `access ${access.id} has no ops->unmap`);
    access.unmap(iova, length);
  }
}

/** iommufd_access_change_ioas(): attach, replace, detach. */
export function iommufd_access_change_ioas(
  k: Kernel,
  access: iommufd_access,
  new_ioas: io_pagetable | null,
): number {
  const cur_ioas = access.ioas;
  if (cur_ioas !== access.ioas_unpin) return EBUSY;
  if (cur_ioas === new_ioas) return 0;
  access.ioas = null;
  if (new_ioas !== null) {
    const rc = iopt_add_access(k, new_ioas, access);
    if (rc !== 0) {
      access.ioas = cur_ioas;
      return rc;
    }
  }
  if (cur_ioas !== null) {
    access.unmap?.(0, ULONG_MAX);
    iopt_remove_access(k, cur_ioas, access);
  }
  access.ioas = new_ioas;
  access.ioas_unpin = new_ioas;
  return 0;
}
