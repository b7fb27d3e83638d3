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
  each_page,
  filemap_lock_folio,
  filemap_remove_folio,
  folio_put,
  folio_unlock,
  fget,
  fput,
  gmem_huge_inode,
  gmem_zero_range,
  kvm_gmem_get_folio,
  kvm_gmem_get_invalidate_filter,
  lock,
  set_hwpoison,
  slot_bound,
  slot_state,
  synchronize_srcu,
  unlock,
  unmap_mapping_pages,
  up_read,
  up_write,
} from '../../api/index.ts';
import {
  type Consumer,
  kvm_gmem_invalidate_end,
  kvm_gmem_invalidate_start,
  kvm_unmap_gfn_range,
} from './invalidate.ts';

/** kvm_gmem_allocate(). Not cleared, not prepared, no invalidation. */
export function makeAllocate() {
  return function* kvm_gmem_allocate(range: Range): Steps<Result> {
    yield* down_read('invalidate_lock');
    for (const index of each_page(range)) {
      const pfn = yield* kvm_gmem_get_folio(index);
      if (pfn === null) {
        yield* up_read('invalidate_lock');
        return '-ENOMEM';
      }
      yield* folio_unlock(pfn);
      yield* folio_put(pfn);
    }
    yield* up_read('invalidate_lock');
    return 0;
  };
}

/*
 * MODEL: the mmu notifier that unmap_mapping_folio() fires is left out: the bracket around it has zapped both
 * kinds of SPTEs.
 */
/**
 * truncate_inode_folio(): unmap, out of the page cache, free_folio; the memory itself goes with the last
 * reference.
 */
function* truncate_inode_folio(index: number, inPlace: boolean): Steps<void> {
  const pfn = yield* filemap_lock_folio(index);
  if (pfn === null) return;
  if (inPlace) yield* unmap_mapping_pages(index);
  yield* filemap_remove_folio(index);
  yield* folio_unlock(pfn);
  yield* folio_put(pfn);
}

/** truncate_inode_pages_range() */
export function* truncate_inode_pages_range(range: Range, arch: Arch): Steps<void> {
  for (const index of each_page(range)) yield* call(truncate_inode_folio, index, arch.in_place);
}

/*
 * MODEL: rfc-v2 PUNCH_HOLE merges nothing before it frees; a hole that does not cover a whole huge page is
 * zeroed, not freed.
 */
/* MODEL: PUNCH_HOLE does not fail; RFC v2 returns -EAGAIN where a huge page with a shared index has references. */
/* MODEL: memory failure is of one page; the kernel invalidates and poisons the whole folio. */
function* kvm_gmem_truncate_range(range: Range, arch: Arch): Steps<void> {
  if (arch.base !== 'rfc-v2' || !(yield* gmem_huge_inode())) {
    yield* call(truncate_inode_pages_range, range, arch);
    return;
  }
  const size = arch.huge_pages;
  const whole = { start: Math.ceil(range.start / size) * size, end: Math.floor(range.end / size) * size };
  if (whole.start >= whole.end) {
    yield* gmem_zero_range(range);
    return;
  }
  if (range.start < whole.start) yield* gmem_zero_range({ start: range.start, end: whole.start });
  if (whole.end < range.end) yield* gmem_zero_range({ start: whole.end, end: range.end });
  yield* call(truncate_inode_pages_range, whole, arch);
}

export interface TruncateOptions {
  readonly arch: Arch;
  readonly consumer: Consumer;
  /** linux-7.2 picks it by the inode's INIT_SHARED flag; rfc-v2 zaps both kinds; v8 looks at the range. */
  readonly filter: ZapFilter | 'attributes';
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
    yield* call(kvm_gmem_truncate_range, range, arch);
    yield* call(kvm_gmem_invalidate_end, range, consumer.present);
    yield* consumer.end(range, 'truncation', true);
    yield* up_write('invalidate_lock');
    return 0;
  };
}

/** kvm_gmem_error_folio(); the core has set the poison bit before. Nothing is truncated. */
export function makeMemoryFailure({ arch, consumer, filter }: TruncateOptions) {
  return function* kvm_gmem_error_folio(range: Range): Steps<Result> {
    if (!(yield* set_hwpoison(range.start))) return 0;
    yield* down_read('invalidate_lock');
    yield* call(kvm_gmem_invalidate_start, range, yield* zapFilter(filter, range), consumer.present, arch);
    yield* consumer.start(range, 'memory failure');
    yield* call(kvm_gmem_invalidate_end, range, consumer.present);
    yield* consumer.end(range, 'memory failure', true);
    yield* up_read('invalidate_lock');
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

/** The last fput(): kvm_gmem_release(), then eviction of the inode. */
export function makeRelease({ arch, consumer, filter }: TruncateOptions, pages: number) {
  const all = { start: 0, end: pages };
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
