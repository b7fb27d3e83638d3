// iommufd_access_rw(): copies between a buffer of the kernel's and the pages under a range.

import { type Range, check_area_prot } from './access.ts';
import { contigAreas } from './area.ts';
import { batch_rw } from './batch.ts';
import {
  type Kernel,
  EFAULT,
  EINVAL,
  ENOENT,
  EOVERFLOW,
  EPERM,
  PAGE_SIZE,
  check_add,
  note,
  warn_on,
} from './kernel.ts';
import { page_folio } from './memory.ts';
import {
  type iommufd_access,
  type iopt_pages,
  iopt_area_last_iova,
  iopt_area_start_byte,
  iopt_is_dmabuf,
  mutex_lock,
  mutex_unlock,
} from './objects.ts';
import {
  pfn_reader_destroy,
  pfn_reader_done,
  pfn_reader_first,
  pfn_reader_next,
  pfn_reader_unpin,
} from './pfn-reader.ts';

/** memcpy() between a page and a buffer. */
export function copy_data_page(
  k: Kernel,
  pfn: number,
  buffer: { readonly data: Uint8Array; readonly at: number },
  offset: number,
  length: number,
  write: boolean,
): void {
  const folio = page_folio(k, pfn, 'copy_data_page');
  if (folio.owner === 'gmem')
    note(k, 'cpu-access-to-private', 'copy_data_page', `memcpy() on pfn ${pfn} of guest_memfd`);
  let bytes = k.memory.bytes.get(pfn);
  if (bytes === undefined) {
    bytes = new Uint8Array(PAGE_SIZE);
    k.memory.bytes.set(pfn, bytes);
  }
  if (write) bytes.set(buffer.data.subarray(buffer.at, buffer.at + length), offset);
  else buffer.data.set(bytes.subarray(offset, offset + length), buffer.at);
}

export function iopt_pages_rw_slow(
  k: Kernel,
  pages: iopt_pages,
  start_byte: number,
  buffer: { readonly data: Uint8Array; readonly at: number },
  length: number,
  write: boolean,
): number {
  const first = Math.floor(start_byte / PAGE_SIZE);
  const last = Math.floor((start_byte + length - 1) / PAGE_SIZE);
  let offset = start_byte % PAGE_SIZE;
  let done = 0;
  mutex_lock(k, pages);
  const pfns = pfn_reader_first(k, pages, first, last);
  if (typeof pfns === 'number') {
    mutex_unlock(pages);
    return pfns;
  }
  let rc = 0;
  while (rc === 0 && !pfn_reader_done(pfns)) {
    const from = done;
    done += batch_rw(k, pfns.batch, { offset, length: length - done }, (pfn, at, copied, bytes) => {
      copy_data_page(k, pfn, { data: buffer.data, at: buffer.at + from + copied }, at, bytes, write);
    });
    offset = 0;
    pfn_reader_unpin(k, pfns);
    rc = pfn_reader_next(k, pfns);
  }
  if (rc === 0 && warn_on(k, done !== length, 'iopt_pages_rw_slow', `copied ${done} of ${length}`))
    rc = EINVAL;
  pfn_reader_destroy(k, pfns);
  mutex_unlock(pages);
  return rc;
}

/** copy_to_user() and copy_from_user(), page by page. */
function copyUser(
  k: Kernel,
  pages: iopt_pages,
  start_byte: number,
  buffer: { readonly data: Uint8Array; readonly at: number },
  length: number,
  write: boolean,
): number {
  if (pages.from.type !== 'USER') return EINVAL;
  for (let done = 0; done < length;) {
    const address = pages.from.uptr + start_byte + done;
    const offset = address % PAGE_SIZE;
    const bytes = Math.min(PAGE_SIZE - offset, length - done);
    const page = pages.source.mm.vma.get(Math.floor(address / PAGE_SIZE));
    if (page === undefined || (write && !page.writable)) return EFAULT;
    copy_data_page(k, page.pfn, { data: buffer.data, at: buffer.at + done }, offset, bytes, write);
    done += bytes;
  }
  return 0;
}

function iopt_pages_rw_access(
  k: Kernel,
  pages: iopt_pages,
  start_byte: number,
  buffer: { readonly data: Uint8Array; readonly at: number },
  length: number,
  flags: { readonly write: boolean; readonly slow: boolean },
): number {
  if (flags.write && !pages.writable) return EPERM;
  if (iopt_is_dmabuf(pages)) return EINVAL;
  /* MODEL: iopt_pages_rw_page() of one page of another mm takes the slow path as well. */
  if (pages.from.type !== 'USER' || flags.slow || pages.source.mm !== k.current.mm)
    return iopt_pages_rw_slow(k, pages, start_byte, buffer, length, flags.write);
  return copyUser(k, pages, start_byte, buffer, length, flags.write);
}

export function iommufd_access_rw(
  k: Kernel,
  access: iommufd_access,
  range: Range,
  data: Uint8Array,
  flags: { readonly write: boolean; readonly slow: boolean },
): number {
  if (range.length === 0) return EINVAL;
  const last_iova = check_add(range.iova, range.length - 1);
  if (last_iova === null) return EOVERFLOW;
  if (access.ioas === null) return ENOENT;
  const { areas, done } = contigAreas(access.ioas, range.iova, last_iova);
  let at = 0;
  for (const { area, cur_iova } of areas) {
    const bytes = Math.min(last_iova, iopt_area_last_iova(area)) - cur_iova + 1;
    if (area.prevent_access) return EINVAL;
    if (!check_area_prot(area, flags.write)) return EPERM;
    if (area.pages === null) return ENOENT;
    const start_byte = iopt_area_start_byte(k, area, cur_iova);
    const rc = iopt_pages_rw_access(k, area.pages, start_byte, { data, at }, bytes, flags);
    if (rc !== 0) return rc;
    at += bytes;
  }
  return done ? 0 : ENOENT;
}
