// Fake physical memory: folios of any order, reference and pin counts as gup.c keeps them, files and who owns
// a page now. Breaches of the counts are noted where they happen.

import {
  type Kernel,
  EFAULT,
  EINVAL,
  ENOMEM,
  GUP_PIN_COUNTING_BIAS,
  PAGE_SIZE,
  note,
  oops,
  should_fail,
} from './kernel.ts';

// MODEL: shmem and hugetlbfs are one kind of file; migration out of movable zones, the zero page, copy on write and
// swap are left out.

export type Owner = 'anon' | 'memfd' | 'gmem' | 'host' | 'mmio';

export interface Folio {
  readonly kind: 'folio';
  readonly pfn: number;
  readonly order: number;
  readonly owner: Owner;
  refs: number;
  /** `_pincount` of a large folio; a small one counts its pins in refs, 1024 each. */
  pincount: number;
  freed: boolean;
  uptodate: boolean;
  /** Written by a device since it came into being. */
  deviceData: boolean;
  locked: boolean;
}

/** What kvm_gmem_get_folio() returns on failure, as a pointer. */
export interface ErrPtr {
  readonly kind: 'err';
  readonly errno: number;
}

/** The size of the folio at an index of a file that is not there yet, and whether pages are left out before. */
export interface LayoutPiece {
  readonly order: number;
  readonly gap: boolean;
}

export interface File {
  readonly kind: 'memfd' | 'gmem' | 'dmabuf' | 'other';
  readonly name: string;
  /** i_size, in pages. */
  pages: number;
  /** Repeats over the file; a piece that does not fit where it falls is smaller. */
  readonly layout: readonly LayoutPiece[];
  /** Page cache: index of the first page to folio. */
  readonly cache: Map<number, Folio>;
  /** Indexes that are shared by attribute; guest_memfd backs the private ones. */
  readonly shared: Set<number>;
  refs: number;
  /** dma-buf: where it is, and whether its exporter has revoked it. */
  mmio: number;
  revoked: boolean;
}

export interface Memory {
  nextPfn: number;
  /** Every folio once. */
  readonly all: Folio[];
  readonly folios: Map<number, Folio>;
  readonly bytes: Map<number, Uint8Array>;
}

export const memoryOf = (): Memory => ({ nextPfn: 16, all: [], folios: new Map(), bytes: new Map() });

export const folio_nr_pages = (folio: Folio): number => 2 ** folio.order;

/** folio_alloc(): naturally aligned; a gap leaves a page out before, so that it is not next to the last. */
export function alloc_folio(k: Kernel, order: number, owner: Owner, gap: boolean): Folio {
  const size = 2 ** order;
  const from = k.memory.nextPfn + (gap ? 1 : 0);
  const pfn = Math.ceil(from / size) * size;
  k.memory.nextPfn = pfn + size;
  const folio: Folio = {
    kind: 'folio',
    pfn,
    order,
    owner,
    refs: 1,
    pincount: 0,
    freed: false,
    uptodate: owner !== 'gmem',
    deviceData: false,
    locked: false,
  };
  k.memory.all.push(folio);
  for (let i = 0; i < size; i++) k.memory.folios.set(pfn + i, folio);
  return folio;
}

/** pfn_to_page() and page_folio(): a pfn that is no memory is a wild pointer. */
export function page_folio(k: Kernel, pfn: number, at: string): Folio {
  const folio = k.memory.folios.get(pfn);
  if (folio === undefined) oops(k, 'wild-pointer', at, `pfn ${pfn} is no page of memory`);
  return folio;
}

/** A pointer that was stored somewhere: an ERR_PTR that is dereferenced is one as well. */
export function deref(k: Kernel, folio: Folio | ErrPtr | null, at: string): Folio {
  if (folio === null) oops(k, 'wild-pointer', at, 'NULL folio');
  if (folio.kind === 'err') oops(k, 'wild-pointer', at, `ERR_PTR(${folio.errno}) used as a folio`);
  return folio;
}

/** How often the folio is pinned. */
export const pinsOf = (folio: Folio): number =>
  folio.order > 0 ? folio.pincount : Math.floor(folio.refs / GUP_PIN_COUNTING_BIAS);

/** Any translation of a domain, in its table or still cached, that reaches the page. */
export function reachable(k: Kernel, pfn: number): string | null {
  for (const domain of k.domains)
    for (const entry of domain.iotlb.leaves) {
      const first = Math.floor(entry.oa / PAGE_SIZE);
      if (pfn >= first && pfn * PAGE_SIZE < entry.oa + entry.size)
        return `iova ${entry.iova} of domain ${domain.id}`;
    }
  return null;
}

function freeFolio(k: Kernel, folio: Folio, at: string): void {
  folio.freed = true;
  for (let i = 0; i < folio_nr_pages(folio); i++) {
    const by = reachable(k, folio.pfn + i);
    if (by !== null)
      note(k, 'page-freed-while-mapped', at, `pfn ${folio.pfn + i} is freed, ${by} reaches it`);
  }
}

export function folio_put_refs(k: Kernel, folio: Folio, refs: number, at: string): void {
  if (folio.freed) note(k, 'use-after-free', at, `folio at pfn ${folio.pfn} was freed`);
  folio.refs -= refs;
  if (folio.refs < 0)
    note(k, 'refcount-underflow', at, `folio at pfn ${folio.pfn}: refcount ${folio.refs}, -${refs}`);
  else if (folio.refs === 0) freeFolio(k, folio, at);
}

