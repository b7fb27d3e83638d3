// pinned_pfns: filled for an in-kernel access from the best tier, emptied when the last one goes.

import { batch_clear, batch_init_backup } from './batch.ts';
import { batch_from_xarray_clear } from './batch-source.ts';
import {
  type DoubleSpan,
  interval_tree_double_span_iter_first,
  interval_tree_double_span_iter_next,
} from './interval-tree.ts';
import { iommu_iova_to_phys } from './iommu.ts';
import {
  type KArray,
  type Kernel,
  EINVAL,
  PAGE_SIZE,
  karray,
  load,
  oops,
  should_fail,
  store,
  warn_on,
} from './kernel.ts';
import { page_folio, unpin_user_page } from './memory.ts';
import {
  type iopt_pages,
  iopt_area_index,
  iopt_area_index_to_iova,
  iopt_area_last_index,
  iopt_pages_find_domain_area,
  iopt_pages_sub_npinned,
} from './objects.ts';
import { pfn_reader_user_update_pinned, update_unpinned } from './pages.ts';
import {
  type pfn_reader_user,
  pfn_reader_user_destroy,
  pfn_reader_user_init,
  pfn_reader_user_pin,
} from './pfn-reader-user.ts';

/** Out of the caller's array: where a page of an index goes. */
interface Out {
  readonly pages: KArray<number>;
  /** Where the entry of start_index is. */
  readonly at: number;
}

function clear_xarray(pages: iopt_pages, start_index: number, last_index: number): void {
  for (let index = start_index; index <= last_index; index++) pages.pinned_pfns.delete(index);
}

/** All or nothing. */
export function pages_to_xarray(
  k: Kernel,
  pages: iopt_pages,
  start_index: number,
  last_index: number,
  out: Out,
): number {
  const at = 'pages_to_xarray';
  const half = Math.floor((last_index - start_index + 1) / 2);
  for (let i = 0; start_index + i <= last_index; i++) {
    if (i === half && should_fail(k, 'xarray')) {
      clear_xarray(pages, start_index, start_index + i - 1);
      return EINVAL;
    }
    warn_on(k, pages.pinned_pfns.has(start_index + i), at, `index ${start_index + i} is stored already`);
    pages.pinned_pfns.set(start_index + i, load(k, out.pages, out.at + i, at));
  }
  return 0;
}

export function iopt_pages_err_unpin(
  k: Kernel,
  pages: iopt_pages,
  start_index: number,
  last_index: number,
  out: Out,
): void {
  const at = 'iopt_pages_err_unpin';
  const npages = last_index - start_index + 1;
  for (let i = 0; i < npages; i++) unpin_user_page(k, load(k, out.pages, out.at + i, at), at);
  iopt_pages_sub_npinned(k, pages, npages);
}

function iopt_pages_unpin_xarray(
  k: Kernel,
  pages: iopt_pages,
  start_index: number,
  last_index: number,
): void {
  const batch = batch_init_backup(k, last_index - start_index + 1);
  for (let index = start_index; index <= last_index;) {
    batch_from_xarray_clear(k, batch, pages, index, last_index);
    const { total_pfns } = batch;
    k.fn.batch_unpin(k, batch, pages, 0, total_pfns);
    index += total_pfns;
    batch_clear(k, batch);
  }
}

/** The trees in their order: what another access covers stays, then what a domain covers. */
export const unfill_xarray_spans = (pages: iopt_pages, start: number, last: number): DoubleSpan =>
  interval_tree_double_span_iter_first(pages.access_itree, pages.domains_itree, start, last);

/** After the access has left access_itree. */
export function iopt_pages_unfill_xarray(
  k: Kernel,
  pages: iopt_pages,
  start_index: number,
  last_index: number,
): void {
  const span = k.fn.unfill_xarray_spans(pages, start_index, last_index);
  for (; span.is_used !== -1; interval_tree_double_span_iter_next(span)) {
    if (span.is_used === 0) iopt_pages_unpin_xarray(k, pages, span.start, span.last);
    else if (span.itrees[span.is_used - 1] === pages.domains_itree)
      clear_xarray(pages, span.start, span.last);
  }
  update_unpinned(k, pages);
}

