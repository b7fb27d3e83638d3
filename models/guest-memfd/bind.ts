// A memslot and a gmem file find each other and part: kvm_gmem_bind(), kvm_gmem_unbind(), kvm_gmem_release(). The
// file holds the VM; slot->gmem.file is a weak pointer, and the bindings of the file point to the slot.

import {
  type Range,
  type Result,
  type Steps,
  call,
  close_file,
  down_write,
  fget,
  fput,
  get_file_active,
  gfn_to_memslot,
  kvm_arch_gmem_invalidate_range,
  kvm_gmem_erase_bindings,
  kvm_gmem_forget_file,
  kvm_gmem_list_del,
  kvm_gmem_store_bindings,
  lock,
  slot_gmem_file,
  slot_state,
  synchronize_srcu,
  unlock,
  up_write,
} from '../../api/index.ts';
import { invalidateStart, kvm_gmem_invalidate_end, kvm_unmap_and_flush } from './invalidate.ts';
import { truncate_inode_pages_range } from './page-cache.ts';
import { type TruncateOptions, zapFilter } from './truncate.ts';

/*
 * MODEL: binding and parting are those of Linux 7.2 on every base; the unbinding from a dying file (ae431059e75d) and
 * -EEXIST of an overlap are younger than RFC v2.
 */
/* MODEL: the synchronize_srcu() after the swap that shows a new slot is left out; nothing here depends on it. */
/**
 * KVM_SET_USER_MEMORY_REGION2, new slot. The file is held while it is bound; the slot is seen after that, also where
 * the reference was the last one: task work releases the file when slots_lock is dropped.
 */
export function makeBind(release: () => Steps<void>) {
  function* kvm_gmem_bind(gfn: number): Steps<{ result: Result; last: boolean }> {
    if (!(yield* fget())) return { result: '-EBADF', last: false };
    yield* down_write('invalidate_lock');
    const stored = yield* kvm_gmem_store_bindings(gfn);
    yield* up_write('invalidate_lock');
    return { result: stored ? 0 : '-EEXIST', last: yield* fput() };
  }
  function* bind_locked(gfn: number): Steps<{ result: Result; last: boolean }> {
    if ((yield* gfn_to_memslot(gfn)) !== 'none') return { result: '-EEXIST', last: false };
    const bound = yield* call(kvm_gmem_bind, gfn);
    if (bound.result === 0) yield* slot_state('valid', gfn);
    return bound;
  }
  return function* kvm_create_memslot({ start: gfn }: Range): Steps<Result> {
    yield* lock('slots_lock');
    const { result, last } = yield* call(bind_locked, gfn);
    yield* unlock('slots_lock');
    if (last) yield* call(release);
    return result;
  };
}

/** False where the reference that it took was the last one: the caller releases the file when it may. */
export function* kvm_gmem_unbind(gfn: number): Steps<boolean> {
  /* the file was released before: nothing to do */
  if (!(yield* slot_gmem_file(gfn))) return true;
  if (!(yield* get_file_active(gfn))) {
    /* dying: its release needs slots_lock, which we hold; without invalidate_lock */
    yield* kvm_gmem_erase_bindings(gfn);
    return true;
  }
  yield* down_write('invalidate_lock');
  yield* kvm_gmem_erase_bindings(gfn);
  yield* up_write('invalidate_lock');
  return !(yield* fput());
}

/** KVM_SET_USER_MEMORY_REGION2, delete: invalid, SRCU, flush without a bracket, gone, SRCU, unbind, kfree(). */
export function makeUnbind({ arch }: TruncateOptions, release: () => Steps<void>) {
  return function* kvm_delete_memslot(range: Range): Steps<Result> {
    const gfn = range.start;
    yield* lock('slots_lock');
    if ((yield* gfn_to_memslot(gfn)) === 'none') {
      yield* unlock('slots_lock');
      return '-EINVAL';
    }
    yield* slot_state('invalid', gfn);
    yield* synchronize_srcu();
    /* kvm_arch_flush_shadow_memslot() */
    yield* lock('mmu_lock');
    if (arch.guest_vmsa === true && (yield* slot_gmem_file(gfn)))
      yield* kvm_arch_gmem_invalidate_range(range);
    yield* call(kvm_unmap_and_flush, range, 'both', arch);
    yield* unlock('mmu_lock');
    yield* slot_state('deleted', gfn);
    yield* synchronize_srcu();
    const held = yield* call(kvm_gmem_unbind, gfn);
    yield* slot_state('none', gfn);
    yield* unlock('slots_lock');
    if (!held) yield* call(release);
    return 0;
  };
}

/**
 * The last fput(): kvm_gmem_release(), then eviction of the inode. RFC v2 zaps both kinds where
 * kvm_gmem_memslot_supports_shared(), which asks the slot for its file; release has just cleared that.
 */
export function makeRelease({ arch, consumer, filter: usual }: TruncateOptions, pages: number) {
  const all = { start: 0, end: pages };
  const filter = arch.base === 'rfc-v2' ? 'private' : usual;
  function* kvm_gmem_release(): Steps<void> {
    yield* lock('slots_lock');
    yield* down_write('invalidate_lock');
    yield* kvm_gmem_forget_file();
    yield* call(invalidateStart(arch), all, yield* zapFilter(filter, all), consumer.present, arch);
    yield* consumer.start(all, 'release');
    yield* call(kvm_gmem_invalidate_end, all, consumer.present, arch);
    yield* consumer.end(all, 'release', true);
    yield* kvm_gmem_list_del();
    yield* up_write('invalidate_lock');
    yield* unlock('slots_lock');
  }
  /** What the last fput() leaves to task work. */
  function* __fput(): Steps<void> {
    yield* call(kvm_gmem_release);
    yield* call(truncate_inode_pages_range, all, arch);
  }
  /** What user space has mapped goes with the fd: waits for page faults. */
  function* munmap(): Steps<void> {
    yield* down_write('mmap_lock');
    yield* up_write('mmap_lock');
  }
  /** fput() by whoever may release the file at once. */
  function* gmem_fput(counted: boolean): Steps<void> {
    if (yield* fput(counted)) yield* __fput();
  }
  return {
    __fput,
    gmem_fput,
    *close_gmem(): Steps<Result> {
      if (!(yield* close_file())) return '-EBADF';
      if (arch.in_place) yield* call(munmap);
      yield* call(gmem_fput, true);
      return 0;
    },
    /** A call on the gmem fd: fget() before it, fput() after it. */
    onFd: <R>(run: (range: Range) => Steps<R>) =>
      function* ioctl(range: Range): Steps<R | '-EBADF'> {
        if (!(yield* fget())) return '-EBADF';
        const result = yield* call(run, range);
        yield* call(gmem_fput, true);
        return result;
      },
  };
}
