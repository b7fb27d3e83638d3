// iopt_unmap_iova_range() with its retry rules, and iopt_area_split().

import { iopt_abort_area, iopt_area_alloc } from './area.ts';
import { iopt_insert_area } from './area-iova.ts';
import { iopt_area_unfill_domains } from './domain.ts';
import { interval_tree_insert, interval_tree_iter_first, interval_tree_remove } from './interval-tree.ts';
import {
  type Kernel,
  EBUSY,
  EDEADLOCK,
  EINVAL,
  ENOENT,
  ENOMEM,
  EOPNOTSUPP,
  EOVERFLOW,
  ULONG_MAX,
  check_add,
  isAligned,
  warn_on,
} from './kernel.ts';
import {
  type io_pagetable,
  type iopt_area,
  iopt_area_iova,
  iopt_area_last_iova,
  iopt_area_length,
  iopt_area_start_byte,
  iopt_is_dmabuf,
  mutex_lock,
  mutex_unlock,
} from './objects.ts';
import { iopt_put_pages } from './pages.ts';

export interface Unmapped {
  readonly rc: number;
  readonly unmapped: number;
}

/** Refusals of one area, in the order in which they are tested. */
export function refuses(k: Kernel, area: iopt_area, start: number, last: number): number {
  if (area.pages === null) return EBUSY;
  if (k.fn.is_locked(area)) return EBUSY;
  if (iopt_area_iova(area) < start || iopt_area_last_iova(area) > last) return ENOENT;
  return 0;
}

/** num_locks: an object that has not been destroyed uses the area. */
export const is_locked = (area: iopt_area): boolean => area.num_locks > 0;

/** One area leaves: its IOVA can be taken again only when it is unmapped everywhere. */
export function unmap_area(k: Kernel, area: iopt_area): void {
  const { pages } = area;
  if (pages === null) return;
  area.pages = null;
  iopt_area_unfill_domains(k, area, pages);
  iopt_abort_area(k, area);
  iopt_put_pages(k, pages);
}

const TRIES_MAX = 100;

export function iopt_unmap_iova_range(k: Kernel, iopt: io_pagetable, from: number, last: number): Unmapped {
  let start = from;
  let unmapped = 0;
  let tries = 0;
  for (;;) {
    const area = interval_tree_iter_first(iopt.area_itree, start, last);
    if (area === null) return { rc: 0, unmapped };
    const area_first = iopt_area_iova(area);
    const area_last = iopt_area_last_iova(area);
    const rc = refuses(k, area, start, last);
    if (rc !== 0) return { rc, unmapped };
    if (area_first !== start) tries = 0;
    if (area.num_accesses > 0) {
      start = area_first;
      area.prevent_access = true;
      k.fn.iommufd_access_notify_unmap(k, iopt, area_first, iopt_area_length(area));
      tries++;
      if (warn_on(k, tries > TRIES_MAX, 'iopt_unmap_iova_range', 'no answer to unmap requests'))
        return { rc: EDEADLOCK, unmapped };
      continue;
    }
    k.fn.unmap_area(k, area);
    unmapped += area_last - area_first + 1;
    if (area_last >= last) return { rc: 0, unmapped };
    start = area_last + 1;
  }
}

export function iopt_unmap_iova(k: Kernel, iopt: io_pagetable, iova: number, length: number): Unmapped {
  if (length === 0) return { rc: EINVAL, unmapped: 0 };
  const last = check_add(iova, length - 1);
  if (last === null) return { rc: EOVERFLOW, unmapped: 0 };
  return iopt_unmap_iova_range(k, iopt, iova, last);
}

export const iopt_unmap_all = (k: Kernel, iopt: io_pagetable): Unmapped =>
  iopt_unmap_iova_range(k, iopt, 0, ULONG_MAX);

/** Nothing to do: `iova` would be the last of a half. */
export const is_no_cut = (area: iopt_area, iova: number): boolean =>
  iova === iopt_area_iova(area) || iova === iopt_area_last_iova(area);

function mayNotSplit(k: Kernel, area: iopt_area, new_start: number): number {
  const alignment = area.iopt.iova_alignment;
  if (area.pages === null || area.prevent_access) return EBUSY;
  if (iopt_is_dmabuf(area.pages)) return EOPNOTSUPP;
  if (!isAligned(new_start, alignment) || !isAligned(iopt_area_start_byte(k, area, new_start), alignment))
    return EINVAL;
  return 0;
}

function insertHalf(k: Kernel, area: iopt_area, half: iopt_area, start: number, last: number): number {
  if (area.pages === null) return EBUSY;
  const rc = iopt_insert_area(
    k,
    area.iopt,
    half,
    area.pages,
    start,
    iopt_area_start_byte(k, area, start),
    last - start + 1,
    area.iommu_prot,
  );
  warn_on(k, rc !== 0, 'iopt_area_split', 'a half does not fit where the whole did');
  return rc;
}

/** Both halves keep the same pages; iova becomes the last of the first. */
export function iopt_area_split(k: Kernel, area: iopt_area, iova: number): number {
  if (k.fn.is_no_cut(area, iova)) return 0;
  const refused = mayNotSplit(k, area, iova + 1);
  if (refused !== 0) return refused;
  const { iopt, pages } = area;
  const lhs = iopt_area_alloc(k, iopt);
  const rhs = lhs === null ? null : iopt_area_alloc(k, iopt);
  if (lhs === null || rhs === null || pages === null) return ENOMEM;
  mutex_lock(k, pages);
  if (area.num_accesses > 0 || (area.storage_domain !== null && !iopt.disable_large_pages)) {
    mutex_unlock(pages);
    return EINVAL;
  }
  interval_tree_remove(iopt.area_itree, area.node);
  const start = iopt_area_iova(area);
  const last = iopt_area_last_iova(area);
  insertHalf(k, area, lhs, start, iova);
  insertHalf(k, area, rhs, iova + 1, last);
  if (area.storage_domain !== null) {
    interval_tree_remove(pages.domains_itree, area.pages_node);
    interval_tree_insert(pages.domains_itree, lhs.pages_node, lhs);
    interval_tree_insert(pages.domains_itree, rhs.pages_node, rhs);
  }
  for (const half of [lhs, rhs]) {
    half.storage_domain = area.storage_domain;
    half.pages = pages;
  }
  pages.kref++;
  mutex_unlock(pages);
  return 0;
}

export function iopt_cut_iova(k: Kernel, iopt: io_pagetable, iovas: readonly number[]): number {
  for (const iova of iovas) {
    const area = interval_tree_iter_first(iopt.area_itree, iova, iova);
    const rc = area === null ? 0 : iopt_area_split(k, area, iova);
    if (rc !== 0) return rc;
  }
  return 0;
}
