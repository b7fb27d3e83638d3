// Areas into domains and out of them: pages.c, iopt_area_fill_domain(s)() and iopt_area_unfill_domain(s)().

import { batch_init_backup, type pfn_batch, batch_skip_carry } from './batch.ts';

import { track_all_domains, untrack_all_domains } from './dmabuf.ts';
import {
  interval_tree_double_span_iter_first,
  interval_tree_double_span_iter_next,
  interval_tree_insert,
  interval_tree_remove,
} from './interval-tree.ts';
import type { iommu_domain } from './iommu.ts';
import { type Kernel, warn_on } from './kernel.ts';
import {
  type iopt_area,
  type iopt_pages,
  iopt_area_index,
  iopt_area_index_to_iova,
  iopt_area_index_to_iova_last,
  iopt_area_iova,
  iopt_area_last_index,
  iopt_area_length,
  iopt_dmabuf_revoked,
  iopt_is_dmabuf,
  mutex_lock,
  mutex_unlock,
} from './objects.ts';
import { update_unpinned } from './pages.ts';
import {
  type pfn_reader,
  pfn_reader_destroy,
  pfn_reader_done,
  pfn_reader_first,
  pfn_reader_next,
  pfn_reader_update_pinned,
} from './pfn-reader.ts';

export function iopt_area_unmap_domain_range(
  k: Kernel,
  area: iopt_area,
  domain: iommu_domain,
  start_index: number,
  last_index: number,
): void {
  const start_iova = iopt_area_index_to_iova(k, area, start_index);
  const last_iova = iopt_area_index_to_iova_last(k, area, last_index);
  k.fn.iommu_unmap_nofail(k, domain, start_iova, last_iova - start_iova + 1);
}

/** What __iopt_area_unfill_domain() carries from hole to hole. */
interface Unfill {
  readonly batch: pfn_batch;
  readonly area: iopt_area;
  readonly pages: iopt_pages;
  readonly domain: iommu_domain;
  readonly real_last_index: number;
  unmapped_end_index: number;
}

/** An unmap must cut where the pfns are not contiguous; what is read beyond the hole is carried over. */
export function iopt_area_unpin_domain(k: Kernel, u: Unfill, start: number, last_index: number): void {
  const at = 'iopt_area_unpin_domain';
  const { batch, area, domain, real_last_index } = u;
  let start_index = start;
  while (start_index <= last_index) {
    let batch_last_index = last_index;
    if (u.unmapped_end_index <= last_index) {
      const from = Math.max(start_index, u.unmapped_end_index);
      warn_on(
        k,
        batch.total_pfns > 0 && u.unmapped_end_index - batch.total_pfns !== start_index,
        at,
        'the carry does not end where the unmap has ended',
      );
      k.fn.batch_from_domain(k, batch, domain, area, from, last_index);
      batch_last_index = start_index + batch.total_pfns - 1;
    }
    warn_on(k, batch_last_index > real_last_index, at, 'read beyond the end of the area');
    if (batch_last_index === last_index && last_index !== real_last_index)
      k.fn.batch_from_domain_continue(k, batch, domain, area, last_index + 1, real_last_index);
    k.fn.unmap_and_unpin(k, u, start_index, batch_last_index);
    start_index = batch_last_index + 1;
    k.fn.batch_clear_carry(k, batch, u.unmapped_end_index - batch_last_index - 1);
  }
}

/** Unpin must follow unmap. */
export function unmap_and_unpin(k: Kernel, u: Unfill, start_index: number, batch_last_index: number): void {
  if (u.unmapped_end_index <= batch_last_index) {
    const end = start_index + u.batch.total_pfns;
    iopt_area_unmap_domain_range(k, u.area, u.domain, u.unmapped_end_index, end - 1);
    u.unmapped_end_index = end;
  }
  k.fn.batch_unpin(k, u.batch, u.pages, 0, batch_last_index - start_index + 1);
}

