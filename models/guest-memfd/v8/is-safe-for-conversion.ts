// kvm_gmem_is_safe_for_conversion() of v8: nobody but the page cache may hold a folio that becomes private.

import {
  type Index,
  type Range,
  type Steps,
  filemap_get_folios,
  folio_ref_count_is_expected,
  kvm_gmem_has_safe_refcount,
  lru_add_drain_all,
} from '../../../api/index.ts';

/*
 * MODEL: filemap_get_folios() finds all folios of the range in one step (the kernel: up to a batch of 31), and its own
 * reference on each is left out, on both sides of the comparison.
 */
/**
 * null, or the first index whose folio somebody else holds; holes are safe. A folio that has just been faulted in may
 * sit in a per-CPU batch, so a count too high is taken again after a drain, once a conversion.
 */
export function* kvm_gmem_is_safe_for_conversion(range: Range): Steps<Index | null> {
  let lru_drained = false;
  for (const index of yield* filemap_get_folios(range)) {
    if (!lru_drained) {
      if (yield* folio_ref_count_is_expected(index)) continue;
      yield* lru_add_drain_all();
      lru_drained = true;
    }
    const unsafe = yield* kvm_gmem_has_safe_refcount({ start: index, end: index + 1 });
    if (unsafe !== null) return unsafe;
  }
  return null;
}
