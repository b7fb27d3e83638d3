// struct iopt_pages: where its pages come from, what is charged for them, its end.

import {
  EINVAL,
  ENOMEM,
  EOVERFLOW,
  PAGE_SIZE,
  ULONG_MAX,
  check_add,
  oops,
  should_fail,
  warn_on,
} from './kernel.ts';
import type { Kernel } from './kernel.ts';
import { tree } from './interval-tree.ts';
import type { File } from './memory.ts';
import type { Source, iopt_pages } from './objects.ts';
import type { pfn_reader_user } from './pfn-reader-user.ts';

/** npages counts from the start of the first page. */
export const pages_for = (start_byte: number, length: number): number =>
  Math.ceil((length + start_byte) / PAGE_SIZE);

function iopt_alloc_pages(
  k: Kernel,
  start_byte: number,
  length: number,
  writable: boolean,
  from: Source,
): iopt_pages | number {
  if (length > ULONG_MAX - PAGE_SIZE || length === 0) return EINVAL;
  if (should_fail(k, 'kmalloc')) return ENOMEM;
  return {
    id: k.nextId++,
    kref: 1,
    locked: false,
    npages: k.fn.pages_for(start_byte, length),
    npinned: 0,
    last_npinned: 0,
    source: k.current,
    from,
    writable,
    account_mode: k.current.cap_ipc_lock ? 'NONE' : 'USER',
    pinned_pfns: new Map(),
    access_itree: tree(),
    domains_itree: tree(),
  };
}

/** check_add_overflow(uptr, length). */
export const uptr_overflows = (uptr: number, length: number): boolean => check_add(uptr, length) === null;

export function iopt_alloc_user_pages(
  k: Kernel,
  uptr: number,
  length: number,
  writable: boolean,
): iopt_pages | number {
  if (k.fn.uptr_overflows(uptr, length)) return EOVERFLOW;
  const uptr_down = uptr - (uptr % PAGE_SIZE);
  return iopt_alloc_pages(k, uptr - uptr_down, length, writable, { type: 'USER', uptr: uptr_down });
}

export function iopt_alloc_file_pages(
  k: Kernel,
  file: File,
  start_byte: number,
  start: number,
  length: number,
  writable: boolean,
): iopt_pages | number {
  const from: Source = { type: 'FILE', file, start: start - start_byte };
  const pages = iopt_alloc_pages(k, start_byte, length, writable, from);
  if (typeof pages !== 'number') file.refs++;
  return pages;
}

/** Under sum of all: what is charged to whom for a number of pages. */
export function iopt_pages_update_pinned(
  k: Kernel,
  pages: iopt_pages,
  npages: number,
  inc: boolean,
  user: pfn_reader_user | null,
): number {
  const { source } = pages;
  if (pages.account_mode === 'USER') {
    const now = source.user.locked_vm;
    if (inc && now + npages > source.rlimit) return ENOMEM;
    if (inc) source.user.locked_vm += npages;
    else if (!warn_on(k, now < npages, 'decr_user_locked_vm', `locked_vm ${now} < ${npages}`))
      source.user.locked_vm -= npages;
  } else if (pages.account_mode === 'MM') {
    const rc = update_mm_locked_vm(k, pages, npages, inc, user);
    if (rc !== 0) return rc;
  }
  pages.last_npinned = pages.npinned;
  source.mm.pinned_vm += inc ? npages : -npages;
  return 0;
}

/** Where the reader has arrays it is taken to hold the mm; for a file it never does (U4). */
export const needs_mmget = (user: pfn_reader_user | null): boolean =>
  user === null || (user.upages === null && user.ufolios === null);

/** mmget_not_zero() fails, for an uncharge as well, and nobody looks at it (U11). */
export const mm_is_gone = (_inc: boolean): number => EINVAL;

function update_mm_locked_vm(
  k: Kernel,
  pages: iopt_pages,
  npages: number,
  inc: boolean,
  user: pfn_reader_user | null,
): number {
  const { mm } = pages.source;
  if (user !== null && user.locked !== 0) user.locked = 0;
  else if (k.fn.needs_mmget(user) && mm !== k.current.mm && mm.users === 0) return k.fn.mm_is_gone(inc);
  warn_on(k, mm.users === 0, 'update_mm_locked_vm', 'write-locks an mm that has no mm_users');
  if (inc && mm.locked_vm + npages > pages.source.rlimit && !pages.source.cap_ipc_lock) return ENOMEM;
  mm.locked_vm += inc ? npages : -npages;
  return 0;
}

export function update_unpinned(k: Kernel, pages: iopt_pages): void {
  const { npinned, last_npinned } = pages;
  if (warn_on(k, npinned > last_npinned, 'update_unpinned', `npinned ${npinned} > last ${last_npinned}`))
    return;
  if (npinned !== last_npinned) k.fn.iopt_pages_update_pinned(k, pages, last_npinned - npinned, false, null);
}

/** After the pages have been pinned and mapped: a limit that is exceeded unwinds all of it. */
export function pfn_reader_user_update_pinned(k: Kernel, user: pfn_reader_user, pages: iopt_pages): number {
  const { npinned, last_npinned } = pages;
  if (npinned === last_npinned) return 0;
  if (npinned < last_npinned)
    return k.fn.iopt_pages_update_pinned(k, pages, last_npinned - npinned, false, user);
  if (should_fail(k, 'charge')) return ENOMEM;
  return k.fn.iopt_pages_update_pinned(k, pages, npinned - last_npinned, true, user);
}

export function iopt_release_pages(k: Kernel, pages: iopt_pages): void {
  const at = 'iopt_release_pages';
  warn_on(k, pages.access_itree.nodes.length > 0, at, 'access_itree is not empty');
  warn_on(k, pages.domains_itree.nodes.length > 0, at, 'domains_itree is not empty');
  warn_on(k, pages.npinned !== 0, at, `npinned is ${pages.npinned}`);
  warn_on(k, pages.pinned_pfns.size > 0, at, 'pinned_pfns is not empty');
  if (pages.from.type === 'DMABUF') {
    warn_on(k, pages.from.tracker.length > 0, at, 'the tracker is not empty');
    pages.from.dmabuf.refs--;
  } else if (pages.from.type === 'FILE') {
    pages.from.file.refs--;
  }
}

export function iopt_put_pages(k: Kernel, pages: iopt_pages): void {
  if (pages.kref <= 0) oops(k, 'use-after-free', 'iopt_put_pages', `pages ${pages.id} were released`);
  pages.kref--;
  if (pages.kref === 0) iopt_release_pages(k, pages);
}
