// How iommupt picks the size of a leaf (pt_compute_best_pgsize(), pt_pgsz_count()). Sizes are exponents of two,
// ascending.

import { isAligned } from './kernel.ts';

export const PT_ITEMS_LG2 = 9;

/** Every power of two in [lg2Min, lg2Max], as AMDv1 offers. */
export const everySize = (lg2Min: number, lg2Max: number): number[] =>
  Array.from({ length: lg2Max - lg2Min + 1 }, (_, i) => lg2Min + i);

/** The largest size that divides both addresses and is not longer than what is left; null for -ENXIO. */
export function pt_compute_best_pgsize(
  pgsizes: readonly number[],
  va: number,
  last_va: number,
  oa: number,
): number | null {
  const length = last_va - va + 1;
  for (let i = pgsizes.length - 1; i >= 0; i--) {
    const size = 2 ** pgsizes[i];
    if (size <= length && isAligned(va, size) && isAligned(oa, size)) return pgsizes[i];
  }
  return null;
}

/** How many leaves of the size follow before a larger one becomes possible. */
export function pt_pgsz_count(
  pgsizes: readonly number[],
  va: number,
  last_va: number,
  oa: number,
  lg2: number,
): number {
  let length = last_va - va + 1;
  const next = pgsizes.find((size) => size > lg2);
  if (next !== undefined) {
    const larger = 2 ** next;
    /* (va ^ oa) is aligned to the larger size: both have the same offset in it. */
    if (va % larger === oa % larger) length = Math.min(length, larger - (va % larger));
  }
  return Math.floor(length / 2 ** lg2);
}

/** The level whose items are of this size or the next smaller: a leaf in between is a contiguous entry. */
export const pt_pgsz_lg2_to_level = (granule_lg2: number, lg2: number): number =>
  Math.floor((lg2 - granule_lg2) / PT_ITEMS_LG2);

export const itemLg2 = (granule_lg2: number, level: number): number => granule_lg2 + level * PT_ITEMS_LG2;
