// What a sequence runs in: a VMM with user memory, files and two IOASes, made from plain data.

import type { Piece, WorldData } from '../arbitraries/sequence.ts';
import type { Functions } from '../model/functions.ts';
import { type iommu_domain, iommu_iova_to_phys } from '../model/iommu.ts';
import { kernelOf, mmOf } from '../model/kernel-of.ts';
import { type Kernel, PAGE_SIZE } from '../model/kernel.ts';
import { type File, alloc_folio, filemap_grab } from '../model/memory.ts';
import {
  type io_pagetable,
  type iommufd_access,
  type iopt_area,
  type iopt_pages,
  iopt_area_index,
  iopt_area_index_to_iova,
  iopt_area_last_index,
  iopt_init_table,
} from '../model/objects.ts';

/** 2 KiB, the page size of the selftest's domain. */
export const UNIT = 2048;
export const IOVA_BASE = 2 ** 24;
export const USER_BASE = 0x100000;
export const USER_PAGES = 16;
export const FILE_PAGES = 16;
const READ_ONLY_PAGE = 11;
const BAD_PAGE = 15;
const MMIO_PFN = 2 ** 20;
const HUGE_PAGES = 512;

export interface Pin {
  readonly access: iommufd_access;
  readonly iova: number;
  readonly length: number;
}

export interface World {
  readonly k: Kernel;
  readonly iopts: readonly io_pagetable[];
  /** memfd, gmem, dmabuf, other, gmem2m: what a source of the data means. */
  readonly files: {
    readonly memfd: File;
    readonly gmem: File;
    readonly dmabuf: File;
    readonly other: File;
    readonly gmem2m: File;
  };
  /** One access that is told of unmaps and one of the kernel's own, an IOAS each. */
  readonly accesses: { readonly external: iommufd_access; readonly internal: iommufd_access }[];
  readonly pins: Pin[];
  /** Files whose pages may have changed under what holds them. */
  readonly punched: Set<File>;
  readonly first: Kernel['current'];
}

const fileOf = (kind: File['kind'], name: string, pages: number, layout: readonly Piece[]): File => ({
  kind,
  name,
  pages,
  layout,
  cache: new Map(),
  shared: new Set(),
  refs: 1,
  mmio: MMIO_PFN,
  revoked: false,
});

function makeUserMemory(k: Kernel, layout: readonly Piece[]): void {
  const vpn = USER_BASE / PAGE_SIZE;
  for (let page = 0, i = 0; page < USER_PAGES; i++) {
    const { order, gap } = layout[i % layout.length];
    const folio = alloc_folio(k, order, 'anon', gap);
    /* The page table holds a reference for each page. */
    folio.refs = 2 ** order;
    for (let j = 0; j < 2 ** order && page < USER_PAGES; j++, page++)
      if (page !== BAD_PAGE)
        k.current.mm.vma.set(vpn + page, { pfn: folio.pfn + j, writable: page !== READ_ONLY_PAGE });
  }
}

const accessOf = (k: Kernel, internal: boolean): iommufd_access => ({
  id: k.nextId++,
  iova_alignment: PAGE_SIZE,
  internal,
  unmap: null,
  ioas: null,
  ioas_unpin: null,
});

export function worldOf(data: WorldData, fn: Functions): World {
  const k = kernelOf(fn);
  k.temp_memory_limit = data.limit;
  k.current.rlimit = data.rlimit;
  k.current.cap_ipc_lock = data.ipcLock;
  makeUserMemory(k, data.user);
  const files = {
    memfd: fileOf('memfd', 'memfd', FILE_PAGES, data.memfd),
    gmem: fileOf('gmem', 'gmem', FILE_PAGES, data.gmem),
    dmabuf: fileOf('dmabuf', 'dma-buf', FILE_PAGES, []),
    other: fileOf('other', 'other', FILE_PAGES, []),
    gmem2m: fileOf('gmem', 'gmem2m', HUGE_PAGES, [{ order: 0, gap: false }]),
  };
  const iopts = [iopt_init_table(k), iopt_init_table(k)];
  if (data.mm) for (const iopt of iopts) iopt.account_mode = 'MM';
  const accesses = iopts.map(() => ({ external: accessOf(k, false), internal: accessOf(k, true) }));
  return { k, iopts, files, accesses, pins: [], punched: new Set(), first: k.current };
}

/** The big file comes into memory in one piece, 2M-aligned, when it is first mapped. */
export function fillHuge(world: World): void {
  const { k, files } = world;
  if (files.gmem2m.cache.size > 0) return;
  k.memory.nextPfn = Math.ceil(k.memory.nextPfn / HUGE_PAGES) * HUGE_PAGES;
  for (let index = 0; index < HUGE_PAGES; index++) filemap_grab(k, files.gmem2m, index);
}

/** Another process takes the file descriptors over. */
export function otherProcess(world: World): Kernel['current'] {
  const { rlimit, cap_ipc_lock } = world.first;
  return { mm: mmOf('vmm 2'), user: { locked_vm: 0 }, rlimit, cap_ipc_lock };
}

export const allAreas = (world: World): iopt_area[] =>
  world.iopts.flatMap((iopt) => iopt.area_itree.nodes.map(({ of }) => of));

/** Those that an area holds. */
export const allPages = (world: World): iopt_pages[] => [
  ...new Set(allAreas(world).flatMap((area) => (area.pages === null ? [] : [area.pages]))),
];

/** PINNED(pages): every index of either tree. */
export function pinnedIndexes(pages: iopt_pages): Set<number> {
  const out = new Set<number>();
  for (const itree of [pages.access_itree, pages.domains_itree])
    for (const { node } of itree.nodes) for (let i = node.start; i <= node.last; i++) out.add(i);
  return out;
}

/** The pfn of an index from a domain, in pages. */
export function pfnInDomain(k: Kernel, area: iopt_area, domain: iommu_domain, index: number): number {
  const page_offset = index === iopt_area_index(area) ? area.page_offset : 0;
  return (iommu_iova_to_phys(domain, iopt_area_index_to_iova(k, area, index)) - page_offset) / PAGE_SIZE;
}

/** Where the pfn of a pinned index is stored: xarray, or storage domain. */
export function storedPfn(k: Kernel, pages: iopt_pages, index: number): number | null {
  const stored = pages.pinned_pfns.get(index);
  if (stored !== undefined) return stored;
  for (const { of: area } of pages.domains_itree.nodes)
    if (index >= iopt_area_index(area) && index <= iopt_area_last_index(area) && area.storage_domain !== null)
      return pfnInDomain(k, area, area.storage_domain, index);
  return null;
}