export function __iopt_area_unfill_domain(
  k: Kernel,
  area: iopt_area,
  pages: iopt_pages,
  domain: iommu_domain,
  last_index: number,
): void {
  const at = '__iopt_area_unfill_domain';
  const start_index = iopt_area_index(area);
  if (iopt_is_dmabuf(pages)) {
    if (warn_on(k, iopt_dmabuf_revoked(pages), at, 'the dma-buf is revoked')) return;
    iopt_area_unmap_domain_range(k, area, domain, start_index, last_index);
    return;
  }
  const batch = batch_init_backup(k, last_index + 1);
  const u: Unfill = {
    batch,
    area,
    pages,
    domain,
    real_last_index: last_index,
    unmapped_end_index: start_index,
  };
  const span = interval_tree_double_span_iter_first(
    pages.domains_itree,
    pages.access_itree,
    start_index,
    last_index,
  );
  for (; span.is_used !== -1; interval_tree_double_span_iter_next(span)) {
    if (span.is_used > 0) batch_skip_carry(k, batch, span.last - span.start + 1);
    else iopt_area_unpin_domain(k, u, span.start, span.last);
  }
  /* The range ends in an access: unmap the rest without any unpin. */
  if (u.unmapped_end_index !== last_index + 1)
    iopt_area_unmap_domain_range(k, area, domain, u.unmapped_end_index, last_index);
  warn_on(k, batch.total_pfns > 0, at, `${batch.total_pfns} pfns are left in the carry`);
  update_unpinned(k, pages);
}

export function iopt_area_unfill_partial_domain(
  k: Kernel,
  area: iopt_area,
  pages: iopt_pages,
  domain: iommu_domain,
  end_index: number,
): void {
  if (end_index !== iopt_area_index(area)) __iopt_area_unfill_domain(k, area, pages, domain, end_index - 1);
}

/** Without unpin: another domain still holds the pfns. */
export function iopt_area_unmap_domain(k: Kernel, area: iopt_area, domain: iommu_domain): void {
  k.fn.iommu_unmap_nofail(k, domain, iopt_area_iova(area), iopt_area_length(area));
}

/** The area has left domains_itree before. */
export function iopt_area_unfill_domain(
  k: Kernel,
  area: iopt_area,
  pages: iopt_pages,
  domain: iommu_domain,
): void {
  if (k.fn.skips_revoked(pages)) return;
  __iopt_area_unfill_domain(k, area, pages, domain, iopt_area_last_index(area));
}

/** When a domain is attached. */
export function iopt_area_fill_domain(
  k: Kernel,
  area: iopt_area,
  pages: iopt_pages,
  domain: iommu_domain,
): number {
  if (iopt_dmabuf_revoked(pages)) return 0;
  const pfns = pfn_reader_first(k, pages, iopt_area_index(area), iopt_area_last_index(area));
  if (typeof pfns === 'number') return pfns;
  let done_end_index = pfns.batch_start_index;
  let rc = 0;
  while (rc === 0 && !pfn_reader_done(pfns)) {
    done_end_index = pfns.batch_start_index;
    k.preempt?.('iopt_area_fill_domain');
    rc = k.fn.batch_to_domain(k, pfns.batch, domain, area, pfns.batch_start_index);
    if (rc !== 0) break;
    done_end_index = pfns.batch_end_index;
    rc = pfn_reader_next(k, pfns);
  }
  if (rc === 0) rc = pfn_reader_update_pinned(k, pfns);
  if (rc !== 0) {
    k.fn.pfn_reader_release_pins(k, pfns);
    iopt_area_unfill_partial_domain(k, area, pages, domain, done_end_index);
  }
  pfn_reader_destroy(k, pfns);
  return rc;
}

/** How far each domain has come when iopt_area_fill_domains() fails. */
export interface Filled {
  done_first_end_index: number;
  done_all_end_index: number;
  /** Of the domain that failed. */
  index: number;
}

