// iova_bitmap.c: the bitmap in user memory in which dirty IOVAs are recorded. In 64 bits, as the arguments are: what
// went wrong here went wrong above 53.

import { copy_data_page } from './access-rw.ts';
import { type Kernel, EFAULT, EINVAL, ENOMEM, PAGE_SIZE, note, oops, should_fail } from './kernel.ts';
import { pin_user_pages, unpin_user_page } from './memory.ts';

const PAGE = BigInt(PAGE_SIZE);
const BITS_PER_BYTE = 8n;
const BITS_PER_PAGE = PAGE * BITS_PER_BYTE;
/** BITS_PER_TYPE(*bitmap->bitmap), an u8. */
export const BITS_PER_ITEM = 8n;
/** What fits into the page of pointers. */
const MAX_PAGES = PAGE / 8n;

export const U64_LAST = 2n ** 64n - 1n;
export const u64 = (value: bigint): bigint => BigInt.asUintN(64, value);
const min = (a: bigint, b: bigint): bigint => (a < b ? a : b);

interface iova_bitmap_map {
  /** Of bit 0 of the first page. */
  iova: bigint;
  length: bigint;
  pgshift: bigint;
  pgoff: bigint;
  /** pfns; npages is how many. */
  pages: number[];
}

export interface iova_bitmap {
  readonly mapped: iova_bitmap_map;
  /** Address in user space. */
  readonly bitmap: bigint;
  mapped_base_index: bigint;
  readonly mapped_total_index: bigint;
  readonly iova: bigint;
  readonly length: bigint;
}

/** __ffs(): undefined of 0. */
function __ffs(k: Kernel, word: bigint): bigint {
  if (word === 0n) {
    note(k, 'undefined-result', 'iova_bitmap_alloc', '__ffs(0)');
    return 64n;
  }
  let bit = 0n;
  while (((word >> bit) & 1n) === 0n) bit++;
  return bit;
}

/** By a shift: page_size may be 2^63, and eight times that is 0. */
export const iova_bitmap_offset_to_index = (_k: Kernel, pgshift: bigint, iova: bigint): bigint =>
  (iova >> pgshift) / BITS_PER_ITEM;

const iova_bitmap_index_to_offset = (bitmap: iova_bitmap, index: bigint): bigint =>
  u64((index * BITS_PER_ITEM) << bitmap.mapped.pgshift);

const iova_bitmap_mapped_iova = (bitmap: iova_bitmap): bigint =>
  u64(bitmap.iova + iova_bitmap_index_to_offset(bitmap, bitmap.mapped_base_index));

function iova_bitmap_mapped_remaining(bitmap: iova_bitmap): bigint {
  const bytes = BigInt(bitmap.mapped.pages.length) * PAGE - bitmap.mapped.pgoff;
  return min(bitmap.mapped_total_index - bitmap.mapped_base_index, bytes);
}

function iova_bitmap_mapped_length(bitmap: iova_bitmap): bigint {
  const max_iova = u64(bitmap.iova + bitmap.length - 1n);
  const iova = iova_bitmap_mapped_iova(bitmap);
  const remaining = iova_bitmap_index_to_offset(bitmap, iova_bitmap_mapped_remaining(bitmap));
  const last = u64(iova + remaining - 1n);
  return last > max_iova ? u64(remaining - (last - max_iova)) : remaining;
}

/** Pins the pages of user memory that hold the bits from mapped_base_index on. */
function iova_bitmap_get(k: Kernel, bitmap: iova_bitmap): number {
  const { mapped } = bitmap;
  const bytes = bitmap.mapped_total_index - bitmap.mapped_base_index;
  const addr = u64(bitmap.bitmap + bitmap.mapped_base_index);
  const pgoff = addr % PAGE;
  const npages = min((bytes + PAGE - 1n) / PAGE + (pgoff === 0n ? 0n : 1n), MAX_PAGES);
  const request = { vpn: Number(addr / PAGE), npages: Number(npages), write: true };
  const ret = should_fail(k, 'pin')
    ? ENOMEM
    : pin_user_pages(k, k.current.mm.vma, request, (_, pfn) => mapped.pages.push(pfn));
  if (ret <= 0) return EFAULT;
  mapped.iova = iova_bitmap_mapped_iova(bitmap);
  mapped.pgoff = pgoff;
  mapped.length = iova_bitmap_mapped_length(bitmap);
  return 0;
}

