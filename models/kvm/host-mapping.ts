// User space touches its mapping of the gmem file: the page fault (rfc-v2: kvm_gmem_fault_shared()) and the
// retried instruction.

import {
  type Result,
  type Steps,
  call,
  clear_highpage,
  down_read,
  folio_put,
  folio_unlock,
  gmem_is_private,
  host_access,
  kvm_gmem_get_folio,
  map_host_pte,
  repeat,
  up_read,
} from '../../api/index.ts';

/* MODEL: the VMA's own reference on the file is not counted. */
/** 0: mapped; -SIGBUS: the index is private. invalidate_lock is dropped while the folio stays locked. */
/* MODEL: no hwpoison test; a user write to an assigned SNP page takes the host down as a kernel write does. */
export function* kvm_gmem_fault_shared(index: number): Steps<Result> {
  yield* down_read('invalidate_lock');
  if (yield* gmem_is_private(index)) {
    yield* up_read('invalidate_lock');
    return '-SIGBUS';
  }
  const pfn = yield* kvm_gmem_get_folio(index);
  yield* up_read('invalidate_lock');
  if (pfn === null) return '-SIGBUS';
  yield* clear_highpage(pfn);
  yield* map_host_pte(index, pfn);
  yield* folio_unlock(pfn);
  yield* folio_put(pfn);
  return 0;
}

/** `fault`: the page fault of this base. */
export function makeHostWrite(fault: (index: number) => Steps<Result>) {
  function* touch(index: number): Steps<Result | 'again'> {
    if (yield* host_access(index)) return 0;
    const result = yield* call(fault, index);
    return result === 0 ? 'again' : result;
  }
  return function* host_write(index: number): Steps<Result> {
    return yield* repeat(touch, index);
  };
}
