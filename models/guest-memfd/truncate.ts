// Ways a range of guest_memfd comes and goes: fallocate(), PUNCH_HOLE, memory failure, bind and unbind,
// release.

import {
  type Arch,
  type Range,
  type Result,
  type Steps,
  type ZapFilter,
  call,
  close_file,
  down_read,
  down_write,
  folio_put,
  folio_unlock,
  fget,
  fput,
  gmem_huge_inode,
  kvm_gmem_get_folio,
  kvm_gmem_get_invalidate_filter,
  lock,
  set_hwpoison,
  slot_bound,
  slot_state,
  synchronize_srcu,
  unlock,
  up_read,
  up_write,
} from '../../api/index.ts';
import {
  type Consumer,
  kvm_gmem_invalidate_end,
  kvm_gmem_invalidate_start,
  kvm_unmap_gfn_range,
} from './invalidate.ts';
import type { MayFail } from './failure.ts';
import { truncate_inode_pages_range } from './page-cache.ts';
import { allocated, kvm_gmem_truncate_inode_range } from './rfc-v2/truncate-range.ts';

/** kvm_gmem_allocate(). Not cleared, not prepared, no invalidation. What was allocated before an error stays. */
export function makeAllocate({ arch, mayFail }: TruncateOptions) {
  function* allocate(index: number): Steps<Result> {
    if (yield* mayFail('signal_pending')) return '-EINTR';
    const pfn = yield* kvm_gmem_get_folio(index);
    if (pfn === null) return '-ENOMEM';
    yield* folio_unlock(pfn);
    yield* folio_put(pfn);
    return 0;
  }
  return function* kvm_gmem_allocate(range: Range): Steps<Result> {
    yield* down_read('invalidate_lock');
    const huge = arch.base === 'rfc-v2' && (yield* gmem_huge_inode());
    const { start, end } = huge ? allocated(range, arch.huge_pages) : range;
    let result: Result = 0;
    for (let index = start; index < end && result === 0; index += huge ? arch.huge_pages : 1)
      result = yield* call(allocate, index);
    yield* up_read('invalidate_lock');
    return result;
  };
}

export interface TruncateOptions {
  readonly arch: Arch;
  readonly consumer: Consumer;
  /** linux-7.2 picks it by the inode's INIT_SHARED flag; rfc-v2 zaps both kinds; v8 looks at the range. */
  readonly filter: ZapFilter | 'attributes';
  readonly mayFail: MayFail;
}

function* zapFilter(filter: TruncateOptions['filter'], range: Range): Steps<ZapFilter> {
  return filter === 'attributes' ? yield* kvm_gmem_get_invalidate_filter(range) : filter;
}

/** kvm_gmem_punch_hole() */
export function makePunchHole({ arch, consumer, filter }: TruncateOptions) {
  return function* kvm_gmem_punch_hole(range: Range): Steps<Result> {
    yield* down_write('invalidate_lock');
    yield* consumer.prepare(range, 'truncation');
    yield* call(kvm_gmem_invalidate_start, range, yield* zapFilter(filter, range), consumer.present, arch);
    yield* consumer.start(range, 'truncation');
    const huge = arch.base === 'rfc-v2' && (yield* gmem_huge_inode());
    let result: Result = 0;
    if (huge) result = yield* call(kvm_gmem_truncate_inode_range, range, arch);
    else yield* call(truncate_inode_pages_range, range, arch);
    yield* call(kvm_gmem_invalidate_end, range, consumer.present);
    /* -EAGAIN: part of the hole may be gone, all of it was zapped */
    yield* consumer.end(range, 'truncation', true);
    yield* up_write('invalidate_lock');
    return result;
  };
}

/* MODEL: memory_failure() holds neither the folio's lock nor a reference around kvm_gmem_error_folio(). */
/** The core marks the page; then kvm_gmem_error_folio(), of its whole folio. Nothing is truncated. */
export function makeMemoryFailure({ arch, consumer, filter }: TruncateOptions) {
  function* kvm_gmem_error_folio(folio: Range): Steps<void> {
    yield* down_read('invalidate_lock');
    yield* call(kvm_gmem_invalidate_start, folio, yield* zapFilter(filter, folio), consumer.present, arch);
    yield* consumer.start(folio, 'memory failure');
    yield* call(kvm_gmem_invalidate_end, folio, consumer.present);
    yield* consumer.end(folio, 'memory failure', true);
    yield* up_read('invalidate_lock');
  }
  return function* memory_failure(range: Range): Steps<Result> {
    const folio = yield* set_hwpoison(range.start);
    if (folio !== null) yield* call(kvm_gmem_error_folio, folio);
    return 0;
  };
}

/** KVM_SET_USER_MEMORY_REGION2, new slot: kvm_gmem_bind(), on the gmem fd. */
export function makeBind() {
  return function* kvm_gmem_bind(): Steps<Result> {
    yield* lock('slots_lock');
    yield* down_write('invalidate_lock');
    const taken = yield* slot_bound();
    if (!taken) yield* slot_state('bound');
    yield* up_write('invalidate_lock');
    yield* unlock('slots_lock');
    return taken ? '-EEXIST' : 0;
  };
}

/** KVM_SET_USER_MEMORY_REGION2, delete: the slot turns invalid, SRCU, flush, then kvm_gmem_unbind(). */
export function makeUnbind({ arch }: TruncateOptions, pages: number) {
  return function* kvm_delete_memslot(): Steps<Result> {
    yield* lock('slots_lock');
    if (!(yield* slot_bound())) {
      yield* unlock('slots_lock');
      return '-EINVAL';
    }
    yield* slot_state('invalid');
    yield* synchronize_srcu();
    yield* lock('mmu_lock');
    yield* call(kvm_unmap_gfn_range, { start: 0, end: pages }, 'both', arch);
    yield* unlock('mmu_lock');
    yield* down_write('invalidate_lock');
    yield* slot_state('none');
    yield* up_write('invalidate_lock');
    yield* unlock('slots_lock');
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
    yield* call(kvm_gmem_invalidate_start, all, yield* zapFilter(filter, all), consumer.present, arch);
    yield* consumer.start(all, 'release');
    yield* call(kvm_gmem_invalidate_end, all, consumer.present);
    yield* consumer.end(all, 'release', true);
    yield* up_write('invalidate_lock');
    yield* unlock('slots_lock');
  }
  /** fput() by whoever drops the last reference. */
  function* gmem_fput(counted: boolean): Steps<void> {
    if (!(yield* fput(counted))) return;
    yield* call(kvm_gmem_release);
    yield* call(truncate_inode_pages_range, all, arch);
  }
  return {
    gmem_fput,
    *close_gmem(): Steps<Result> {
      if (!(yield* close_file())) return '-EBADF';
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
