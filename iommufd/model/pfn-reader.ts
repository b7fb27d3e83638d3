// struct pfn_reader: pfns of a range of indexes from the best tier (xarray, storage domain, source), batch by
// batch.

import { batch_clear, batch_init, BATCH_MMIO, type pfn_batch } from './batch.ts';
import { batch_from_pages, batch_from_xarray } from './batch-source.ts';
import {
  type DoubleSpan,
  interval_tree_double_span_iter_first,
  interval_tree_double_span_iter_next,
} from './interval-tree.ts';
import { type Kernel, EINVAL, PAGE_SIZE, load, oops, warn_on } from './kernel.ts';
import { deref, gup_put_folio, unpin_user_page } from './memory.ts';
import {
  type iopt_pages,
  iopt_area_last_index,
  iopt_dmabuf_revoked,
  iopt_is_dmabuf,
  iopt_pages_find_domain_area,
  iopt_pages_sub_npinned,
} from './objects.ts';
import { pfn_reader_user_update_pinned } from './pages.ts';
import {
  type pfn_reader_user,
  pfn_reader_user_destroy,
  pfn_reader_user_init,
  pfn_reader_user_pin,
} from './pfn-reader-user.ts';

export interface pfn_reader {
  readonly pages: iopt_pages;
  readonly span: DoubleSpan;
  readonly batch: pfn_batch;
  batch_start_index: number;
  batch_end_index: number;
  readonly last_index: number;
  readonly user: pfn_reader_user;
}

export const pfn_reader_update_pinned = (k: Kernel, pfns: pfn_reader): number =>
  pfn_reader_user_update_pinned(k, pfns.user, pfns.pages);

/** The holes of both trees in a range: what nobody else holds. */
export function forEachHole(
  pages: iopt_pages,
  start: number,
  last: number,
  each: (start: number, last: number) => void,
): void {
  const span = interval_tree_double_span_iter_first(pages.access_itree, pages.domains_itree, start, last);
  for (; span.is_used !== -1; interval_tree_double_span_iter_next(span))
    if (span.is_used === 0) each(span.start, span.last);
}

/** Of the pages in the batch, those that are not held anywhere else. */
export function pfn_reader_unpin(k: Kernel, pfns: pfn_reader): void {
  const start = pfns.batch_start_index;
  forEachHole(pfns.pages, start, pfns.batch_end_index - 1, (first, last) => {
    k.fn.batch_unpin(k, pfns.batch, pfns.pages, first - start, last - first + 1);
  });
}

export function pfn_reader_fill_dmabuf(
  k: Kernel,
  pages: iopt_pages,
  batch: pfn_batch,
  start_index: number,
  last_index: number,
): number {
  if (pages.from.type !== 'DMABUF')
    oops(k, 'type-confusion', 'pfn_reader_fill_dmabuf', `pages of type ${pages.from.type}`);
  const pfn = (pages.from.phys.paddr + pages.from.start) / PAGE_SIZE + start_index;
  k.fn.batch_add_pfn_num(k, batch, pfn, last_index - start_index + 1, BATCH_MMIO);
  return 0;
}

function fillHole(k: Kernel, pfns: pfn_reader, start_index: number): number {
  const { user, pages, batch } = pfns;
  if (start_index >= user.upages_end) {
    const rc = pfn_reader_user_pin(k, user, pages, start_index, pfns.span.last);
    if (rc !== 0) return rc;
  }
  const npages = user.upages_end - start_index;
  if (user.file !== null) {
    if (user.ufolios === null) oops(k, 'wild-pointer', 'pfn_reader_fill_span', 'ufolios is NULL');
    return k.fn.batch_from_folios(k, batch, user.ufolios, user, npages, k.fn.folios_are_pinned(k, pages));
  }
  if (user.upages === null) oops(k, 'wild-pointer', 'pfn_reader_fill_span', 'upages is NULL');
  batch_from_pages(k, batch, user.upages, start_index - user.upages_start, npages);
  return 0;
}

/** Upstream has one pin a folio when batch_from_folios() is called; the RFC of 25 Feb 2026 asks the file. */
export const folios_are_pinned = (_k: Kernel, _pages: iopt_pages): boolean => true;

/** One span, from where it is stored. */
export function pfn_reader_fill_span(k: Kernel, pfns: pfn_reader): number {
  const at = 'pfn_reader_fill_span';
  const { span, pages, batch } = pfns;
  const start_index = pfns.batch_end_index;
  if (warn_on(k, span.last < start_index, at, 'the span is behind')) return EINVAL;
  const tier = span.is_used <= 0 ? null : span.itrees[span.is_used - 1];
  if (tier === pages.access_itree) {
    batch_from_xarray(k, batch, pages, start_index, span.last);
    return 0;
  }
  if (tier === pages.domains_itree) {
    const area = iopt_pages_find_domain_area(pages, start_index);
    if (warn_on(k, area === null, at, 'no area in domains_itree') || area === null) return EINVAL;
    if (area.storage_domain === null) oops(k, 'wild-pointer', at, 'storage_domain is NULL');
    const last = Math.min(iopt_area_last_index(area), span.last);
    k.fn.batch_from_domain(k, batch, area.storage_domain, area, start_index, last);
    return 0;
  }
  if (iopt_is_dmabuf(pages)) return pfn_reader_fill_dmabuf(k, pages, batch, start_index, span.last);
  return fillHole(k, pfns, start_index);
}

