// Linux 7.2 with the weaknesses repaired that this level has found in it, one function each: so that what is
// left over in a run is told apart, and so that each is shown to be the cause of what it is blamed for.

import { iopt_area_unmap_domain_range } from './domain.ts';
import type { Functions } from './functions.ts';
import { type Kernel, EINVAL, load } from './kernel.ts';
import { LINUX_7_2 } from './linux-7.2.ts';
import { deref, gup_put_folio } from './memory.ts';
import { iopt_is_dmabuf } from './objects.ts';
import { iommu_iotlb_gather_add_range } from './iotlb.ts';
import { iova_bitmap_set } from './iova-bitmap.ts';
import { IOMMU_DIRTY_NO_CLEAR, contig_end_index, dirtyLength } from './pt-dirty.ts';
import { pfn_reader_fill_dmabuf, pfn_reader_fill_span } from './pfn-reader.ts';
import type { pfn_reader_user } from './pfn-reader-user.ts';

/** U1: only the folios that the last memfd_pin_folios() has returned. */
function unpin_rest_of_folios(k: Kernel, user: pfn_reader_user): void {
  const at = 'pfn_reader_release_pins';
  if (user.ufolios === null) return;
  for (let i = user.ufolios_next; i < user.nfolios; i++)
    gup_put_folio(k, deref(k, load(k, user.ufolios, i, at), at), 1, at);
}

/** U7: what the domains before the failing one map of the current batch goes before its pins. */
const fill_domains_undo: Functions['fill_domains_undo'] = (k, area, pages, pfns, filled) => {
  const { domains } = area.iopt;
  for (const domain of domains.slice(0, filled.index))
    if (filled.done_first_end_index > filled.done_all_end_index)
      iopt_area_unmap_domain_range(
        k,
        area,
        domain,
        filled.done_all_end_index,
        filled.done_first_end_index - 1,
      );
  const { done_all_end_index } = filled;
  k.fn.pfn_reader_release_pins(k, pfns);
  k.fn.fill_domains_unmap(k, area, pages, { ...filled, done_first_end_index: done_all_end_index });
};

/** U8: a dma-buf is never read back from a domain, which does not say that it is MMIO. */
const fill_span: Functions['pfn_reader_fill_span'] = (k, pfns) =>
  iopt_is_dmabuf(pfns.pages)
    ? pfn_reader_fill_dmabuf(k, pfns.pages, pfns.batch, pfns.batch_end_index, pfns.span.last)
    : pfn_reader_fill_span(k, pfns);

/** U13: no more than was asked for, and a leaf stays dirty of which a part was not read. */
const record_dirty: Functions['record_dirty'] = (k, pts, dirty, flags) => {
  const { va, last, leaf } = pts;
  const all = va === leaf.iova && last >= leaf.iova + 2 ** leaf.lg2 - 1;
  const length = Math.min(dirtyLength(k, pts), last - va + 1);
  if (dirty.bitmap !== null) iova_bitmap_set(k, dirty.bitmap, BigInt(va), BigInt(length));
  if ((flags & IOMMU_DIRTY_NO_CLEAR) !== 0 || !all) return;
  leaf.dirty = false;
  iommu_iotlb_gather_add_range(dirty.gather, leaf.iova, 2 ** leaf.lg2);
};

export const REPAIRS: Readonly<Record<string, Partial<Functions>>> = {
  U1: { unpin_rest_of_folios },
  U4: { needs_mmget: (user) => user === null || user.file !== null || user.upages === null },
  U7: { fill_domains_undo },
  U8: { pfn_reader_fill_span: fill_span },
  /* pinned_vm counts in every mode. */
  U9: {
    need_charge_update: (k, pages) =>
      pages.source.mm !== k.current.mm ||
      (pages.account_mode === 'USER' && pages.source.user !== k.current.user),
  },
  U11: { mm_is_gone: (inc) => (inc ? EINVAL : 0) },
  U12: { contig_end_index: (pts) => contig_end_index(pts) + 1 },
  U13: { record_dirty },
  U14: { result_of_for_each: (rc) => rc },
};

/** All repairs but one. */
export const repairedBut = (id: string, base: Functions = LINUX_7_2): Functions =>
  Object.entries(REPAIRS).reduce((fn, [each, repair]) => (each === id ? fn : { ...fn, ...repair }), base);

export const LINUX_7_2_REPAIRED: Functions = repairedBut('');
