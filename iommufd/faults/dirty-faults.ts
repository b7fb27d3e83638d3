// K35 and its neighbours: what is planted into dirty tracking.

import type { Functions } from '../model/functions.ts';
import { BITS_PER_ITEM, u64 } from '../model/iova-bitmap.ts';
import { oops } from '../model/kernel.ts';

/* Before cb30dfa75d55: a size of 2^61 or more, times the bits of an item, is 0. */
const dividesBySize: Functions['iova_bitmap_offset_to_index'] = (k, pgshift, iova) => {
  const size = u64(BITS_PER_ITEM << pgshift);
  if (size === 0n) oops(k, 'divide-error', 'iova_bitmap_offset_to_index', `page_size 2^${pgshift}`);
  return iova / size;
};

export const DIRTY_FAULTS: Readonly<Record<string, Partial<Functions>>> = {
  K35: { iova_bitmap_offset_to_index: dividesBySize },
  K35b: { is_no_page_size: () => false },
  K35c: { dirty_last_iova: (iova, length) => u64(iova + length - 1n) },
  K35d: { flush_dirty: () => undefined },
};
