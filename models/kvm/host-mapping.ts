// User space touches its mapping of the gmem file: the page fault (rfc-v2: kvm_gmem_fault_shared()) and the
// retried instruction.

import {
  type Result,
  type Steps,
  call,
  clear_highpage,
  down_read,
  find_vma,
  folio_put,
  folio_test_hwpoison,
  folio_unlock,
  gmem_is_private,
  host_access,
  kvm_gmem_get_folio,
  map_host_pte,
  repeat,
  up_read,
} from '../../api/index.ts';

/*
 * MODEL: the VMA's own reference on the file is not counted: user space unmaps the file when it closes the fd, which
 * waits for page faults (mmap_lock for all, where the kernel has a lock for each VMA) and leaves the PTEs to the
 * truncation of the inode.
 */
/* MODEL: a user write to an assigned SNP page takes the host down as a kernel write does. */
/**
 * 0: mapped; -SIGBUS: the index is private, or the page is poisoned. invalidate_lock is dropped when the page is
 * clear; the folio stays locked until the PTE is there (VM_FAULT_LOCKED).
 */
export function* kvm_gmem_fault_shared(index: number): Steps<Result> {
  yield* down_read('invalidate_lock');
  if (yield* gmem_is_private(index)) {
    yield* up_read('invalidate_lock');
    return '-SIGBUS';
  }
  const pfn = yield* kvm_gmem_get_folio(index);
  if (pfn === null) {
    yield* up_read('invalidate_lock');
    return '-SIGBUS';
  }
  if (yield* folio_test_hwpoison(pfn)) {
    yield* folio_unlock(pfn);
    yield* folio_put(pfn);
    yield* up_read('invalidate_lock');
    return '-SIGBUS';
  }
  yield* clear_highpage(pfn);
  yield* up_read('invalidate_lock');
  yield* map_host_pte(index, pfn);
  yield* folio_unlock(pfn);
  yield* folio_put(pfn);
  return 0;
}

/** do_user_addr_fault(), with the page fault of this base inside. */
export const underMmapLock = (fault: (index: number) => Steps<Result>) =>
  function* handle_mm_fault(index: number): Steps<Result> {
    yield* down_read('mmap_lock');
    const result = (yield* find_vma()) ? yield* call(fault, index) : '-SIGSEGV';
    yield* up_read('mmap_lock');
    return result;
  };

export function makeHostWrite(fault: (index: number) => Steps<Result>) {
  const handle_mm_fault = underMmapLock(fault);
  function* touch(index: number): Steps<Result | 'again'> {
    if (yield* host_access(index)) return 0;
    const result = yield* call(handle_mm_fault, index);
    return result === 0 ? 'again' : result;
  }
  return function* host_write(index: number): Steps<Result> {
    return yield* repeat(touch, index);
  };
}