function iova_bitmap_put(k: Kernel, bitmap: iova_bitmap): void {
  for (const pfn of bitmap.mapped.pages) unpin_user_page(k, pfn, 'iova_bitmap_put');
  bitmap.mapped.pages = [];
}

/** Nothing is pinned yet. null for -ENOMEM. */
export function iova_bitmap_alloc(
  k: Kernel,
  range: { readonly iova: bigint; readonly length: bigint },
  page_size: bigint,
  data: bigint,
): iova_bitmap | null {
  if (should_fail(k, 'kmalloc')) return null;
  const pgshift = __ffs(k, page_size);
  const { iova, length } = range;
  const mapped_total_index = k.fn.iova_bitmap_offset_to_index(k, pgshift, u64(length - 1n)) + 1n;
  if (should_fail(k, 'kmalloc')) return null;
  return {
    mapped: { iova, length: 0n, pgshift, pgoff: 0n, pages: [] },
    bitmap: data,
    mapped_base_index: 0n,
    mapped_total_index,
    iova,
    length,
  };
}

export function iova_bitmap_free(k: Kernel, bitmap: iova_bitmap): void {
  iova_bitmap_put(k, bitmap);
}

const iova_bitmap_mapped_range = (mapped: iova_bitmap_map, iova: bigint, length: bigint): boolean =>
  mapped.pages.length > 0 &&
  iova >= mapped.iova &&
  u64(iova + length - 1n) <= u64(mapped.iova + mapped.length - 1n);

function iova_bitmap_advance_to(k: Kernel, bitmap: iova_bitmap, iova: bigint): number {
  const index = k.fn.iova_bitmap_offset_to_index(k, bitmap.mapped.pgshift, u64(iova - bitmap.iova));
  if (index >= bitmap.mapped_total_index) return EINVAL;
  bitmap.mapped_base_index = index;
  iova_bitmap_put(k, bitmap);
  return iova_bitmap_get(k, bitmap);
}

/** One window is enough: the callback is called once, for all of it. */
export const iova_bitmap_for_each = (
  bitmap: iova_bitmap,
  fn: (bitmap: iova_bitmap, iova: bigint, length: bigint) => number,
): number => fn(bitmap, bitmap.iova, bitmap.length);

/** bitmap_set() of one page. */
function setBits(k: Kernel, pfn: number, offset: bigint, nbits: bigint): void {
  const byte = new Uint8Array(1);
  for (let bit = offset; bit < offset + nbits; bit++) {
    const at = Number(bit / BITS_PER_BYTE);
    copy_data_page(k, pfn, { data: byte, at: 0 }, at, 1, false);
    byte[0] |= 1 << Number(bit % BITS_PER_BYTE);
    copy_data_page(k, pfn, { data: byte, at: 0 }, at, 1, true);
  }
}

/** Returns nothing: bits that do not fit, or whose page cannot be pinned, are not set. */
export function iova_bitmap_set(k: Kernel, bitmap: iova_bitmap, from: bigint, size: bigint): void {
  const { mapped } = bitmap;
  let iova = from;
  let length = size;
  update_indexes: for (;;) {
    if (!iova_bitmap_mapped_range(mapped, iova, length))
      if (iova_bitmap_advance_to(k, bitmap, iova) !== 0) return;
    const skip = mapped.pgoff * BITS_PER_BYTE;
    let cur_bit = u64((u64(iova - mapped.iova) >> mapped.pgshift) + skip);
    const last_bit = u64((u64(iova + length - 1n - mapped.iova) >> mapped.pgshift) + skip);
    do {
      const page_idx = cur_bit / BITS_PER_PAGE;
      const offset = cur_bit % BITS_PER_PAGE;
      const rest = u64(last_bit - cur_bit + 1n);
      const nbits = min(BITS_PER_PAGE - offset, rest);
      if (page_idx >= BigInt(mapped.pages.length)) {
        const left = u64(rest << mapped.pgshift);
        if (left === length)
          oops(k, 'endless-loop', 'iova_bitmap_set', 'goes back to update_indexes for ever');
        iova = u64(iova + length - left);
        length = left;
        continue update_indexes;
      }
      if (nbits === 0n && cur_bit <= last_bit)
        oops(k, 'endless-loop', 'iova_bitmap_set', 'sets no bit for ever');
      setBits(k, mapped.pages[Number(page_idx)], offset, nbits);
      cur_bit += nbits;
    } while (cur_bit <= last_bit);
    return;
  }
}
