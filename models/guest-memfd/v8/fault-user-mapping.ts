// kvm_gmem_fault_user_mapping() of v8. invalidate_lock is dropped while the folio stays locked: a conversion that
// comes in then is refused for the reference of the lookup, or zaps the PTE.

import {
  type Result,
  type Steps,
  clear_highpage,
  down_read,
  folio_put,
  folio_test_hwpoison,
  folio_unlock,
  gmem_is_private,
  kvm_gmem_get_folio,
  map_host_pte,
  up_read,
} from '../../../api/index.ts';

/**
 * 0: mapped; -SIGBUS: the index is private (-EACCES), or the page is poisoned, which not this function but __do_fault()
 * asks, and is cleared all the same.
 */
export function* kvm_gmem_fault_user_mapping(index: number): Steps<Result> {
  yield* down_read('invalidate_lock');
  if (yield* gmem_is_private(index)) {
    yield* up_read('invalidate_lock');
    return '-SIGBUS';
  }
  const pfn = yield* kvm_gmem_get_folio(index);
  yield* up_read('invalidate_lock');
  if (pfn === null) return '-SIGBUS';
  yield* clear_highpage(pfn);
  const poisoned = yield* folio_test_hwpoison(pfn);
  if (!poisoned) yield* map_host_pte(index, pfn);
  yield* folio_unlock(pfn);
  yield* folio_put(pfn);
  return poisoned ? '-SIGBUS' : 0;
}