function fillAll(k: Kernel, area: iopt_area, pfns: pfn_reader, filled: Filled): number {
  const { domains } = area.iopt;
  while (!pfn_reader_done(pfns)) {
    filled.done_first_end_index = pfns.batch_end_index;
    filled.done_all_end_index = pfns.batch_start_index;
    k.preempt?.('iopt_area_fill_domains');
    for (filled.index = 0; filled.index < domains.length; filled.index++) {
      const rc = k.fn.batch_to_domain(k, pfns.batch, domains[filled.index], area, pfns.batch_start_index);
      if (rc !== 0) return rc;
    }
    /* xa_for_each() leaves the index at the last domain. */
    filled.index = domains.length - 1;
    filled.done_all_end_index = filled.done_first_end_index;
    const rc = pfn_reader_next(k, pfns);
    if (rc !== 0) return rc;
  }
  return pfn_reader_update_pinned(k, pfns);
}

/** The area is not in domains_itree yet: the last domain does the unpin, the others are only unmapped. */
export function fill_domains_unmap(
  k: Kernel,
  area: iopt_area,
  pages: iopt_pages,
  filled: Readonly<Filled>,
): void {
  const { domains } = area.iopt;
  domains.forEach((domain, unmap_index) => {
    const end_index = unmap_index < filled.index ? filled.done_first_end_index : filled.done_all_end_index;
    if (unmap_index === domains.length - 1)
      iopt_area_unfill_partial_domain(k, area, pages, domain, end_index);
    else if (end_index !== iopt_area_index(area))
      iopt_area_unmap_domain_range(k, area, domain, iopt_area_index(area), end_index - 1);
  });
}

/** The pins of the current batch go first, though the domains before the one that failed still map it (U7). */
export function fill_domains_undo(
  k: Kernel,
  area: iopt_area,
  pages: iopt_pages,
  pfns: pfn_reader,
  filled: Readonly<Filled>,
): void {
  k.fn.pfn_reader_release_pins(k, pfns);
  k.fn.fill_domains_unmap(k, area, pages, filled);
}

function fillDomains(k: Kernel, area: iopt_area, pages: iopt_pages): number {
  const pfns = pfn_reader_first(k, pages, iopt_area_index(area), iopt_area_last_index(area));
  if (typeof pfns === 'number') return pfns;
  const filled: Filled = { done_first_end_index: 0, done_all_end_index: 0, index: 0 };
  const rc = fillAll(k, area, pfns, filled);
  if (rc !== 0) k.fn.fill_domains_undo(k, area, pages, pfns, filled);
  pfn_reader_destroy(k, pfns);
  return rc;
}

/** When an area is made. On failure all domains are left unchanged. */
export function iopt_area_fill_domains(k: Kernel, area: iopt_area, pages: iopt_pages): number {
  if (area.iopt.domains.length === 0) return 0;
  mutex_lock(k, pages);
  let rc = iopt_is_dmabuf(pages) ? track_all_domains(k, area, pages) : 0;
  if (rc === 0 && !iopt_dmabuf_revoked(pages)) {
    rc = fillDomains(k, area, pages);
    if (rc !== 0 && iopt_is_dmabuf(pages)) untrack_all_domains(area, pages);
  }
  if (rc === 0) {
    area.storage_domain = area.iopt.domains[0];
    interval_tree_insert(pages.domains_itree, area.pages_node, area);
  }
  mutex_unlock(pages);
  return rc;
}

export function iopt_area_unfill_domains(k: Kernel, area: iopt_area, pages: iopt_pages): void {
  mutex_lock(k, pages);
  const storage = area.storage_domain;
  if (storage !== null) {
    for (const domain of area.iopt.domains)
      if (domain !== storage && !k.fn.skips_revoked(pages))
        iopt_area_unmap_domain_range(k, area, domain, iopt_area_index(area), iopt_area_last_index(area));
    const linked = interval_tree_remove(pages.domains_itree, area.pages_node);
    warn_on(k, !linked, 'iopt_area_unfill_domains', 'pages_node is not linked');
    iopt_area_unfill_domain(k, area, pages, storage);
    if (iopt_is_dmabuf(pages)) untrack_all_domains(area, pages);
    area.storage_domain = null;
  }
  mutex_unlock(pages);
}

/** A revoked dma-buf has been unmapped already. */
export const skips_revoked = (pages: iopt_pages): boolean => iopt_dmabuf_revoked(pages);
