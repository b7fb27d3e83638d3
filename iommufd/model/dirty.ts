// Dirty tracking: hw_pagetable.c, iommufd_hwpt_set_dirty_tracking() and iommufd_hwpt_get_dirty_bitmap(), and what they
// call of io_pagetable.c. The arguments have 64 bits.

import { contigAreas } from './area.ts';
import {
  type iova_bitmap,
  U64_LAST,
  iova_bitmap_alloc,
  iova_bitmap_for_each,
  iova_bitmap_free,
} from './iova-bitmap.ts';
import { type Kernel, EINVAL, ENOENT, ENOMEM, EOPNOTSUPP, EOVERFLOW, ULONG_MAX } from './kernel.ts';
import type { iommu_domain, iommu_iotlb_gather } from './iommu.ts';
import { type io_pagetable, iopt_area_iova, iopt_area_last_iova, iopt_area_length } from './objects.ts';
import { IOMMU_DIRTY_NO_CLEAR, amd_iommu_set_dirty_tracking, read_and_clear_dirty } from './pt-dirty.ts';

export const IOMMU_HWPT_DIRTY_TRACKING_ENABLE = 1;
export const IOMMU_HWPT_GET_DIRTY_BITMAP_NO_CLEAR = 1;

export interface iommufd_hwpt_paging {
  readonly iopt: io_pagetable;
  readonly domain: iommu_domain;
}

export interface iommu_hwpt_get_dirty_bitmap {
  readonly flags: number;
  readonly __reserved: number;
  readonly iova: bigint;
  readonly length: bigint;
  readonly page_size: bigint;
  /** Address of the bitmap in user space. */
  readonly data: bigint;
}

/** The areas of a range are read one by one; a hole ends it. */
function __iommu_read_and_clear_dirty(
  k: Kernel,
  { iopt, domain }: iommufd_hwpt_paging,
  range: { readonly iova: bigint; readonly length: bigint },
  flags: number,
  dirty: Parameters<typeof read_and_clear_dirty>[5],
): number {
  const last_iova = BigInt.asUintN(64, range.iova + range.length - 1n);
  /* Nothing is mapped beyond ULONG_MAX, which is less than 64 bits here. */
  if (range.iova > BigInt(ULONG_MAX)) return EINVAL;
  const beyond = last_iova > BigInt(ULONG_MAX);
  const last = beyond ? ULONG_MAX : Number(last_iova);
  const { areas, done } = contigAreas(iopt, Number(range.iova), last);
  for (const { area, cur_iova } of areas) {
    const size = Math.min(last, iopt_area_last_iova(area)) - cur_iova + 1;
    read_and_clear_dirty(k, domain, cur_iova, size, flags, dirty);
  }
  return done && !beyond ? 0 : EINVAL;
}

/** What iova_bitmap_for_each() returns is dropped. */
export const result_of_for_each = (_rc: number): number => 0;

/** What the IOTLB takes for dirty already would not be marked again. */
export function flush_dirty(k: Kernel, domain: iommu_domain, gather: iommu_iotlb_gather): void {
  k.fn.iommu_iotlb_sync(k, domain, gather);
}

export function iommu_read_and_clear_dirty(
  k: Kernel,
  hwpt: iommufd_hwpt_paging,
  flags: number,
  bitmap: iommu_hwpt_get_dirty_bitmap,
): number {
  const { domain } = hwpt;
  if (!domain.dirty_ops) return EOPNOTSUPP;
  const iter = iova_bitmap_alloc(k, bitmap, bitmap.page_size, bitmap.data);
  if (iter === null) return ENOMEM;
  const gather = k.fn.iommu_iotlb_gather_init();
  const dirty = { bitmap: iter, gather };
  const rc = iova_bitmap_for_each(iter, (_: iova_bitmap, iova, length) =>
    __iommu_read_and_clear_dirty(k, hwpt, { iova, length }, flags, dirty),
  );
  if ((flags & IOMMU_DIRTY_NO_CLEAR) === 0) k.fn.flush_dirty(k, domain, gather);
  iova_bitmap_free(k, iter);
  return k.fn.result_of_for_each(rc);
}

