// Dirty bits in the table: read_and_clear_dirty() of generic_pt/iommu_pt.h, set_dirty_tracking of the AMD driver, and
// the IOMMU that sets them.

import { iommu_iotlb_gather_add_range } from './iotlb.ts';
import { type iova_bitmap, iova_bitmap_set } from './iova-bitmap.ts';
import { type Kernel, ULONG_MAX } from './kernel.ts';
import type { iommu_domain, iommu_iotlb_gather } from './iommu.ts';
import { itemLg2 } from './page-size.ts';
import { type Leaf, type pt_table, granule, indexAt } from './pt-table.ts';

export const IOMMU_DIRTY_NO_CLEAR = 1;

export interface iommu_dirty_bitmap {
  /** null: only cleared. */
  readonly bitmap: iova_bitmap | null;
  readonly gather: iommu_iotlb_gather;
}

/** Where the walk is: va, end of what is asked for in this table, size of an item. */
export interface pt_state {
  readonly va: number;
  readonly last: number;
  readonly itemSize: number;
  readonly leaf: Leaf;
}

/** log2_set_mod_max_t(): the last item of the entry, where the end of the table is the one behind the last. */
export const contig_end_index = ({ itemSize, leaf }: pt_state): number =>
  (leaf.iova + 2 ** leaf.lg2) / itemSize - 1;

/** A leaf that is one item is recorded whole; of a contiguous entry, the items of the range. */
export function dirtyLength(k: Kernel, pts: pt_state): number {
  const { va, last, itemSize, leaf } = pts;
  if (2 ** leaf.lg2 === itemSize) return itemSize;
  const end_index = Math.min(k.fn.contig_end_index(pts), Math.floor(last / itemSize) + 1);
  return (end_index - Math.floor(va / itemSize)) * itemSize;
}

/** The whole leaf is clean afterwards. */
export function record_dirty(k: Kernel, pts: pt_state, dirty: iommu_dirty_bitmap, flags: number): void {
  const dirty_len = dirtyLength(k, pts);
  if (dirty.bitmap !== null) iova_bitmap_set(k, dirty.bitmap, BigInt(pts.va), BigInt(dirty_len));
  if ((flags & IOMMU_DIRTY_NO_CLEAR) !== 0) return;
  pts.leaf.dirty = false;
  iommu_iotlb_gather_add_range(dirty.gather, pts.va, dirty_len);
}

function __read_and_clear_dirty(
  domain: iommu_domain,
  table: pt_table,
  range: { readonly va: number; readonly last: number },
  record: (pts: pt_state) => void,
): void {
  const itemSize = 2 ** itemLg2(granule(domain), table.level);
  let { va } = range;
  while (va <= range.last) {
    const item = table.items.get(indexAt(domain, table.level, va));
    const next = va - (va % itemSize) + itemSize;
    if (item?.type === 'table') {
      __read_and_clear_dirty(domain, item, { va, last: Math.min(range.last, next - 1) }, record);
    } else if (item?.dirty === true) {
      record({ va, last: range.last, itemSize, leaf: item });
    }
    va = item?.type === 'oa' ? item.iova + 2 ** item.lg2 : next;
  }
}

export function read_and_clear_dirty(
  k: Kernel,
  domain: iommu_domain,
  iova: number,
  size: number,
  flags: number,
  dirty: iommu_dirty_bitmap,
): void {
  __read_and_clear_dirty(domain, domain.top, { va: iova, last: iova + size - 1 }, (pts) => {
    k.fn.record_dirty(k, pts, dirty, flags);
  });
}

// MODEL: a domain has a device behind it when dirty tracking is switched.
/** amd_iommu_set_dirty_tracking(): what the IOTLB has read before is read again. */
export function amd_iommu_set_dirty_tracking(k: Kernel, domain: iommu_domain, enable: boolean): number {
  if (domain.dirty_tracking === enable) return 0;
  domain.dirty_tracking = enable;
  k.fn.amd_iommu_domain_flush_pages(k, domain, 0, ULONG_MAX, true);
  return 0;
}

/** A write of a device, through the IOTLB. False: it faults. */
export function deviceWrites(domain: iommu_domain, iova: number): boolean {
  const entry = domain.iotlb.leaves.find((each) => iova >= each.iova && iova < each.iova + each.size);
  if (entry === undefined) return false;
  if (entry.marks) {
    entry.leaf.dirty = true;
    entry.marks = false;
  }
  return true;
}
