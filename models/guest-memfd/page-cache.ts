// truncate_inode_pages_range(): how pages leave the page cache.

import {
  type Arch,
  type Range,
  type Steps,
  call,
  each_page,
  filemap_lock_folio,
  filemap_remove_folio,
  folio_put,
  folio_unlock,
  unmap_mapping_pages,
} from '../../api/index.ts';

/*
 * MODEL: the mmu notifier that unmap_mapping_folio() fires is left out: the bracket around it has zapped the shared
 * SPTEs of shared indices; when the inode is evicted, no VMA is left to notify of.
 */
/**
 * truncate_inode_folio(): unmap, out of the page cache, free_folio; the memory itself goes with the last
 * reference.
 */
export function* truncate_inode_folio(index: number, inPlace: boolean): Steps<void> {
  const pfn = yield* filemap_lock_folio(index);
  if (pfn === null) return;
  if (inPlace) yield* unmap_mapping_pages(index);
  yield* filemap_remove_folio(index);
  yield* folio_unlock(pfn);
  yield* folio_put(pfn);
}

/*
 * MODEL: page by page, and each folio lock is waited for. The kernel first takes out, in batches, what it can lock
 * without waiting (find_lock_entries()), then waits for the folios at both ends of the range, then for the rest.
 */
/** truncate_inode_pages_range() */
export function* truncate_inode_pages_range(range: Range, arch: Arch): Steps<void> {
  for (const index of each_page(range)) yield* call(truncate_inode_folio, index, arch.in_place);
}