export const pfn_reader_done = (pfns: pfn_reader): boolean => pfns.batch_start_index === pfns.last_index + 1;

export function pfn_reader_next(k: Kernel, pfns: pfn_reader): number {
  const at = 'pfn_reader_next';
  batch_clear(k, pfns.batch);
  pfns.batch_start_index = pfns.batch_end_index;
  while (pfns.batch_end_index !== pfns.last_index + 1) {
    const npfns = pfns.batch.total_pfns;
    if (warn_on(k, pfns.span.is_used === -1, at, 'the spans are done early')) return EINVAL;
    const rc = k.fn.pfn_reader_fill_span(k, pfns);
    if (rc !== 0) return rc;
    if (warn_on(k, pfns.batch.total_pfns === 0, at, 'no progress')) return EINVAL;
    pfns.batch_end_index = pfns.batch_start_index + pfns.batch.total_pfns;
    if (pfns.batch_end_index === pfns.span.last + 1) interval_tree_double_span_iter_next(pfns.span);
    /* Batch is full */
    if (npfns === pfns.batch.total_pfns) return 0;
  }
  return 0;
}

/** Which tree is asked first; both hold the same pfns, so the order is one of speed. */
export const pfn_reader_spans = (pages: iopt_pages, start: number, last: number): DoubleSpan =>
  interval_tree_double_span_iter_first(pages.access_itree, pages.domains_itree, start, last);

function pfn_reader_init(
  k: Kernel,
  pages: iopt_pages,
  start_index: number,
  last_index: number,
): pfn_reader | number {
  warn_on(k, iopt_dmabuf_revoked(pages), 'pfn_reader_dmabuf_init', 'the dma-buf is revoked');
  const batch = batch_init(k, last_index - start_index + 1, 0);
  if (typeof batch === 'number') return batch;
  return {
    pages,
    span: k.fn.pfn_reader_spans(pages, start_index, last_index),
    batch,
    batch_start_index: start_index,
    batch_end_index: start_index,
    last_index,
    user: pfn_reader_user_init(pages),
  };
}

/** What memfd_pin_folios() has pinned and no batch has taken: the rest of the array, by its capacity. */
export function unpin_rest_of_folios(k: Kernel, user: pfn_reader_user): void {
  const at = 'pfn_reader_release_pins';
  if (user.ufolios === null) return;
  for (let i = user.ufolios_next; i < user.ufolios_len; i++)
    gup_put_folio(k, deref(k, load(k, user.ufolios, i, at), at), 1, at);
}

export function pfn_reader_release_pins(k: Kernel, pfns: pfn_reader): void {
  const { pages, user } = pfns;
  if (iopt_is_dmabuf(pages)) return;
  if (user.upages_end > pfns.batch_end_index) {
    const npages = user.upages_end - pfns.batch_end_index;
    const first = pfns.batch_end_index - user.upages_start;
    if (user.file === null && user.upages !== null) {
      for (let i = first; i < first + npages; i++)
        unpin_user_page(k, load(k, user.upages, i, 'pfn_reader_release_pins'), 'pfn_reader_release_pins');
    } else {
      k.fn.unpin_rest_of_folios(k, user);
    }
    iopt_pages_sub_npinned(k, pages, npages);
    user.upages_end = pfns.batch_end_index;
  }
  if (pfns.batch_start_index !== pfns.batch_end_index) {
    pfn_reader_unpin(k, pfns);
    pfns.batch_start_index = pfns.batch_end_index;
  }
}

export function pfn_reader_destroy(k: Kernel, pfns: pfn_reader): void {
  const { pages } = pfns;
  k.fn.pfn_reader_release_pins(k, pfns);
  if (!iopt_is_dmabuf(pages)) pfn_reader_user_destroy(k, pfns.user, pages);
  warn_on(
    k,
    pages.last_npinned !== pages.npinned,
    'pfn_reader_destroy',
    `last_npinned ${pages.last_npinned}, npinned ${pages.npinned}`,
  );
}

export function pfn_reader_first(
  k: Kernel,
  pages: iopt_pages,
  start_index: number,
  last_index: number,
): pfn_reader | number {
  if (warn_on(k, last_index < start_index, 'pfn_reader_first', 'last_index < start_index')) return EINVAL;
  const pfns = pfn_reader_init(k, pages, start_index, last_index);
  if (typeof pfns === 'number') return pfns;
  const rc = pfn_reader_next(k, pfns);
  if (rc !== 0) {
    pfn_reader_destroy(k, pfns);
    return rc;
  }
  return pfns;
}
