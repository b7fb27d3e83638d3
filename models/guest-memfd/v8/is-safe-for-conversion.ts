// kvm_gmem_is_safe_for_conversion() of v8: nobody but the page cache may hold a folio that becomes private.

import {
  type Index,
  type Range,
  type Steps,
  each_page,
  kvm_gmem_has_safe_refcount,
} from '../../../api/index.ts';

/** null, or the first index whose folio somebody else holds. Holes are safe. */
export function* kvm_gmem_is_safe_for_conversion(range: Range): Steps<Index | null> {
  for (const index of each_page(range)) {
    const unsafe = yield* kvm_gmem_has_safe_refcount({ start: index, end: index + 1 });
    if (unsafe !== null) return unsafe;
  }
  return null;
}
