// kvm_gmem_invalidate() of v8 (kvm_gmem_make_shared() in later code): what becomes shared leaves the page state of
// the guest. v8 calls kvm_arch_gmem_invalidate(), the hook that also runs when a folio is freed
// (docs/objections.md D29).

import { type Range, type Steps, each_page, rmp_make_shared } from '../../../api/index.ts';

/** sev_gmem_invalidate() of each folio present; not under mmu_lock. Folios are 4K, so no RMP entry is 2M. */
export function* kvm_gmem_invalidate(range: Range): Steps<void> {
  for (const index of each_page(range)) yield* rmp_make_shared(index);
}