/** check_add_overflow(iova, length - 1): a length of 0 counts 2^64 - 1 there. */
export function dirty_last_iova(iova: bigint, length: bigint): bigint | null {
  const sum = iova + BigInt.asUintN(64, length - 1n);
  return sum > U64_LAST ? null : sum;
}

export const is_no_page_size = (page_size: bigint): boolean => page_size === 0n;

/** `value & (size - 1)`, also where the size is not a power of two. */
const isMasked = (value: bigint, size: bigint): boolean =>
  (BigInt.asUintN(64, value) & BigInt.asUintN(64, size - 1n)) !== 0n;

export function iommufd_check_iova_range(
  k: Kernel,
  iopt: io_pagetable,
  bitmap: iommu_hwpt_get_dirty_bitmap,
): number {
  const { iova, length, page_size } = bitmap;
  const iommu_pgsize = BigInt(iopt.iova_alignment);
  const last_iova = k.fn.dirty_last_iova(iova, length);
  /* the tests against ULONG_MAX are for 32 bits */
  if (last_iova === null) return EOVERFLOW;
  if (isMasked(iova, iommu_pgsize) || isMasked(last_iova + 1n, iommu_pgsize)) return EINVAL;
  if (k.fn.is_no_page_size(page_size)) return EINVAL;
  if (isMasked(iova, page_size) || isMasked(last_iova + 1n, page_size)) return EINVAL;
  return 0;
}

export function iopt_read_and_clear_dirty_data(
  k: Kernel,
  hwpt: iommufd_hwpt_paging,
  flags: number,
  bitmap: iommu_hwpt_get_dirty_bitmap,
): number {
  const ret = iommufd_check_iova_range(k, hwpt.iopt, bitmap);
  return ret !== 0 ? ret : iommu_read_and_clear_dirty(k, hwpt, flags, bitmap);
}

function iopt_clear_dirty_data(k: Kernel, { iopt, domain }: iommufd_hwpt_paging): void {
  const gather = k.fn.iommu_iotlb_gather_init();
  for (const { of: area } of iopt.area_itree.nodes)
    if (area.pages !== null)
      read_and_clear_dirty(k, domain, iopt_area_iova(area), iopt_area_length(area), 0, {
        bitmap: null,
        gather,
      });
  k.fn.iommu_iotlb_sync(k, domain, gather);
}

/** Bits of before are not of the new snapshot. */
export function iopt_set_dirty_tracking(k: Kernel, hwpt: iommufd_hwpt_paging, enable: boolean): number {
  if (!hwpt.domain.dirty_ops) return EOPNOTSUPP;
  if (enable) iopt_clear_dirty_data(k, hwpt);
  return amd_iommu_set_dirty_tracking(k, hwpt.domain, enable);
}

/** `hwpt` null: no such id, or of another type. __reserved is not looked at. */
export function iommufd_hwpt_set_dirty_tracking(
  k: Kernel,
  hwpt: iommufd_hwpt_paging | null,
  cmd: { readonly flags: number; readonly __reserved: number },
): number {
  if ((cmd.flags & ~IOMMU_HWPT_DIRTY_TRACKING_ENABLE) !== 0) return EOPNOTSUPP;
  if (hwpt === null) return ENOENT;
  return iopt_set_dirty_tracking(k, hwpt, (cmd.flags & IOMMU_HWPT_DIRTY_TRACKING_ENABLE) !== 0);
}

export function iommufd_hwpt_get_dirty_bitmap(
  k: Kernel,
  hwpt: iommufd_hwpt_paging | null,
  cmd: iommu_hwpt_get_dirty_bitmap,
): number {
  if ((cmd.flags & ~IOMMU_HWPT_GET_DIRTY_BITMAP_NO_CLEAR) !== 0 || cmd.__reserved !== 0) return EOPNOTSUPP;
  if (hwpt === null) return ENOENT;
  return iopt_read_and_clear_dirty_data(k, hwpt, cmd.flags, cmd);
}
