// Read-only questions about a machine that more than one place asks: what backs a gfn, what a page is, who
// reaches it.

import { type Machine, OWNER, inPlace } from './machine.ts';
import { platformOf } from './platforms/index.ts';
import { PAGE_CLASS, dmaIndex } from './platforms/outcomes.ts';
import type { MirrorView } from './platforms/row.ts';

/** The unpacked state of the engine, read only here. */
export type MachineState = { readonly [slot: number]: number; readonly length: number };

export interface View {
  /** pfn that backs the gfn now, or -1. */
  readonly backing: (m: MachineState, gfn: number) => number;
  /** The attribute of the gfn. */
  readonly isPrivate: (m: MachineState, gfn: number) => boolean;
  /** gmem index that the page cache holds the page at, or -1. */
  readonly indexOf: (m: MachineState, pfn: number) => number;
  /** First pfn of the folio that the page belongs to. */
  readonly head: (m: MachineState, pfn: number) => number;
  /** Pages of that folio. */
  readonly folioPages: (m: MachineState, head: number) => number;
  /** References beyond the page cache's: lookups, pins, host mappings, memory_failure()'s. */
  readonly extraReferences: (m: MachineState, head: number) => number;
  /** Of memory_failure(), which keeps it for good: 1 where the folio is poisoned. */
  readonly poisonReference: (m: MachineState, head: number) => number;
  /** Those of lockless lookups, which look again and let go. */
  readonly triedReferences: (m: MachineState, head: number) => number;
  readonly isFree: (m: MachineState, pfn: number) => boolean;
  /**
   * The hardware treats the page as the guest's: RMP assigned, TD-owned; bare: in the page cache at a private
   * index.
   */
  readonly isGuestOwned: (m: MachineState, pfn: number) => boolean;
  /** The same, or it was taken from the guest and caches are not written back yet. */
  readonly isGuestsStill: (m: MachineState, pfn: number) => boolean;
  /** PAGE_CLASS number of the page as seen through a translation at this iova. */
  readonly pageClass: (m: MachineState, pfn: number, iova: number) => number;
  /** A page of the 2M block around the page is the guest's. */
  readonly blockHasGuestPage: (m: MachineState, pfn: number) => boolean;
  /** Of the pages in the mask, those that a translation, in-flight access or page-state table still reaches. */
  readonly reachedOf: (m: MachineState, asked: number) => number;
  /** The module's own table of private pages; null where the host's tables have them, or nobody's. */
  readonly mirror: MirrorView | null;
  readonly verdictIndex: typeof dmaIndex;
}

