// io_pagetable and its domains: attach, detach, alignment, options, reserved and allowed ranges.

import { iopt_dmabuf_track_domain, iopt_dmabuf_untrack_domain } from './dmabuf.ts';
import { iopt_area_fill_domain, iopt_area_unfill_domain, iopt_area_unmap_domain } from './domain.ts';
import {
  interval_tree_insert,
  interval_tree_iter_first,
  interval_tree_remove,
  type interval_tree_node,
} from './interval-tree.ts';
import type { iommu_domain } from './iommu.ts';
import {
  type Kernel,
  EADDRINUSE,
  EEXIST,
  EINVAL,
  ENOMEM,
  PAGE_SIZE,
  ULONG_MAX,
  isAligned,
  should_fail,
  warn_on,
} from './kernel.ts';
import {
  type io_pagetable,
  type iommufd_access,
  type iopt_area,
  type iopt_pages,
  iopt_area_iova,
  iopt_area_length,
  iopt_areas,
  iopt_is_dmabuf,
  mutex_lock,
  mutex_unlock,
} from './objects.ts';

const allAreas = (iopt: io_pagetable): iopt_area[] => iopt_areas(iopt, 0, ULONG_MAX);

/** Another domain remains: it becomes the storage before the departing one is unmapped. */
export function unfill_one_of_several(
  k: Kernel,
  area: iopt_area,
  pages: iopt_pages,
  domain: iommu_domain,
  storage_domain: iommu_domain,
): void {
  mutex_lock(k, pages);
  warn_on(k, area.storage_domain === null, 'iopt_unfill_domain', 'no storage domain');
  if (area.storage_domain === domain) area.storage_domain = storage_domain;
  if (iopt_is_dmabuf(pages)) {
    if (!k.fn.skips_revoked(pages)) iopt_area_unmap_domain(k, area, domain);
    iopt_dmabuf_untrack_domain(k, pages, area, domain);
  }
  mutex_unlock(pages);
  if (!iopt_is_dmabuf(pages)) iopt_area_unmap_domain(k, area, domain);
}

/** The domain has left iopt.domains already. */
export function iopt_unfill_domain(k: Kernel, iopt: io_pagetable, domain: iommu_domain): void {
  for (const area of allAreas(iopt)) {
    const { pages } = area;
    if (pages === null) continue;
    if (iopt.domains.length > 0) {
      k.fn.unfill_one_of_several(k, area, pages, domain, iopt.domains[0]);
      continue;
    }
    mutex_lock(k, pages);
    interval_tree_remove(pages.domains_itree, area.pages_node);
    warn_on(k, area.storage_domain !== domain, 'iopt_unfill_domain', 'the last domain is not the storage');
    area.storage_domain = null;
    iopt_area_unfill_domain(k, area, pages, domain);
    if (iopt_is_dmabuf(pages)) iopt_dmabuf_untrack_domain(k, pages, area, domain);
    mutex_unlock(pages);
  }
}

function fillOne(k: Kernel, area: iopt_area, pages: iopt_pages, domain: iommu_domain): number {
  mutex_lock(k, pages);
  let rc = iopt_is_dmabuf(pages) ? iopt_dmabuf_track_domain(k, pages, area, domain) : 0;
  if (rc === 0) {
    rc = iopt_area_fill_domain(k, area, pages, domain);
    if (rc !== 0 && iopt_is_dmabuf(pages)) iopt_dmabuf_untrack_domain(k, pages, area, domain);
  }
  if (rc === 0 && area.storage_domain === null) {
    warn_on(k, area.iopt.domains.length > 0, 'iopt_fill_domain', 'no storage though there is a domain');
    area.storage_domain = domain;
    interval_tree_insert(pages.domains_itree, area.pages_node, area);
  }
  mutex_unlock(pages);
  return rc;
}

