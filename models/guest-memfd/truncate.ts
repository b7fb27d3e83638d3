// Ways a range of guest_memfd comes and goes: fallocate(), PUNCH_HOLE, memory failure.

import {
  type Arch,
  type Pfn,
  type Range,
  type Result,
  type Steps,
  type ZapFilter,
  call,
  down_read,
  down_write,
  folio_lock,
  folio_put,
  folio_unlock,
  gmem_huge_inode,
  kvm_gmem_get_folio,
  kvm_gmem_get_invalidate_filter,
  set_hwpoison,
  up_read,
  up_write,
  xas_load,
} from '../../api/index.ts';
import { type Consumer, invalidateStart, kvm_gmem_invalidate_end } from './invalidate.ts';
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

export function* zapFilter(filter: TruncateOptions['filter'], range: Range): Steps<ZapFilter> {
  return filter === 'attributes' ? yield* kvm_gmem_get_invalidate_filter(range) : filter;
}

/** kvm_gmem_punch_hole() */
export function makePunchHole({ arch, consumer, filter }: TruncateOptions) {
  return function* kvm_gmem_punch_hole(range: Range): Steps<Result> {
    yield* down_write('invalidate_lock');
    yield* consumer.prepare(range, 'truncation');
    yield* call(invalidateStart(arch), range, yield* zapFilter(filter, range), consumer.present, arch);
    yield* consumer.start(range, 'truncation');
    const huge = arch.base === 'rfc-v2' && (yield* gmem_huge_inode());
    let result: Result = 0;
    if (huge) result = yield* call(kvm_gmem_truncate_inode_range, range, arch);
    else yield* call(truncate_inode_pages_range, range, arch);
    yield* call(kvm_gmem_invalidate_end, range, consumer.present, arch);
    /* -EAGAIN: part of the hole may be gone, all of it was zapped */
    yield* consumer.end(range, 'truncation', true);
    yield* up_write('invalidate_lock');
    return result;
  };
}

/*
 * MODEL: memory_failure() holds the folio's lock around kvm_gmem_error_folio() with the cast `host` only, and user
 * mappings are not taken away (hwpoison_user_mappings()).
 */
/*
 * MODEL: TestSetPageHWPoison() and get_hwpoison_page() are one step, and memory fails where a page of the file is. The
 * reference is there with any cast, and stays: truncate_error_folio() takes MF_DELAYED for an error, the folio is left
 * in the page cache, and nobody but unpoison_memory() puts it.
 */
/*
 * MODEL: on rfc-v2, whose folios are not on the LRU, memory_failure() should give up before error_remove_folio(); here
 * kvm_gmem_error_folio() runs, and no folio lock is held around it, whatever the cast.
 */
/** The core marks the page; then kvm_gmem_error_folio(), of its whole folio. Nothing is truncated. */
export function makeMemoryFailure({ arch, consumer, filter }: TruncateOptions, locks: boolean) {
  function* kvm_gmem_error_folio(folio: Range): Steps<void> {
    yield* down_read('invalidate_lock');
    yield* call(invalidateStart(arch), folio, yield* zapFilter(filter, folio), consumer.present, arch);
    yield* consumer.start(folio, 'memory failure');
    yield* call(kvm_gmem_invalidate_end, folio, consumer.present, arch);
    yield* consumer.end(folio, 'memory failure', true);
    yield* up_read('invalidate_lock');
  }
  /** folio_lock(), me_pagecache_clean(): torn down meanwhile, or still in the page cache. */
  function* locked(pfn: Pfn, folio: Range): Steps<void> {
    yield* folio_lock(pfn);
    if ((yield* xas_load(folio.start)) === pfn) yield* call(kvm_gmem_error_folio, folio);
    yield* folio_unlock(pfn);
  }
  return function* memory_failure(range: Range): Steps<Result> {
    const marked = yield* set_hwpoison(range.start);
    if (marked === null) return 0;
    const { pfn, folio } = marked;
    if (locks) yield* locked(pfn, folio);
    else yield* call(kvm_gmem_error_folio, folio);
    return 0;
  };
}
