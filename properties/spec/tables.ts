// Tables that reach pages, as breaches: an entry that reaches a page it should not.

import { OWNER } from '../../models/machine.ts';
import { type PlaceAt, type Questions, pfnName } from './questions.ts';
import type { M, StateBreach } from './row.ts';

/** A table of translations, by page, that reaches a page it should not. */
export const table = (
  outcome: string,
  field: string,
  name: (page: number) => string,
  wrong: (q: Questions, m: M, pfn: number, page: number) => boolean,
): StateBreach => ({
  outcome,
  at: (q) => {
    const first = q.at[field];
    const { pages } = q.machine;
    if (first === undefined) return null;
    return (m) => {
      for (let page = 0; page < pages; page++)
        if (m[first + page] !== 0 && wrong(q, m, m[first + page] - 1, page)) return page;
      return -1;
    };
  },
  witness: (q, m, page) => `${name(page)} -> ${pfnName(q, m, m[q.at[field] + page] - 1)}`,
});
type Wrong = (q: Questions, m: M, pfn: number, iova: number) => boolean;
export const inIopte = (wrong: Wrong): StateBreach => ({
  ...table('IOPTE', 'iopte', (iova) => `IOPTE[iova ${iova}]`, wrong),
  needsIommu: true,
});
export const inIotlb = (wrong: Wrong): StateBreach => ({
  ...table('IOTLB', 'iotlb', (iova) => `IOTLB[iova ${iova}]`, wrong),
  needsIommu: true,
});
export const tlb = (
  wrong: (q: Questions, m: M, pfn: number, gfn: number, isPrivate: boolean) => boolean,
): StateBreach => ({
  outcome: 'TLB',
  at: (q) => {
    const { pages, vcpus } = q.machine;
    const { tlb: first, tlb_private } = q.at;
    return (m) => {
      for (let k = 0; k < vcpus * pages; k++)
        if (m[first + k] !== 0 && wrong(q, m, m[first + k] - 1, k % pages, m[tlb_private + k] === 1))
          return k;
      return -1;
    };
  },
  witness: (q, m, k) =>
    `TLB[gfn ${k % q.machine.pages}] of vCPU ${Math.floor(k / q.machine.pages)} -> ${pfnName(q, m, m[q.at.tlb + k] - 1)}`,
});
export const inFlight = (
  wrong: (q: Questions, m: M, pfn: number, device: number) => boolean,
): StateBreach => ({
  outcome: 'DMA in flight',
  needsIommu: true,
  at: (q) => {
    const { dma } = q.at;
    const { devices } = q.machine;
    return (m) => {
      for (let d = 0; d < devices; d++) if (m[dma + d] !== 0 && wrong(q, m, m[dma + d] - 1, d)) return d;
      return -1;
    };
  },
  witness: (q, m, d) =>
    `DMA of DEV ${d} to iova ${m[q.at.dma_iova + d]}, translated, not committed -> ${pfnName(q, m, m[q.at.dma + d] - 1)}`,
});

/** Translations that devices with ATS keep. */
export const deviceTlb = (
  outcome: string,
  wrong: (q: Questions, m: M, pfn: number, iova: number, slot: number, placeAt: PlaceAt) => boolean,
): StateBreach => ({
  outcome,
  needsIommu: true,
  at: (q) => {
    const { pages, devices } = q.machine;
    const first = q.at.device_tlb;
    if (first === undefined) return null;
    return (m, placeAt) => {
      for (let k = 0; k < devices * pages; k++)
        if (m[first + k] !== 0 && wrong(q, m, m[first + k] - 1, k % pages, k, placeAt)) return k;
      return -1;
    };
  },
  witness: (q, m, k) =>
    `device TLB[iova ${k % q.machine.pages}] of DEV ${Math.floor(k / q.machine.pages)} -> ${pfnName(q, m, m[q.at.device_tlb + k] - 1)}`,
});

/** In the allocator, or somebody else's already. */
export const isGivenBack = (owner: number): boolean => owner === OWNER.free || owner === OWNER.host;
/** In the allocator, and not yet somebody else's. */
export const isFreed = (q: Questions, m: M, pfn: number): boolean => m[q.at.owner + pfn] === OWNER.free;
export const free = (q: Questions, m: M, pfn: number): boolean => q.view.isFree(m, pfn);
/** Device memory that its exporter has taken back. */
export const takenBack = (q: Questions, m: M, pfn: number): boolean =>
  pfn === q.machine.device_memory && m[q.at.dmabuf_taken] === 1;

/** The guest owns it, or the hardware still treats it so. */
export const guestOwned = (q: Questions, m: M, pfn: number): boolean => q.view.isGuestsStill(m, pfn);
/**
 * On SNP the one table serves private DMA as well: an entry is stale where it was installed for a shared
 * index.
 */
export const sharedReach = (q: Questions, m: M, pfn: number, iova: number): boolean =>
  guestOwned(q, m, pfn) && (q.at.iopte_private === undefined || m[q.at.iopte_private + iova] === 0);

/** The same for what is cached: an entry knows which kind of stream filled it. */
export const sharedCached = (q: Questions, m: M, pfn: number, iova: number): boolean =>
  guestOwned(q, m, pfn) && (q.at.iotlb_private === undefined || m[q.at.iotlb_private + iova] === 0);
