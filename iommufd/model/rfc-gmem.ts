// "[RFC PATCH kernel] iommufd: Allow mapping from KVM's guest_memfd", Alexey Kardashevskiy, 25 Feb 2026: the
// functions that it changes, and no others. What it leaves alone (pfn_reader_release_pins(),
// iopt_pages_err_unpin(), accounting, access) is that of Linux 7.2.

import { batch_from_folios, unpinRuns } from './batch-source.ts';
import type { pfn_batch } from './batch.ts';
import type { Functions } from './functions.ts';
import { EINVAL, type KArray, type Kernel, PAGE_SIZE, note, oops, store } from './kernel.ts';
import { LINUX_7_2 } from './linux-7.2.ts';
import {
  type ErrPtr,
  type File,
  type Folio,
  deref,
  filemap_grab,
  folio_nr_pages,
  folio_put_refs,
  pieceAt,
} from './memory.ts';
import type { iopt_pages } from './objects.ts';
import { type pfn_reader_user, pin_memfd_pages } from './pfn-reader-user.ts';

/** kvm_is_gmemfd(pages->file), whatever the union holds. */
export function kvm_is_gmemfd(k: Kernel, pages: iopt_pages): boolean {
  const { from } = pages;
  if (from.type === 'FILE') return from.file.kind === 'gmem';
  if (from.type === 'DMABUF') {
    note(k, 'type-confusion', 'kvm_is_gmemfd', 'reads the dma_buf_attachment as a struct file');
    return false;
  }
  /* NULL is the one user pointer that is not followed. */
  if (from.uptr === 0) return false;
  return oops(k, 'type-confusion', 'kvm_is_gmemfd', 'follows the user pointer as a struct file: file->f_op');
}

/** kvm_gmem_get_folio(): locked, with a reference of the caller's; no test of i_size. */
function kvm_gmem_get_folio(k: Kernel, file: File, index: number): Folio | ErrPtr {
  const folio = filemap_grab(k, file, index);
  if (folio.kind === 'err') return folio;
  if (index >= file.pages)
    note(
      k,
      'beyond-i_size',
      'kvm_gmem_get_folio',
      `index ${index} of ${file.name}, i_size ${file.pages} pages`,
    );
  folio.refs++;
  folio.locked = true;
  return folio;
}

/** No reference and no lock is left: a bare pointer. */
export function kvm_gmemfd_get_pfn(
  k: Kernel,
  file: File,
  index: number,
): { readonly folio: Folio; readonly max_order: number } {
  const at = 'kvm_gmemfd_get_pfn';
  /* `if (!folio)`: an ERR_PTR passes. */
  const folio = deref(k, kvm_gmem_get_folio(k, file, index), at);
  folio_put_refs(k, folio, 1, at);
  folio.locked = false;
  return { folio, max_order: folio.order };
}

/** How pin_guest_memfd_pages() counts the page pointers of one folio: the mail takes bytes for pages. */
export type PointersOf = (bytes: number) => number;

function appendPages(k: Kernel, upages: KArray<number>, at: number, first: number, count: number): void {
  for (let j = 0; j < count; j++) {
    if (at + j < upages.size) {
      store(k, upages, at + j, first + j, 'pin_guest_memfd_pages');
      continue;
    }
    note(
      k,
      'out-of-array',
      'pin_guest_memfd_pages',
      `writes ${count} pointers at ${upages.name}[${at}] of ${upages.size}`,
    );
    return;
  }
}

export function pin_guest_memfd_pages(
  k: Kernel,
  user: pfn_reader_user,
  start: number,
  npages: number,
  pointersOf: PointersOf,
): number {
  const { file, ufolios } = user;
  if (file === null || ufolios === null) return EINVAL;
  let upages_at = user.upages_at;
  let offset = 0;
  let uptr = start;
  for (let i = 0; uptr - start < npages * PAGE_SIZE; i++) {
    user.nfolios = i + 1;
    const index = Math.floor(uptr / PAGE_SIZE);
    const { folio } = kvm_gmemfd_get_pfn(k, file, index);
    /* offset_in_folio(); folios are aligned to their size in the file. */
    const inFolio = uptr - pieceAt(file, index).start * PAGE_SIZE;
    if (i === 0) offset = Math.floor(inFolio / PAGE_SIZE);
    store(k, ufolios, i, folio, 'pin_guest_memfd_pages');
    const rest = folio_nr_pages(folio) * PAGE_SIZE - inFolio;
    if (user.upages !== null) {
      const np = pointersOf(rest);
      appendPages(k, user.upages, upages_at, folio.pfn + offset, np);
      upages_at += np;
    }
    uptr += rest;
  }
  user.ufolios_next = 0;
  user.ufolios_offset = offset;
  return npages;
}

function rfc(pointersOf: PointersOf): Functions {
  return {
    ...LINUX_7_2,
    pin_file_pages: (k, user, pages, start, npages) => {
      if (kvm_is_gmemfd(k, pages)) return pin_guest_memfd_pages(k, user, start, npages, pointersOf);
      note(k, 'log-flood', 'pfn_reader_user_pin', 'pr_err("UNEXP PINFD ...") for an ordinary memfd');
      return pin_memfd_pages(k, user, start, npages);
    },
    folios_are_pinned: (k, pages) => !kvm_is_gmemfd(k, pages),
    batch_from_folios,
    batch_unpin: (k: Kernel, batch: pfn_batch, pages: iopt_pages, first_page_off: number, npages: number) => {
      unpinRuns(k, batch, pages, first_page_off, npages, !kvm_is_gmemfd(k, pages));
    },
  };
}

export const RFC_GMEM: Functions = rfc((bytes) => bytes);

/** The mail with pages counted in pages: what is then still wrong with the page pointers. */
export const RFC_GMEM_COUNTS_PAGES: Functions = rfc((bytes) => Math.floor(bytes / PAGE_SIZE));