function unfillOne(k: Kernel, area: iopt_area, pages: iopt_pages, domain: iommu_domain): void {
  mutex_lock(k, pages);
  if (area.iopt.domains.length === 0) {
    interval_tree_remove(pages.domains_itree, area.pages_node);
    area.storage_domain = null;
  }
  iopt_area_unfill_domain(k, area, pages, domain);
  if (iopt_is_dmabuf(pages)) iopt_dmabuf_untrack_domain(k, pages, area, domain);
  mutex_unlock(pages);
}

/** On failure the domain is left unchanged. */
export function iopt_fill_domain(k: Kernel, iopt: io_pagetable, domain: iommu_domain): number {
  const areas = allAreas(iopt);
  for (const [done, area] of areas.entries()) {
    if (area.pages === null) continue;
    const rc = fillOne(k, area, area.pages, domain);
    if (rc === 0) continue;
    for (const undo of areas.slice(0, done))
      if (undo.pages !== null) k.fn.unfillOne(k, undo, undo.pages, domain);
    return rc;
  }
  return 0;
}
export { unfillOne };

function iopt_check_iova_alignment(k: Kernel, iopt: io_pagetable, alignment: number): number {
  for (const area of allAreas(iopt))
    if (
      !isAligned(iopt_area_iova(area), alignment) ||
      !isAligned(iopt_area_length(area), alignment) ||
      !isAligned(area.page_offset, alignment)
    )
      return EADDRINUSE;
  const beyond = iopt.access_list.some((access) => access.iova_alignment > alignment);
  return warn_on(k, beyond, 'iopt_check_iova_alignment', 'an access needs more') ? EADDRINUSE : 0;
}

export function iopt_reserve_iova(
  k: Kernel,
  iopt: io_pagetable,
  start: number,
  last: number,
  owner: unknown,
): number {
  if (interval_tree_iter_first(iopt.area_itree, start, last) !== null) return EADDRINUSE;
  if (interval_tree_iter_first(iopt.allowed_itree, start, last) !== null) return EADDRINUSE;
  if (should_fail(k, 'kmalloc')) return ENOMEM;
  const node = { start, last };
  interval_tree_insert(iopt.reserved_itree, node, { node, owner });
  return 0;
}

export function iopt_remove_reserved_iova(iopt: io_pagetable, owner: unknown): void {
  for (const { of } of iopt.reserved_itree.nodes.slice())
    if (of.owner === owner) interval_tree_remove(iopt.reserved_itree, of.node);
}

/** The whole list at once, or none of it. */
export function iopt_set_allow_iova(
  iopt: io_pagetable,
  ranges: readonly (readonly [number, number])[],
): number {
  for (const [i, [start, last]] of ranges.entries()) {
    if (start >= last) return EINVAL;
    if (ranges.slice(0, i).some((other) => other[0] <= last && other[1] >= start)) return EINVAL;
  }
  if (ranges.some(([start, last]) => interval_tree_iter_first(iopt.reserved_itree, start, last) !== null))
    return EADDRINUSE;
  iopt.allowed_itree.nodes.length = 0;
  for (const [start, last] of ranges) {
    const node: interval_tree_node = { start, last };
    interval_tree_insert(iopt.allowed_itree, node, node);
  }
  return 0;
}

const minPgsize = (domain: iommu_domain): number => 2 ** domain.pgsizes[0];

function reserveOutsideOf(k: Kernel, iopt: io_pagetable, domain: iommu_domain): number {
  const { aperture_start, aperture_end } = domain;
  const rc = aperture_start === 0 ? 0 : iopt_reserve_iova(k, iopt, 0, aperture_start - 1, domain);
  if (rc !== 0 || aperture_end === ULONG_MAX) return rc;
  return iopt_reserve_iova(k, iopt, aperture_end + 1, ULONG_MAX, domain);
}

