// A buffer that is mapped and tracked, and pages for the bitmap: what the fixture of the selftest gives.

import {
  type iommu_hwpt_get_dirty_bitmap,
  type iommufd_hwpt_paging,
  iommufd_hwpt_get_dirty_bitmap,
  iommufd_hwpt_set_dirty_tracking,
} from '../model/dirty.ts';
import type { Functions } from '../model/functions.ts';
import { iommu_domain_alloc } from '../model/iommu.ts';
import { PAGE_SIZE } from '../model/kernel.ts';
import { alloc_folio } from '../model/memory.ts';
import { iopt_disable_large_pages, iopt_table_add_domain } from '../model/table.ts';
import { BASE, type Bed, bedOf, map } from './testbed.ts';

export const BITMAP = 0x10000000;
const BITMAP_PAGES = 3;

export interface DirtyBed extends Bed {
  readonly hwpt: iommufd_hwpt_paging;
}

export const GOOD: iommu_hwpt_get_dirty_bitmap = {
  flags: 0,
  __reserved: 0,
  iova: BigInt(BASE),
  length: 8192n,
  page_size: 4096n,
  data: BigInt(BITMAP),
};

/** `bytes` of the buffer at BASE, in folios of an order; IOMMU_OPTION_HUGE_PAGES 0 where that is 0. */
export function bedFor(bytes: number, fn: Functions, dirty_ops = true, order = 0): DirtyBed {
  const bed = bedOf(Math.max(bytes / PAGE_SIZE, 2 ** order), order, fn);
  const { k, iopt } = bed;
  for (let page = 0; page < BITMAP_PAGES; page++) {
    const { pfn } = alloc_folio(k, 0, 'anon', true);
    k.current.mm.vma.set(BITMAP / PAGE_SIZE + page, { pfn, writable: true });
  }
  const domain = iommu_domain_alloc(k, { dirty_ops });
  const hwpt = { iopt, domain };
  const done = [
    order === 0 ? iopt_disable_large_pages(k, iopt) : 0,
    iopt_table_add_domain(k, iopt, domain),
    map(bed, 0, bytes, { iova: BASE }).rc,
    dirty_ops ? iommufd_hwpt_set_dirty_tracking(k, hwpt, { flags: 1, __reserved: 0 }) : 0,
  ];
  if (done.some((rc) => rc !== 0)) throw new Error(done.join(' '));
  return { ...bed, hwpt };
}

const pfnsOf = ({ k }: Bed): number[] =>
  Array.from(
    { length: BITMAP_PAGES },
    (_, page) => k.current.mm.vma.get(BITMAP / PAGE_SIZE + page)?.pfn ?? -1,
  );

/** The bits that are set, from an address on. */
export function bitsAt(bed: Bed, data: number): number[] {
  const out: number[] = [];
  for (const [page, pfn] of pfnsOf(bed).entries())
    bed.k.memory.bytes.get(pfn)?.forEach((byte, i) => {
      for (let bit = 0; bit < 8; bit++)
        if (((byte >> bit) & 1) === 1) out.push((BITMAP + page * PAGE_SIZE + i - data) * 8 + bit);
    });
  return out;
}

/** Into a bitmap of zeroes. */
export function readDirty(
  bed: DirtyBed,
  cmd: Partial<iommu_hwpt_get_dirty_bitmap>,
): { readonly rc: number; readonly bits: number[] } {
  for (const pfn of pfnsOf(bed)) bed.k.memory.bytes.delete(pfn);
  const whole = { ...GOOD, ...cmd };
  const rc = iommufd_hwpt_get_dirty_bitmap(bed.k, bed.hwpt, whole);
  return { rc, bits: bitsAt(bed, Number(whole.data)) };
}