export function makeView(machine: Machine): View {
  const { at, gfnOf, pages, huge, pfns, pool, anonymous, device_memory, config, vcpus, devices } = machine;
  const { page_cache, owner, huge_folio, lookup_refs, pins, host_pte } = at;
  const { iopte, iotlb, spte_shared, spte_private, tlb, vmsa_pa, dma } = at;
  const hasHostPtes = inPlace(config);
  const platform = platformOf(config);
  const owned = platform.owned === null ? undefined : at[platform.owned];
  const dirty = platform.dirty === null ? undefined : at[platform.dirty];
  const guestPage = platform.guestPage(at);
  const { leaf_size_is_checked } = platform.arch;

  const blockOf = (pfn: number): number => pfn - (pfn % huge);
  const head = (m: MachineState, pfn: number): number =>
    pfn < pool && m[huge_folio + blockOf(pfn)] === 1 ? blockOf(pfn) : pfn;
  const folioPages = (m: MachineState, first: number): number =>
    first < pool && m[huge_folio + first] === 1 ? huge : 1;
  const indexOf = (m: MachineState, pfn: number): number => {
    for (let index = 0; index < pages; index++) if (m[page_cache + index] === pfn + 1) return index;
    return -1;
  };
  /* by gfn in the VM, or by index in guest_memfd */
  const attributeOf = gfnOf.map((_, gfn) => at.private + (inPlace(config) ? machine.indexOf[gfn] : gfn));
  const isPrivate = (m: MachineState, gfn: number): boolean => m[attributeOf[gfn]] === 1;
  const backing = (m: MachineState, gfn: number): number =>
    anonymous >= 0 && !isPrivate(m, gfn) ? anonymous + gfn : m[page_cache + machine.indexOf[gfn]] - 1;
  const isFree = (m: MachineState, pfn: number): boolean =>
    m[owner + pfn] === OWNER.free || m[owner + pfn] === OWNER.host;

  const isGuestOwned = (m: MachineState, pfn: number): boolean => {
    if (owned !== undefined) return m[owned + pfn] === 1;
    if (isFree(m, pfn)) return false;
    const index = indexOf(m, pfn);
    return index >= 0 && isPrivate(m, gfnOf[index]);
  };
  const isDirty = (m: MachineState, pfn: number): boolean => dirty !== undefined && m[dirty + pfn] === 1;
  const blockHasGuestPage = (m: MachineState, pfn: number): boolean => {
    const first = blockOf(pfn);
    for (let p = first; p < first + huge && p < pfns; p++) if (isGuestOwned(m, p)) return true;
    return false;
  };
  const pageClass = (m: MachineState, pfn: number, iova: number): number => {
    if (isGuestOwned(m, pfn)) return PAGE_CLASS[guestPage(m, pfn, iova)];
    if (isDirty(m, pfn)) return PAGE_CLASS['private removed'];
    if (pfn === device_memory) return m[at.dmabuf_taken] === 1 ? PAGE_CLASS.free : PAGE_CLASS.shared;
    if (isFree(m, pfn)) return PAGE_CLASS.free;
    if (backing(m, iova) !== pfn)
      return indexOf(m, pfn) >= 0 && anonymous < 0 ? PAGE_CLASS['live elsewhere'] : PAGE_CLASS.stale;
    return leaf_size_is_checked && blockHasGuestPage(m, pfn)
      ? PAGE_CLASS['shared in mixed 2M']
      : PAGE_CLASS.shared;
  };
  const reachedOf = (m: MachineState, asked: number): number => {
    /* bits by pfn + 1, as the fields hold it: bit 0 is for the empty ones */
    let found = 0;
    for (let g = 0; g < pages; g++) {
      found |=
        (1 << m[iopte + g]) | (1 << m[iotlb + g]) | (1 << m[spte_shared + g]) | (1 << m[spte_private + g]);
      if (hasHostPtes) found |= 1 << m[host_pte + g];
    }
    for (let k = 0; k < vcpus * pages; k++) found |= 1 << m[tlb + k];
    if (vmsa_pa !== undefined) for (let v = 0; v < vcpus; v++) found |= 1 << m[vmsa_pa + v];
    for (let d = 0; d < devices; d++) found |= 1 << m[dma + d];
    if (config.ats === true) for (let k = 0; k < devices * pages; k++) found |= 1 << m[at.device_tlb + k];
    let reached = found >> 1;
    if (owned !== undefined)
      for (let pfn = 0; pfn < pfns; pfn++)
        if (m[owned + pfn] === 1 || (dirty !== undefined && m[dirty + pfn] === 1)) reached |= 1 << pfn;
    return reached & asked;
  };
  const triedReferences = (m: MachineState, first: number): number =>
    at.try_refs === undefined ? 0 : m[at.try_refs + first];
  /* on rfc-v2 get_hwpoison_page() finds a folio that is not on the LRU, and takes none */
  const keepsPoisoned = config.base !== 'rfc-v2';
  const poisonReference = (m: MachineState, first: number): number =>
    keepsPoisoned ? m[at.hwpoison + first] : 0;
  const hostReferences = (m: MachineState, first: number, last: number): number => {
    if (at.host_pin === undefined) return 0;
    const pfn = m[at.host_pin] - 1;
    return m[at.try_refs + first] + (pfn >= first && pfn < last ? 1 : 0);
  };
  const extraReferences = (m: MachineState, first: number): number => {
    let references = m[lookup_refs + first] + poisonReference(m, first);
    const last = first + folioPages(m, first);
    for (let pfn = first; pfn < last; pfn++) {
      references += m[pins + pfn];
      if (!inPlace(config)) continue;
      for (let index = 0; index < pages; index++) if (m[host_pte + index] === pfn + 1) references++;
    }
    return references + hostReferences(m, first, last);
  };
  return {
    backing,
    isPrivate,
    indexOf,
    head,
    folioPages,
    extraReferences,
    poisonReference,
    triedReferences,
    isFree,
    isGuestOwned,
    isGuestsStill: (m, pfn) => isGuestOwned(m, pfn) || isDirty(m, pfn),
    pageClass,
    blockHasGuestPage,
    reachedOf,
    mirror: platform.mirror?.reads(at) ?? null,
    verdictIndex: dmaIndex,
  };
}