/** try_grab_folio(FOLL_PIN). */
export function try_grab_folio(k: Kernel, folio: Folio, pins: number, at: string): number {
  if (folio.freed) note(k, 'use-after-free', at, `pins the freed folio at pfn ${folio.pfn}`);
  if (folio.refs <= 0) return ENOMEM;
  if (folio.order > 0) {
    folio.refs += pins;
    folio.pincount += pins;
  } else {
    folio.refs += pins * GUP_PIN_COUNTING_BIAS;
  }
  return 0;
}

export function folio_add_pins(k: Kernel, folio: Folio, pins: number): number {
  if (should_fail(k, 'add_pins')) return ENOMEM;
  return try_grab_folio(k, folio, pins, 'folio_add_pins');
}

export function gup_put_folio(k: Kernel, folio: Folio, pins: number, at: string): void {
  let refs = pins;
  if (folio.order > 0) {
    folio.pincount -= pins;
    if (folio.pincount < 0)
      note(k, 'pincount-underflow', at, `folio at pfn ${folio.pfn}: _pincount ${folio.pincount}`);
  } else {
    refs *= GUP_PIN_COUNTING_BIAS;
  }
  folio_put_refs(k, folio, refs, at);
  if (pinsOf(folio) > 0 || folio.freed) return;
  for (let i = 0; i < folio_nr_pages(folio); i++) {
    const by = reachable(k, folio.pfn + i);
    if (by === null) continue;
    note(k, 'page-unpinned-while-mapped', at, `last pin of pfn ${folio.pfn + i} dropped, ${by} reaches it`);
    return;
  }
}

export function unpin_user_page(k: Kernel, pfn: number, at: string): void {
  gup_put_folio(k, page_folio(k, pfn, at), 1, at);
}

const LAYOUT_PAGES = 16;

/** Where the folio that covers an index begins; like those of the page cache it is aligned to its size. */
export function pieceAt(file: File, index: number): { readonly start: number; readonly piece: LayoutPiece } {
  const base = index - (index % LAYOUT_PAGES);
  const offset = index - base;
  for (let start = 0, i = 0; file.layout.length > 0; i++) {
    const { order: wanted, gap } = file.layout[i % file.layout.length];
    let order = wanted;
    while (start % 2 ** order !== 0 || start + 2 ** order > LAYOUT_PAGES) order--;
    if (offset < start + 2 ** order) return { start: base + start, piece: { order, gap } };
    start += 2 ** order;
  }
  return { start: index, piece: { order: 0, gap: false } };
}

/** The folio of an index in the page cache, brought in if it is not there. */
export function filemap_grab(k: Kernel, file: File, index: number): Folio | ErrPtr {
  const { start, piece } = pieceAt(file, index);
  const found = file.cache.get(start);
  if (found !== undefined) return found;
  if (should_fail(k, 'folio')) return { kind: 'err', errno: ENOMEM };
  const folio = alloc_folio(k, piece.order, file.kind === 'gmem' ? 'gmem' : 'memfd', piece.gap);
  /* The page cache holds a reference for each page. */
  folio.refs = folio_nr_pages(folio);
  file.cache.set(start, folio);
  return folio;
}

// MODEL: the contents of a folio of which a hole covers a part are not zeroed.
/** fallocate(PUNCH_HOLE): whole folios leave the page cache; a part of one stays. */
export function punch_hole(k: Kernel, file: File, first: number, last: number): void {
  for (const [start, folio] of Array.from(file.cache)) {
    if (start < first || start + folio_nr_pages(folio) - 1 > last) continue;
    file.cache.delete(start);
    /* .free_folio of guest_memfd gives the RMP entry back to the hypervisor. */
    folio_put_refs(k, folio, folio_nr_pages(folio), 'truncate_inode_pages_range');
  }
}

/** pin_user_pages_fast() and _remote(): as many pages as can be pinned, or an errno if none. */
export function pin_user_pages(
  k: Kernel,
  vma: ReadonlyMap<number, { pfn: number; writable: boolean }>,
  request: { readonly vpn: number; readonly npages: number; readonly write: boolean },
  out: (i: number, pfn: number) => void,
): number {
  for (let i = 0; i < request.npages; i++) {
    const page = vma.get(request.vpn + i);
    if (page === undefined || (request.write && !page.writable)) return i === 0 ? EFAULT : i;
    const rc = try_grab_folio(k, page_folio(k, page.pfn, 'pin_user_pages'), 1, 'pin_user_pages');
    if (rc !== 0) return i === 0 ? rc : i;
    out(i, page.pfn);
  }
  return request.npages;
}

/** memfd_pin_folios(): one pin a folio. Returns the folios, or an errno with nothing pinned. */
export function memfd_pin_folios(
  k: Kernel,
  file: File,
  range: { readonly start: number; readonly npages: number; readonly max: number },
): number | Folio[] {
  const first = Math.floor(range.start / PAGE_SIZE);
  if (file.kind !== 'memfd' || range.max === 0 || first + range.npages > file.pages) return EINVAL;
  const folios: Folio[] = [];
  let index = first;
  while (index < first + range.npages && folios.length < range.max) {
    const folio = filemap_grab(k, file, index);
    const rc = folio.kind === 'err' ? folio.errno : try_grab_folio(k, folio, 1, 'memfd_pin_folios');
    if (rc !== 0 || folio.kind === 'err') {
      for (const pinned of folios) gup_put_folio(k, pinned, 1, 'memfd_pin_folios');
      return rc;
    }
    folios.push(folio);
    index = pieceAt(file, index).start + folio_nr_pages(folio);
  }
  return folios;
}
