// A user thread of the host (cast `host`): GUP of the mapping, a lockless lookup in the page cache, munmap(), and
// the kernel writing to the page that the thread has pinned.

import {
  type Arch,
  type Range,
  type Result,
  type Steps,
  call,
  folio_put_tried,
  folio_try_get,
  keep_pin,
  kernel_write,
  read_host_pte,
  repeat,
  unpin_user_page,
  xas_load,
} from '../../api/index.ts';
import { underMmapLock } from './host-mapping.ts';
import { unmap_mapping_range } from '../guest-memfd/invalidate.ts';

type Fault = (index: number) => Steps<Result>;

/* MODEL: the user thread of the host keeps one pin at most; a second one is dropped at once. */
/** gup_fast_pte_range(): read the PTE, try to get the folio, read the PTE again; else fault it in and try again. */
export function* gup_fast(index: number): Steps<'fault' | 'again' | 0> {
  const pfn = yield* read_host_pte(index);
  if (pfn === null) return 'fault';
  if (!(yield* folio_try_get(pfn))) return 'again';
  if ((yield* read_host_pte(index)) !== pfn) {
    yield* folio_put_tried(pfn);
    return 'again';
  }
  yield* keep_pin(pfn);
  return 0;
}

export function makePinUserPages(fault: Fault, gup: (index: number) => Steps<'fault' | 'again' | 0>) {
  const handle_mm_fault = underMmapLock(fault);
  function* round(index: number): Steps<Result | 'again'> {
    const found = yield* call(gup, index);
    if (found !== 'fault') return found;
    const result = yield* call(handle_mm_fault, index);
    return result === 0 ? 'again' : '-EFAULT';
  }
  return function* pin_user_pages(index: number): Steps<Result> {
    return yield* repeat(round, index);
  };
}

/** filemap_get_entry() under RCU, then folio_put(): a reference that nobody has announced. */
function* lookup(index: number): Steps<Result | 'again'> {
  const pfn = yield* xas_load(index);
  if (pfn === null) return 0;
  if (!(yield* folio_try_get(pfn))) return 'again';
  const same = (yield* xas_load(index)) === pfn;
  yield* folio_put_tried(pfn);
  return same ? 0 : 'again';
}
export function* filemap_get_folio(index: number): Steps<Result> {
  return yield* repeat(lookup, index);
}

export function* unpin(): Steps<Result> {
  yield* unpin_user_page();
  return 0;
}

export function* writes(): Steps<Result> {
  yield* kernel_write();
  return 0;
}

/** The mmu notifier where the slot's userspace_addr is the mapping, then the PTEs. */
export function makeMunmap(notifies: boolean, arch: Arch) {
  return function* munmap(range: Range): Steps<Result> {
    yield* unmap_mapping_range(range, notifies, arch);
    return 0;
  };
}