export function iopt_table_add_domain(k: Kernel, iopt: io_pagetable, domain: iommu_domain): number {
  if (warn_on(k, iopt.domains.includes(domain), 'iopt_table_add_domain', 'attached already')) return EEXIST;
  const alignment = Math.max(minPgsize(domain), iopt.iova_alignment);
  if (alignment > PAGE_SIZE) return EINVAL;
  if (alignment !== iopt.iova_alignment) {
    const rc = iopt_check_iova_alignment(k, iopt, alignment);
    if (rc !== 0) return rc;
  }
  let rc = reserveOutsideOf(k, iopt, domain);
  if (rc === 0) rc = k.fn.iopt_fill_domain(k, iopt, domain);
  if (rc !== 0) {
    iopt_remove_reserved_iova(iopt, domain);
    return rc;
  }
  iopt.iova_alignment = alignment;
  iopt.domains.push(domain);
  return 0;
}

function iopt_calculate_iova_alignment(k: Kernel, iopt: io_pagetable): number {
  const alignment = Math.max(
    iopt.disable_large_pages ? PAGE_SIZE : 1,
    ...iopt.domains.map(minPgsize),
    ...iopt.access_list.map((access) => access.iova_alignment),
  );
  if (alignment > iopt.iova_alignment) {
    const rc = iopt_check_iova_alignment(k, iopt, alignment);
    if (rc !== 0) return rc;
  }
  iopt.iova_alignment = alignment;
  return 0;
}

export function iopt_table_remove_domain(k: Kernel, iopt: io_pagetable, domain: iommu_domain): void {
  const at = 'iopt_table_remove_domain';
  const index = iopt.domains.indexOf(domain);
  if (warn_on(k, index < 0, at, 'not attached')) return;
  /* The tail takes the place of the one that leaves. */
  const tail = iopt.domains.pop();
  if (tail !== undefined && index < iopt.domains.length) iopt.domains[index] = tail;
  k.fn.iopt_unfill_domain(k, iopt, domain);
  iopt_remove_reserved_iova(iopt, domain);
  warn_on(k, iopt_calculate_iova_alignment(k, iopt) !== 0, at, 'the alignment cannot be lowered');
}

/** IOMMU_OPTION_HUGE_PAGES of 0. */
export function iopt_disable_large_pages(k: Kernel, iopt: io_pagetable): number {
  if (iopt.disable_large_pages) return 0;
  if (iopt.domains.length > 0 && iopt.area_itree.nodes.length > 0) return EINVAL;
  iopt.disable_large_pages = true;
  const rc = iopt_calculate_iova_alignment(k, iopt);
  if (rc !== 0) iopt.disable_large_pages = false;
  return rc;
}

export function iopt_enable_large_pages(k: Kernel, iopt: io_pagetable): void {
  iopt.disable_large_pages = false;
  warn_on(
    k,
    iopt_calculate_iova_alignment(k, iopt) !== 0,
    'iopt_enable_large_pages',
    'the alignment does not fit',
  );
}

export function iopt_add_access(k: Kernel, iopt: io_pagetable, access: iommufd_access): number {
  if (should_fail(k, 'kmalloc')) return ENOMEM;
  iopt.access_list.push(access);
  const rc = iopt_calculate_iova_alignment(k, iopt);
  if (rc !== 0) iopt.access_list.pop();
  return rc;
}

export function iopt_remove_access(k: Kernel, iopt: io_pagetable, access: iommufd_access): void {
  const at = iopt.access_list.indexOf(access);
  if (!warn_on(k, at < 0, 'iopt_remove_access', 'not listed')) iopt.access_list.splice(at, 1);
  warn_on(
    k,
    iopt_calculate_iova_alignment(k, iopt) !== 0,
    'iopt_remove_access',
    'the alignment does not fit',
  );
}

export function iopt_destroy_table(k: Kernel, iopt: io_pagetable): void {
  const at = 'iopt_destroy_table';
  warn_on(k, iopt.reserved_itree.nodes.length > 0, at, 'reserved_itree is not empty');
  warn_on(k, iopt.domains.length > 0, at, 'a domain is attached');
  warn_on(k, iopt.access_list.length > 0, at, 'an access is attached');
  warn_on(k, iopt.area_itree.nodes.length > 0, at, 'area_itree is not empty');
}