export function iopt_pages_fill_from_xarray(
  k: Kernel,
  pages: iopt_pages,
  start_index: number,
  last_index: number,
  out: Out,
): void {
  const at = 'iopt_pages_fill_from_xarray';
  for (let i = 0; start_index + i <= last_index; i++) {
    const pfn = pages.pinned_pfns.get(start_index + i);
    warn_on(k, pfn === undefined, at, `no entry at index ${start_index + i}`);
    store(k, out.pages, out.at + i, pfn ?? 0, at);
  }
}

function iopt_pages_fill_from_domain(
  k: Kernel,
  pages: iopt_pages,
  start_index: number,
  last_index: number,
  out: Out,
): number {
  const at = 'iopt_pages_fill_from_domain';
  for (let index = start_index; index <= last_index;) {
    const area = iopt_pages_find_domain_area(pages, index);
    if (warn_on(k, area === null, at, 'no area in domains_itree') || area === null) return EINVAL;
    if (area.storage_domain === null) oops(k, 'wild-pointer', at, 'storage_domain is NULL');
    const last = Math.min(iopt_area_last_index(area), last_index);
    for (; index <= last; index++) {
      const page_offset = index === iopt_area_index(area) ? area.page_offset : 0;
      const iova = iopt_area_index_to_iova(k, area, index);
      const pfn = (iommu_iova_to_phys(area.storage_domain, iova) - page_offset) / PAGE_SIZE;
      page_folio(k, pfn, 'raw_pages_from_domain');
      store(k, out.pages, out.at + index - start_index, pfn, 'raw_pages_from_domain');
    }
  }
  return 0;
}

function iopt_pages_fill(
  k: Kernel,
  pages: iopt_pages,
  user: pfn_reader_user,
  start_index: number,
  last_index: number,
  out: Out,
): number {
  let cur_index = start_index;
  while (cur_index !== last_index + 1) {
    user.upages = out.pages;
    user.upages_at = out.at + (cur_index - start_index);
    const rc = pfn_reader_user_pin(k, user, pages, cur_index, last_index);
    if (rc !== 0) {
      if (start_index !== cur_index) iopt_pages_err_unpin(k, pages, start_index, cur_index - 1, out);
      return rc;
    }
    cur_index = user.upages_end;
  }
  return 0;
}

function fillSpan(k: Kernel, pages: iopt_pages, user: pfn_reader_user, span: DoubleSpan, out: Out): number {
  if (span.is_used === 2) {
    /* The result is not looked at (U3). */
    iopt_pages_fill_from_domain(k, pages, span.start, span.last, out);
    return pages_to_xarray(k, pages, span.start, span.last, out);
  }
  let rc = iopt_pages_fill(k, pages, user, span.start, span.last, out);
  if (rc !== 0) return rc;
  rc = pages_to_xarray(k, pages, span.start, span.last, out);
  if (rc !== 0) iopt_pages_err_unpin(k, pages, span.start, span.last, out);
  return rc;
}

/** On failure the xarray is left as it was. `at` is where out_pages begins in the caller's array. */
export function iopt_pages_fill_xarray(
  k: Kernel,
  pages: iopt_pages,
  start_index: number,
  last_index: number,
  out_pages: KArray<number>,
  at: number,
): number {
  const user = pfn_reader_user_init(pages);
  user.upages_len = last_index - start_index + 1;
  let xa_end = start_index;
  let rc = 0;
  const span = interval_tree_double_span_iter_first(
    pages.access_itree,
    pages.domains_itree,
    start_index,
    last_index,
  );
  for (; rc === 0 && span.is_used !== -1; interval_tree_double_span_iter_next(span)) {
    const out = { pages: out_pages, at: at + (span.start - start_index) };
    if (span.is_used === 1) {
      iopt_pages_fill_from_xarray(k, pages, span.start, span.last, out);
      continue;
    }
    rc = fillSpan(k, pages, user, span, out);
    if (rc === 0) xa_end = span.last + 1;
  }
  if (rc === 0) rc = pfn_reader_user_update_pinned(k, user, pages);
  if (rc !== 0 && start_index !== xa_end) iopt_pages_unfill_xarray(k, pages, start_index, xa_end - 1);
  user.upages = null;
  pfn_reader_user_destroy(k, user, pages);
  return rc;
}

export const outPages = (npages: number): KArray<number> => karray('out_pages', npages);
