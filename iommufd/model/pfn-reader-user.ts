// struct pfn_reader_user: pin_user_pages() and memfd_pin_folios() for pages that nobody holds yet.

import { type FolioCursor } from './batch-source.ts';
import { temp_kmalloc } from './batch.ts';
import {
  type KArray,
  type Kernel,
  EFAULT,
  EINVAL,
  ENOMEM,
  PAGE_SIZE,
  karray,
  oops,
  should_fail,
  store,
  warn_on,
} from './kernel.ts';
import {
  type ErrPtr,
  type File,
  type Folio,
  folio_add_pins,
  folio_nr_pages,
  memfd_pin_folios,
  pin_user_pages,
} from './memory.ts';
import { type iopt_pages, iopt_pages_add_npinned } from './objects.ts';

export interface pfn_reader_user extends FolioCursor {
  /** With the access path the caller's array, from `upages_at` on. */
  upages: KArray<number> | null;
  upages_at: number;
  /** In entries; the kernel counts bytes. */
  upages_len: number;
  upages_start: number;
  upages_end: number;
  /** 1 mmget() and mmap_read_lock(), 0 mmget() at most, -1 neither. */
  locked: -1 | 0 | 1;
  readonly write: boolean;
  readonly file: File | null;
  ufolios: KArray<Folio | ErrPtr> | null;
  ufolios_len: number;
  /** Folios of the last pin. The kernel does not keep it, which is U1. */
  nfolios: number;
}

export const pfn_reader_user_init = (pages: iopt_pages): pfn_reader_user => ({
  upages: null,
  upages_at: 0,
  upages_len: 0,
  upages_start: 0,
  upages_end: 0,
  locked: -1,
  write: pages.writable,
  file: pages.from.type === 'FILE' ? pages.from.file : null,
  ufolios: null,
  ufolios_len: 0,
  nfolios: 0,
  ufolios_next: 0,
  ufolios_offset: 0,
});

export function pfn_reader_user_destroy(k: Kernel, user: pfn_reader_user, pages: iopt_pages): void {
  if (user.locked !== -1) {
    if (user.file === null && pages.source.mm !== k.current.mm) pages.source.mm.users--;
    user.locked = -1;
  }
  user.upages = null;
  user.ufolios = null;
}

/** Returns the pages that it covers, which the folios may exceed at both ends. */
export function pin_memfd_pages(k: Kernel, user: pfn_reader_user, start: number, npages: number): number {
  const at = 'pin_memfd_pages';
  const { file, ufolios } = user;
  if (file === null || ufolios === null) return EINVAL;
  const folios = memfd_pin_folios(k, file, { start, npages, max: user.ufolios_len });
  if (typeof folios === 'number') return folios;
  folios.forEach((folio, i) => {
    store(k, ufolios, i, folio, 'memfd_pin_folios');
  });
  let offset = folios.length === 0 ? 0 : Math.floor(start / PAGE_SIZE) % folio_nr_pages(folios[0]);
  user.nfolios = folios.length;
  user.ufolios_next = 0;
  user.ufolios_offset = offset;
  let left = npages;
  let out = 0;
  for (const folio of folios) {
    const npin = Math.min(folio_nr_pages(folio) - offset, left);
    if (user.upages !== null) {
      if (npin > 1) {
        const rc = folio_add_pins(k, folio, npin - 1);
        if (rc !== 0) return rc;
      }
      for (let i = 0; i < npin; i++)
        store(k, user.upages, user.upages_at + out + i, folio.pfn + offset + i, at);
    }
    left -= npin;
    out += npin;
    offset = 0;
  }
  return out;
}

/** The file case of pfn_reader_user_pin(). */
export function pin_file_pages(
  k: Kernel,
  user: pfn_reader_user,
  _pages: iopt_pages,
  start: number,
  npages: number,
): number {
  return pin_memfd_pages(k, user, start, npages);
}

function pinUser(k: Kernel, user: pfn_reader_user, pages: iopt_pages, index: number, npages: number): number {
  const { upages } = user;
  if (pages.from.type !== 'USER' || upages === null)
    oops(k, 'type-confusion', 'pfn_reader_user_pin', `takes the uptr of pages of type ${pages.from.type}`);
  // MODEL: a process that is gone has no VMAs; mmap_lock and its retries are left out.

  if (pages.source.mm.users === 0) return EFAULT;
  if (pages.source.mm !== k.current.mm) user.locked = 1;
  const vpn = Math.floor(pages.from.uptr / PAGE_SIZE) + index;
  return pin_user_pages(k, pages.source.mm.vma, { vpn, npages, write: user.write }, (i, pfn) => {
    store(k, upages, user.upages_at + i, pfn, 'pin_user_pages');
  });
}

function allocateArrays(k: Kernel, user: pfn_reader_user, npages: number): number {
  const POINTER = 8;
  if (user.file === null && user.upages === null) {
    const size = temp_kmalloc(k, npages * POINTER, 0);
    if (size === null) return ENOMEM;
    user.upages_len = Math.floor(size / POINTER);
    user.upages = karray('upages', user.upages_len);
  }
  if (user.file !== null && user.ufolios === null) {
    const size = temp_kmalloc(k, npages * POINTER, 0);
    if (size === null) return ENOMEM;
    user.ufolios_len = Math.floor(size / POINTER);
    user.ufolios = karray('ufolios', user.ufolios_len);
  }
  return 0;
}

/** Pins from start_index on, as far as the arrays reach; sets the window [upages_start, upages_end). */
export function pfn_reader_user_pin(
  k: Kernel,
  user: pfn_reader_user,
  pages: iopt_pages,
  start_index: number,
  last_index: number,
): number {
  const at = 'pfn_reader_user_pin';
  if (warn_on(k, last_index < start_index, at, 'last_index < start_index')) return EINVAL;
  let npages = last_index - start_index + 1;
  const nomem = allocateArrays(k, user, npages);
  if (nomem !== 0) return nomem;
  if (user.locked === -1) {
    if (user.file === null && pages.source.mm !== k.current.mm) {
      if (pages.source.mm.users === 0) return EFAULT;
      pages.source.mm.users++;
    }
    user.locked = 0;
  }
  npages = Math.min(npages, user.file === null ? user.upages_len : user.ufolios_len);
  if (should_fail(k, 'pin')) return EFAULT;
  const rc =
    pages.from.type === 'FILE'
      ? k.fn.pin_file_pages(k, user, pages, pages.from.start + start_index * PAGE_SIZE, npages)
      : pinUser(k, user, pages, start_index, npages);
  if (rc <= 0) return warn_on(k, rc === 0, at, 'pinned nothing') ? EFAULT : rc;
  iopt_pages_add_npinned(k, pages, rc);
  user.upages_start = start_index;
  user.upages_end = start_index + rc;
  return 0;
}
