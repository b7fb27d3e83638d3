// index(gfn) = gfn - base_gfn + pgoff of the slot that the gfn lies in.

import type { Arch, Index } from '../../api/index.ts';

export function kvm_gmem_get_index(gfn: number, { memslots = [] }: Arch): Index {
  const slot = memslots.find(({ base_gfn, npages }) => gfn >= base_gfn && gfn < base_gfn + npages);
  return slot === undefined ? gfn : gfn - slot.base_gfn + slot.pgoff;
}
