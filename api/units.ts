// Units and ranges. An address never travels without its space.

/** Page offset in a guest_memfd. */
export type Index = number;
/** Guest frame number. */
export type Gfn = number;
/** Host frame number. */
export type Pfn = number;
/** I/O virtual address, in pages. */
export type Iova = number;

/** Half-open: `[start, end)`, in pages. */
export interface Range {
  readonly start: number;
  readonly end: number;
}

/** Every page of the range, ascending. */
export function each_page(range: Range): number[] {
  return Array.from({ length: range.end - range.start }, (_, k) => range.start + k);
}

/*
 * MODEL: one slot with base_gfn 0 and pgoff 0, and a VMM that maps index i at iova i, so that gfn, index and iova
 * are equal; cast slots has two slots and no iova.
 */
export const gfn_of = (index: Index): Gfn => index;
export const index_of = (gfn: Gfn): Index => gfn;
export const iova_of = (index: Index): Iova => index;

/** `[0,2)` */
export const showRange = (range: Range): string => `[${range.start},${range.end})`;
