// io_pagetable, iopt_area, iopt_pages (io_pagetable.h), and the small functions on one of them.

import {
  type interval_tree_node,
  type Tree,
  interval_tree_all,
  interval_tree_iter_first,
  tree,
} from './interval-tree.ts';
import type { iommu_domain } from './iommu.ts';
import { type Kernel, type task_struct, PAGE_SIZE, oops, warn_on } from './kernel.ts';
import type { File } from './memory.ts';

export type AccountMode = 'NONE' | 'USER' | 'MM';

export interface iopt_pages_access {
  readonly node: interval_tree_node;
  users: number;
}

export interface iopt_pages_dmabuf_track {
  readonly domain: iommu_domain;
  readonly area: iopt_area;
}

/** The union of struct iopt_pages; the tag is the type. Whoever takes the wrong member reads other bytes. */
export type Source =
  | { readonly type: 'USER'; readonly uptr: number }
  | { readonly type: 'FILE'; readonly file: File; readonly start: number }
  | {
      readonly type: 'DMABUF';
      readonly dmabuf: File;
      /** phys.len of 0: revoked, for good. */
      phys: { readonly paddr: number; len: number };
      readonly start: number;
      readonly tracker: iopt_pages_dmabuf_track[];
    };

export interface iopt_pages {
  readonly id: number;
  kref: number;
  /** pages->mutex. */
  locked: boolean;
  npages: number;
  npinned: number;
  last_npinned: number;
  source: task_struct;
  readonly from: Source;
  readonly writable: boolean;
  account_mode: AccountMode;
  /** Index to pfn. */
  readonly pinned_pfns: Map<number, number>;
  readonly access_itree: Tree<iopt_pages_access>;
  readonly domains_itree: Tree<iopt_area>;
}

export interface iopt_area {
  readonly id: number;
  readonly node: interval_tree_node;
  readonly pages_node: interval_tree_node;
  iopt: io_pagetable;
  /** Whether it was inserted into iopt.area_itree. */
  inserted: boolean;
  pages: iopt_pages | null;
  storage_domain: iommu_domain | null;
  page_offset: number;
  iommu_prot: number;
  prevent_access: boolean;
  num_accesses: number;
  num_locks: number;
}

export interface iommufd_access {
  readonly id: number;
  readonly iova_alignment: number;
  readonly internal: boolean;
  /** ops->unmap; U5 is what happens without. */
  unmap: ((iova: number, length: number) => void) | null;
  ioas: io_pagetable | null;
  ioas_unpin: io_pagetable | null;
}

export interface io_pagetable {
  readonly id: number;
  readonly area_itree: Tree<iopt_area>;
  readonly allowed_itree: Tree<interval_tree_node>;
  readonly reserved_itree: Tree<{ readonly node: interval_tree_node; readonly owner: unknown }>;
  /** Dense; next_domain_id is its length. */
  readonly domains: iommu_domain[];
  readonly access_list: iommufd_access[];
  iova_alignment: number;
  disable_large_pages: boolean;
  /** IOMMU_OPTION_RLIMIT_MODE of the context. */
  account_mode: AccountMode;
}

export const iopt_init_table = (k: Kernel): io_pagetable => ({
  id: k.nextId++,
  area_itree: tree(),
  allowed_itree: tree(),
  reserved_itree: tree(),
  domains: [],
  access_list: [],
  iova_alignment: 1,
  disable_large_pages: false,
  account_mode: 'USER',
});

export const iopt_area_index = (area: iopt_area): number => area.pages_node.start;
export const iopt_area_last_index = (area: iopt_area): number => area.pages_node.last;
export const iopt_area_iova = (area: iopt_area): number => area.node.start;
export const iopt_area_last_iova = (area: iopt_area): number => area.node.last;
export const iopt_area_length = (area: iopt_area): number => area.node.last - area.node.start + 1;

export function iopt_area_start_byte(k: Kernel, area: iopt_area, iova: number): number {
  warn_on(k, iova < area.node.start || iova > area.node.last, 'iopt_area_start_byte', `iova ${iova} outside`);
  return iova - iopt_area_iova(area) + area.page_offset + iopt_area_index(area) * PAGE_SIZE;
}

export const iopt_area_iova_to_index = (k: Kernel, area: iopt_area, iova: number): number =>
  Math.floor(iopt_area_start_byte(k, area, iova) / PAGE_SIZE);

function insideArea(k: Kernel, area: iopt_area, index: number, at: string): void {
  warn_on(
    k,
    index < iopt_area_index(area) || index > iopt_area_last_index(area),
    at,
    `index ${index} outside of [${iopt_area_index(area)},${iopt_area_last_index(area)}]`,
  );
}

export function iopt_area_index_to_iova(k: Kernel, area: iopt_area, index: number): number {
  insideArea(k, area, index, 'iopt_area_index_to_iova');
  const pages = index - iopt_area_index(area);
  if (pages === 0) return iopt_area_iova(area);
  return iopt_area_iova(area) - area.page_offset + pages * PAGE_SIZE;
}

export function iopt_area_index_to_iova_last(k: Kernel, area: iopt_area, index: number): number {
  insideArea(k, area, index, 'iopt_area_index_to_iova_last');
  if (index === iopt_area_last_index(area)) return iopt_area_last_iova(area);
  return iopt_area_iova(area) - area.page_offset + (index - iopt_area_index(area) + 1) * PAGE_SIZE - 1;
}

export const iopt_areas = (iopt: io_pagetable, start: number, last: number): iopt_area[] =>
  interval_tree_all(iopt.area_itree, start, last);

export const iopt_pages_find_domain_area = (pages: iopt_pages, index: number): iopt_area | null =>
  interval_tree_iter_first(pages.domains_itree, index, index);

export function iopt_pages_add_npinned(k: Kernel, pages: iopt_pages, npages: number): void {
  pages.npinned += npages;
  warn_on(
    k,
    pages.npinned > pages.npages,
    'iopt_pages_add_npinned',
    `npinned ${pages.npinned} of ${pages.npages} pages`,
  );
}

export function iopt_pages_sub_npinned(k: Kernel, pages: iopt_pages, npages: number): void {
  pages.npinned -= npages;
  warn_on(
    k,
    pages.npinned < 0 || pages.npinned > pages.npages,
    'iopt_pages_sub_npinned',
    `npinned ${pages.npinned} of ${pages.npages} pages`,
  );
}

export const iopt_is_dmabuf = (pages: iopt_pages): boolean => pages.from.type === 'DMABUF';
export const iopt_dmabuf_revoked = (pages: iopt_pages): boolean =>
  pages.from.type === 'DMABUF' && pages.from.phys.len === 0;

// MODEL: one call runs at a time: domains_rwsem, iova_rwsem and mmap_lock are not there, pages->mutex only finds a
// second lock of the same.
/** pages->mutex: nothing here waits, so a lock that is held is a deadlock with oneself. */
export function mutex_lock(k: Kernel, pages: iopt_pages): void {
  if (pages.locked) oops(k, 'warn', 'mutex_lock', 'pages->mutex is held already');
  pages.locked = true;
}

export function mutex_unlock(pages: iopt_pages): void {
  pages.locked = false;
}
