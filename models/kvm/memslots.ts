// index(gfn) = gfn - base_gfn + pgoff of the slot that the gfn lies in.

import type { Arch, Index, Range } from '../../api/index.ts';

const slotOf = (gfn: number, { memslots = [] }: Arch) =>
  memslots.find(({ base_gfn, npages }) => gfn >= base_gfn && gfn < base_gfn + npages);

export function kvm_gmem_get_index(gfn: number, arch: Arch): Index {
  const slot = slotOf(gfn, arch);
  return slot === undefined ? gfn : gfn - slot.base_gfn + slot.pgoff;
}

/** True as well where there is one slot, which is not listed. */
export const in_same_slot = (gfn: number, other: number, arch: Arch): boolean =>
  slotOf(gfn, arch) === slotOf(other, arch);

/** What of the range lies in the slot of its first page. */
export function clip_to_slot(range: Range, arch: Arch): Range {
  const slot = slotOf(range.start, arch);
  return slot === undefined
    ? range
    : { start: range.start, end: Math.min(range.end, slot.base_gfn + slot.npages) };
}
