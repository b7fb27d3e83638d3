// THE SPEC. Every invariant, in reading order: what a maintainer can agree or disagree with, where it is
// taken from, and what a
// breach looks like. One breach breaks an `always`; each has a `sometimes` partner that proves that its race
// was reached.
// tidy: long because the specification is one file, read from top to bottom

import { locksHeld } from '../../models/describe-state.ts';
import type { EventName } from '../../models/events.ts';
import { AREA, DMABUF, OWNER, SEPT } from '../../models/machine.ts';
import {
  type Questions,
  inEachPage,
  inEachPfn,
  inEachThread,
  inKvmBracket,
  isIdle,
  pfnName,
  poolOf,
} from './questions.ts';

type M = Int32Array;

/** Seen by a single step. */
interface StepBreach {
  readonly outcome: string;
  readonly event: EventName;
  readonly witness: string | ((q: Questions) => string);
}
/** Seen in a state: where it is (a page, a pfn, a thread), or -1. Null where this machine cannot show it. */
interface StateBreach {
  readonly outcome: string;
  readonly at: (q: Questions) => ((m: M) => number) | null;
  /** Looked at with nothing going on alone. */
  readonly whenIdle?: true;
  readonly witness: (q: Questions, m: M, where: number) => string;
}
export type Breach = StepBreach | StateBreach;

export interface Invariant {
  readonly name: string;
  readonly says: string;
  readonly source: string;
  /** The `sometimes` that proves that it could have been broken. */
  readonly partner: SometimesName;
  readonly breaches: readonly Breach[];
}

/** A table of translations, by page, that reaches a page it should not. */
const table = (
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
const tlb = (
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
const inFlight = (wrong: (q: Questions, m: M, pfn: number, device: number) => boolean): StateBreach => ({
  outcome: 'DMA in flight',
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
const deviceTlb = (
  outcome: string,
  wrong: (q: Questions, m: M, pfn: number, iova: number, slot: number) => boolean,
): StateBreach => ({
  outcome,
  at: (q) => {
    const { pages, devices } = q.machine;
    const first = q.at.device_tlb;
    if (first === undefined) return null;
    return (m) => {
      for (let k = 0; k < devices * pages; k++)
        if (m[first + k] !== 0 && wrong(q, m, m[first + k] - 1, k % pages, k)) return k;
      return -1;
    };
  },
  witness: (q, m, k) =>
    `device TLB[iova ${k % q.machine.pages}] of DEV ${Math.floor(k / q.machine.pages)} -> ${pfnName(q, m, m[q.at.device_tlb + k] - 1)}`,
});

/** In the allocator, or somebody else's already. */
const isGivenBack = (owner: number): boolean => owner === OWNER.free || owner === OWNER.host;
/** In the allocator, and not yet somebody else's. */
const isFreed = (q: Questions, m: M, pfn: number): boolean => m[q.at.owner + pfn] === OWNER.free;
const free = (q: Questions, m: M, pfn: number): boolean => q.view.isFree(m, pfn);
/** Device memory that its exporter has taken back. */
const takenBack = (q: Questions, m: M, pfn: number): boolean =>
  pfn === q.machine.device_memory && m[q.at.dmabuf_taken] === 1;
const iopte = (page: number): string => `IOPTE[iova ${page}]`;
const iotlb = (page: number): string => `IOTLB[iova ${page}]`;

/** The guest owns it, or the hardware still treats it so. */
const guestOwned = (q: Questions, m: M, pfn: number): boolean =>
  q.view.isGuestOwned(m, pfn) || (q.machine.config.platform === 'tdx' && m[q.at.td_dirty + pfn] === 1);
/**
 * On SNP the one table serves private DMA as well: an entry is stale where it was installed for a shared
 * index.
 */
const sharedReach = (q: Questions, m: M, pfn: number, iova: number): boolean =>
  guestOwned(q, m, pfn) && (q.at.iopte_private === undefined || m[q.at.iopte_private + iova] === 0);

/** The same for what is cached: an entry knows which kind of stream filled it. */
const sharedCached = (q: Questions, m: M, pfn: number, iova: number): boolean =>
  guestOwned(q, m, pfn) && (q.at.iotlb_private === undefined || m[q.at.iotlb_private + iova] === 0);

export const INVARIANTS: readonly Invariant[] = [
  /* ---- what outlives a page ---- */
  {
    name: 'no-mapping-to-freed-page',
    says: 'No translation, cached or in flight, and no page-state entry reaches a page that guest_memfd has given back.',
    source:
      'Sean Christopherson, Jason Gunthorpe, 25-26 Feb 2026: truncation must be handled; iommu-debug-pagealloc.c',
    partner: 'page-freed',
    breaches: [
      table('IOPTE', 'iopte', iopte, free),
      table('IOTLB', 'iotlb', iotlb, free),
      deviceTlb('device TLB', free),
      /* a private access on TDX is judged by the S-EPT leaf when it commits, not by what was translated */
      inFlight(
        (q, m, pfn, d) => free(q, m, pfn) && (q.at.sept === undefined || m[q.at.dma_private + d] === 0),
      ),
      table('shared SPTE', 'spte_shared', (gfn) => `SPTE[gfn ${gfn}]`, free),
      table('private SPTE', 'spte_private', (gfn) => `SPTE[gfn ${gfn}]`, free),
      tlb(free),
      table('host PTE', 'host_pte', (index) => `host PTE[index ${index}]`, free),
      {
        /* a request is taken before the guest is entered, and the kick has made it leave */
        outcome: 'VMSA',
        at: (q) => {
          const { vmsa_pa, vmsa_reload } = q.at;
          if (vmsa_pa === undefined) return null;
          return (m) => {
            for (let v = 0; v < q.machine.vcpus; v++)
              if (m[vmsa_pa + v] !== 0 && m[vmsa_reload + v] === 0 && free(q, m, m[vmsa_pa + v] - 1))
                return v;
            return -1;
          };
        },
        witness: (q, m, v) => `vmsa_pa of vCPU ${v} -> ${pfnName(q, m, m[q.at.vmsa_pa + v] - 1)}`,
      },
      {
        outcome: 'RMP entry',
        at: ({ at: { rmp_assigned, owner }, machine }) => {
          if (rmp_assigned === undefined) return null;
          const pool = poolOf(machine);
          return (m) => {
            for (let pfn = 0; pfn < pool; pfn++)
              if (m[rmp_assigned + pfn] === 1 && isGivenBack(m[owner + pfn])) return pfn;
            return -1;
          };
        },
        witness: (q, m, pfn) =>
          `RMP[pfn ${pfn}] still assigned to gfn ${m[q.at.rmp_gfn + pfn]}: ${pfnName(q, m, pfn)}`,
      },
      {
        outcome: 'TD page',
        at: (q) =>
          q.at.td_owned === undefined
            ? null
            : (m) => inEachPfn(q, (pfn) => free(q, m, pfn) && guestOwned(q, m, pfn)),
        witness: (q, m, pfn) => `PAMT: the TD's key is still on ${pfnName(q, m, pfn)}`,
      },
    ],
  },
  {
    name: 'iopte-pfn-is-gmem-pfn',
    says: 'With nothing going on, an IOPTE of a consumer without pins points to the page that guest_memfd holds there now.',
    source:
      'Vishal Annapurve, 24 Jun 2025: "Directly query pfns from guest_memfd"; IOMMU_TEST_OP_MD_CHECK_MAP',
    partner: 'iommu-mapped',
    breaches: [
      {
        outcome: 'IOPTE',
        whenIdle: true,
        at: (q) =>
          q.pins
            ? null
            : (m) =>
                inEachPage(
                  q,
                  (page) =>
                    m[q.at.iopte + page] !== 0 &&
                    m[q.at.iopte + page] !== m[q.at.page_cache + page] &&
                    m[q.at.iopte + page] !== q.machine.device_memory + 1,
                ),
        witness: (q, m, page) =>
          `IOPTE[iova ${page}] -> pfn ${m[q.at.iopte + page] - 1}, page cache[${page}]: ${m[q.at.page_cache + page] === 0 ? 'a hole' : `pfn ${m[q.at.page_cache + page] - 1}`}`,
      },
    ],
  },
  /* ---- what outlives a conversion ---- */
  {
    name: 'no-stale-shared-iopte',
    says: 'No translation made for shared access, cached or in flight, reaches a page that the guest owns.',
    source: 'Xu Yilun, 27 Feb 2026: a shared mapping to a private page is a host machine check and restart',
    partner: 'invalidation-meets-iopte',
    breaches: [
      table('IOPTE', 'iopte', iopte, sharedReach),
      table('IOTLB', 'iotlb', iotlb, sharedCached),
      deviceTlb(
        'device TLB',
        (q, m, pfn, _iova, slot) =>
          guestOwned(q, m, pfn) &&
          (q.at.device_tlb_private === undefined || m[q.at.device_tlb_private + slot] === 0),
      ),
      inFlight((q, m, pfn, d) => m[q.at.dma_private + d] === 0 && guestOwned(q, m, pfn)),
    ],
  },
  {
    name: 'no-stale-private-iopte',
    says: 'Once a change to shared has committed and its bracket is closed, no S-EPT leaf is left: neither vCPU nor T=1 device reaches the page as private.',
    source: 'Vishal Annapurve, 24 Jun 2025: kvm_gmem_convert_should_proceed() unmaps the S-EPT',
    partner: 'converted-to-shared',
    breaches: [
      {
        outcome: 'S-EPT',
        at: (q) =>
          q.at.sept === undefined
            ? null
            : (m) =>
                inEachPage(
                  q,
                  (gfn) =>
                    m[q.at.sept + gfn] !== SEPT.free && !q.view.isPrivate(m, gfn) && !inKvmBracket(q, m, gfn),
                ),
        witness: (q, m, gfn) =>
          `S-EPT[gfn ${gfn}] -> pfn ${m[q.at.sept_pfn + gfn] - 1}, index ${gfn} is shared`,
      },
    ],
  },
  {
    name: 'no-stale-s2',
    says: 'Outside brackets the kind of an SPTE is the kind of its index, and no TLB entry outlives its SPTE.',
    source: 'kvm_mmu_faultin_pfn(), mmu_invalidate_retry_gfn(): the soundness argument of the retry protocol',
    partner: 'spte-installed',
    breaches: [
      table(
        'shared SPTE',
        'spte_shared',
        (gfn) => `SPTE[gfn ${gfn}], shared`,
        (q, m, _pfn, gfn) => q.view.isPrivate(m, gfn) && !inKvmBracket(q, m, gfn),
      ),
      table(
        'private SPTE',
        'spte_private',
        (gfn) => `SPTE[gfn ${gfn}], private`,
        (q, m, _pfn, gfn) => !q.view.isPrivate(m, gfn) && !inKvmBracket(q, m, gfn),
      ),
      tlb((q, m, _pfn, gfn, isPrivate) => {
        if (m[q.machine.lockAt.mmu_lock.writer] !== 0) return false;
        if (q.at.sept !== undefined && isPrivate) return m[q.at.sept + gfn] === SEPT.free;
        return m[(isPrivate ? q.at.spte_private : q.at.spte_shared) + gfn] === 0 && !inKvmBracket(q, m, gfn);
      }),
    ],
  },
  {
    name: 'no-host-mapping-of-private',
    says: 'No host user mapping of a private index, and no page pinned through one.',
    source: 'Ackerley Tng, 18 Jun 2026, [PATCH v8 00/46], cover letter',
    partner: 'host-pte-zapped',
    breaches: [
      table(
        'host PTE',
        'host_pte',
        (index) => `host PTE[index ${index}], private`,
        (q, m, _pfn, index) => m[q.at.private + index] === 1,
      ),
      {
        outcome: 'GUP pin',
        at: (q) => {
          const { host_pin } = q.at;
          if (host_pin === undefined) return null;
          return (m) => {
            const index = m[host_pin] === 0 ? -1 : q.view.indexOf(m, m[host_pin] - 1);
            return index >= 0 && m[q.at.private + index] === 1 ? index : -1;
          };
        },
        witness: (q, m, index) =>
          `index ${index} is private, and its pfn ${m[q.at.host_pin] - 1} is pinned by a user thread of the host`,
      },
    ],
  },
  {
    name: 'no-iopte-installed-in-bracket',
    says: 'Between the zap of a range and the end of its bracket only the owner of the bracket installs IOPTEs for it.',
    source:
      'Vishal Annapurve, 24 Jun 2025: "a way to block external IOMMU pagetable updates" while converting',
    partner: 'map-meets-invalidation',
    breaches: [
      {
        outcome: 'iommu_map',
        event: 'iommu-map-in-bracket',
        witness: 'an IOPTE is installed after the zap and before the end of the bracket',
      },
    ],
  },
  {
    name: 'no-install-after-stale-snapshot',
    says: 'No SPTE is installed from a snapshot that an invalidation has overtaken.',
    source: 'is_page_fault_stale(), mmu_invalidate_retry_gfn()',
    partner: 'fault-meets-invalidation',
    breaches: [
      {
        outcome: 'SPTE',
        event: 'stale-spte-installed',
        witness: 'an SPTE is installed although its snapshot is stale',
      },
    ],
  },
  /* ---- IOTLB ---- */
  {
    name: 'no-iotlb-after-sync',
    says: 'After the completion of an invalidation neither IOTLB nor device TLB has an entry that a cleared IOPTE had filled; and what was cleared is invalidated before the call returns.',
    source: 'iommu_unmap(), iommu_iotlb_sync(); the mock domain of the selftests has no IOTLB',
    partner: 'iotlb-entry-dropped',
    breaches: [
      {
        outcome: 'stale entry',
        at:
          ({ at: { iotlb, iopte, gather }, machine: { pages } }) =>
          (m) => {
            for (let iova = 0; iova < pages; iova++) {
              const cached = m[iotlb + iova];
              if (cached !== 0 && cached !== m[iopte + iova] && m[gather + iova] === 0) return iova;
            }
            return -1;
          },
        witness: (q, m, iova) =>
          `IOTLB[iova ${iova}] -> ${pfnName(q, m, m[q.at.iotlb + iova] - 1)}, no IOPTE and no invalidation pending`,
      },
      deviceTlb(
        'device TLB never invalidated',
        (q, m, _pfn, iova) => m[q.at.gather + iova] !== 0 && isIdle(q, m, m[q.at.gather + iova] - 1),
      ),
      deviceTlb(
        'stale device TLB entry',
        (q, m, pfn, iova) => m[q.at.iopte + iova] !== pfn + 1 && m[q.at.gather + iova] === 0,
      ),
      {
        outcome: 'never invalidated',
        at: (q) => {
          const { gather, iotlb } = q.at;
          const { pages } = q.machine;
          return (m) => {
            for (let iova = 0; iova < pages; iova++)
              if (m[gather + iova] !== 0 && m[iotlb + iova] !== 0 && isIdle(q, m, m[gather + iova] - 1))
                return iova;
            return -1;
          };
        },
        witness: (q, m, iova) =>
          `IOTLB[iova ${iova}] -> ${pfnName(q, m, m[q.at.iotlb + iova] - 1)}; the call that cleared the IOPTE has returned`,
      },
    ],
  },
  {
    name: 'rmp-size-matches-s2',
    says: 'With nothing going on, the IOPTE leaf of a private page has the size of its RMP entry.',
    source:
      'Alexey Kardashevskiy, 28 Jan 2026, Re: [PATCH v8 07/15] iommupt; an RMP fault of the IOMMU is repaired by nobody',
    partner: 'rmp-assigned',
    breaches: [
      {
        outcome: 'size',
        whenIdle: true,
        at: (q) =>
          q.at.rmp_2m === undefined
            ? null
            : (m) =>
                inEachPage(q, (iova) => {
                  const pfn = m[q.at.iopte + iova] - 1;
                  return (
                    pfn >= 0 &&
                    m[q.at.rmp_assigned + pfn] === 1 &&
                    m[q.at.rmp_gfn + pfn] === iova &&
                    m[q.at.rmp_2m + pfn] !== m[q.at.iopte_huge + iova]
                  );
                }),
        witness: (q, m, iova) =>
          `IOPTE[iova ${iova}] is ${m[q.at.iopte_huge + iova] === 1 ? '2M' : '4K'}, RMP[pfn ${m[q.at.iopte + iova] - 1}] is ${m[q.at.iopte_huge + iova] === 1 ? '4K' : '2M'}`,
      },
    ],
  },
  /* ---- references ---- */
  {
    name: 'refcount-never-negative',
    says: 'Nobody drops a reference or a pin that is not there.',
    source: 'gup_put_folio(), folio_put()',
    partner: 'reference-dropped',
    breaches: [
      {
        outcome: 'folio_put',
        event: 'put-without-reference',
        witness: 'a lookup reference, or one of the file, is dropped that nobody holds',
      },
      { outcome: 'unpin', event: 'unpin-without-pin', witness: 'a page is unpinned that nobody has pinned' },
    ],
  },
  {
    name: 'no-free-while-referenced',
    says: 'A page that somebody holds is not free.',
    source: 'put_page_testzero(); free_page_is_bad(): nonzero _refcount',
    partner: 'page-freed',
    breaches: [
      {
        outcome: 'pin',
        at: (q) =>
          q.pins ? (m) => inEachPfn(q, (pfn) => m[q.at.pins + pfn] > 0 && isFreed(q, m, pfn)) : null,
        witness: (q, m, pfn) => `pfn ${pfn} has ${m[q.at.pins + pfn]} pins and is free`,
      },
      {
        outcome: 'GUP pin',
        at: (q) => {
          const { host_pin } = q.at;
          if (host_pin === undefined) return null;
          return (m) => (m[host_pin] !== 0 && isFreed(q, m, m[host_pin] - 1) ? m[host_pin] - 1 : -1);
        },
        witness: (_q, _m, pfn) => `pfn ${pfn} is pinned by a user thread of the host and is free`,
      },
    ],
  },
  {
    name: 'unpin-follows-unmap-and-sync',
    says: 'A page is unpinned only after its IOPTE is cleared and the invalidation has completed.',
    source: 'drivers/iommu/iommufd/pages.c: unpin must follow unmap',
    partner: 'unpinned',
    breaches: [
      {
        outcome: 'before the unmap',
        event: 'unpin-before-unmap',
        witness: 'a page is unpinned while an IOPTE points to it',
      },
      {
        outcome: 'before the sync',
        event: 'unpin-before-sync',
        witness: 'a page is unpinned while the IOTLB holds it and its invalidation is pending',
      },
    ],
  },
  {
    name: 'npinned-equals-pinned',
    says: 'With pages->mutex free, npinned is the number of pages pinned.',
    source: 'iopt_pages_add_npinned(); the equality is inferred, the kernel asserts npinned == last_npinned',
    partner: 'pinned',
    breaches: [
      {
        outcome: 'npinned',
        at: (q) => {
          if (!q.pins) return null;
          return (m) => {
            if (m[q.machine.lockAt.pages_mutex.writer] !== 0) return -1;
            let pinned = 0;
            inEachPfn(q, (pfn) => ((pinned += m[q.at.pins + pfn]), false));
            return pinned === m[q.at.npinned] ? -1 : pinned;
          };
        },
        witness: (q, m, pinned) => `npinned is ${m[q.at.npinned]}, ${pinned} pages are pinned`,
      },
    ],
  },
  {
    name: 'pinned-exactly-once',
    says: 'However many holders, one iopt_pages pins a page once.',
    source: 'drivers/iommu/iommufd/pages.c, opening comment: pinned once however many holders',
    partner: 'pinned',
    breaches: [
      {
        outcome: 'pinned twice',
        at: (q) => (q.pins ? (m) => inEachPfn(q, (pfn) => m[q.at.pins + pfn] > 1) : null),
        witness: (q, m, pfn) => `pfn ${pfn} has ${m[q.at.pins + pfn]} pins`,
      },
    ],
  },
  {
    name: 'conversion-sees-expected-refcount',
    says: 'A conversion to private commits only where nobody but the page cache holds the folio.',
    source: 'kvm_gmem_has_safe_refcount()',
    partner: 'conversion-refused',
    breaches: [
      {
        outcome: 'extra reference',
        event: 'conversion-with-references',
        witness: 'a folio with an extra reference becomes private',
      },
    ],
  },
  {
    name: 'no-refusal-without-user',
    says: 'A conversion is refused only where somebody uses the page: a batch that will let go of it by itself is nobody.',
    source: 'Ackerley Tng, 24 Jun 2026: lru_add batches; kvm_gmem_is_safe_for_conversion() of v8 drains them',
    partner: 'conversion-refused',
    breaches: [
      {
        outcome: 'LRU batch',
        event: 'refused-without-user',
        witness: 'a conversion is refused for the reference of an lru_add batch alone',
      },
    ],
  },
  {
    name: 'nothing-left-at-release',
    says: 'With nothing going on, an IOPTE or a pin has an area, and no folio reference and no lock is left behind.',
    source: 'iopt_release_pages(), iopt_destroy_table(); lockdep: held lock at return to user space',
    partner: 'call-returned',
    breaches: [
      {
        outcome: 'IOPTE',
        whenIdle: true,
        at: (q) => (m) =>
          inEachPage(q, (iova) => m[q.at.iopte + iova] !== 0 && m[q.at.area + iova] === AREA.none),
        witness: (q, m, iova) => `IOPTE[iova ${iova}] -> pfn ${m[q.at.iopte + iova] - 1}, no area`,
      },
      {
        outcome: 'pin',
        whenIdle: true,
        at: (q) => (m) =>
          inEachPage(q, (iova) => m[q.at.area + iova] !== AREA.none) >= 0
            ? -1
            : inEachPfn(q, (pfn) => m[q.at.pins + pfn] > 0),
        witness: (_q, _m, pfn) => `pfn ${pfn} is pinned, no area is left`,
      },
      {
        outcome: 'reference',
        whenIdle: true,
        at: (q) => (m) => inEachPfn(q, (pfn) => m[q.at.lookup_refs + pfn] > 0),
        witness: (q, m, pfn) => `pfn ${pfn} has ${m[q.at.lookup_refs + pfn]} references without a holder`,
      },
      {
        outcome: 'lock',
        at: (q) => {
          const locks = Object.values(q.machine.lockAt);
          const holds = (m: M, t: number): boolean =>
            locks.some(({ writer, readers }) => m[writer] === t + 1 || ((m[readers] >> t) & 1) === 1);
          return (m) => {
            for (const { writer, readers } of locks)
              if (m[writer] !== 0 || m[readers] !== 0)
                return inEachThread(q, (t) => isIdle(q, m, t) && holds(m, t));
            return -1;
          };
        },
        witness: (q, m, t) =>
          `${q.machine.threads[t]?.name ?? ''} has returned to user space with ${locksHeld(q.machine, m, t).join(' and ')} held`,
      },
    ],
  },
  /* ---- the bracket ---- */
  {
    name: 'bracket-balanced',
    says: 'Every invalidate_start has its end: with nothing going on, in_progress is 0, and it never goes below.',
    source: 'kvm_mmu_invalidate_end(), KVM_BUG_ON',
    partner: 'bracket-closed',
    breaches: [
      { outcome: 'below zero', event: 'in-progress-negative', witness: 'in_progress is decremented at 0' },
      {
        outcome: 'left open',
        whenIdle: true,
        at: (q) => (m) =>
          m[q.at.mmu_invalidate_in_progress] !== 0 || m[q.at.gmem_in_progress] !== 0 ? 0 : -1,
        witness: (q, m) =>
          `mmu_invalidate_in_progress is ${m[q.at.mmu_invalidate_in_progress]}, gmem's is ${m[q.at.gmem_in_progress]}, no call is in flight`,
      },
    ],
  },
  {
    name: 'range-set-in-bracket',
    says: 'Whoever holds mmu_lock and finds a bracket open finds a range in it.',
    source:
      'mmu_invalidate_retry_gfn(): mmu_lock is not dropped between in_progress++ and the first range_add; WARN_ON in kvm_mmu_invalidate_end()',
    partner: 'bracket-closed',
    breaches: [
      {
        outcome: 'no range',
        at: ({ at, machine }) => {
          const { mmu_invalidate_in_progress, mmu_invalidate_range, gmem_in_progress, gmem_range } = at;
          const { writer } = machine.lockAt.mmu_lock;
          return (m) =>
            (m[mmu_invalidate_in_progress] > 0 && m[mmu_invalidate_range] === 0 && m[writer] === 0) ||
            (m[gmem_in_progress] > 0 && m[gmem_range] === 0)
              ? 0
              : -1;
        },
        witness: () => 'in_progress is raised and no range was added',
      },
    ],
  },
  {
    name: 'end-bumps-seq',
    says: 'The end of a bracket moves the sequence number.',
    source: 'kvm_mmu_invalidate_end(), smp_wmb()',
    partner: 'bracket-closed',
    breaches: [
      { outcome: 'seq', event: 'end-without-seq', witness: 'the bracket ends and seq stays as it was' },
    ],
  },
  {
    name: 'zap-in-bracket',
    says: 'SPTEs are zapped inside a bracket, or under slots_lock where the slot is being deleted.',
    source: 'kvm_unmap_gfn_range(), lockdep assertion (of slots_lock alone) and the comment before it',
    partner: 'bracket-closed',
    breaches: [
      { outcome: 'zap', event: 'zap-outside-bracket', witness: 'SPTEs are zapped with no bracket open' },
    ],
  },
  {
    name: 'lock-order-acyclic',
    says: 'No lock is taken inside another where some call takes them the other way round, at any depth.',
    source: 'lockdep; Documentation/virt/kvm/locking.rst; comments in kvm_gmem_release()',
    partner: 'locks-nested',
    breaches: [
      {
        outcome: 'inversion',
        event: 'lock-order-inverted',
        witness: (q: Questions) => `possible circular locking dependency: ${q.lockCycle().join('; ')}`,
      },
    ],
  },
  {
    name: 'no-sleep-under-spinlock',
    says: 'Nothing that may sleep is done with mmu_lock held.',
    source:
      'might_sleep(); mmu_lock is a rwlock on x86; [PATCH v5] cover letter: attribute lookup under mmu_lock',
    partner: 'locks-nested',
    breaches: [
      {
        outcome: 'sleep',
        event: 'slept-under-spinlock',
        witness: 'a step that may sleep runs with mmu_lock held',
      },
    ],
  },
  {
    name: 'no-dangling-binding',
    says: 'No binding of a gmem file leads to a memslot that was freed, and no memslot to a gmem file that was.',
    source:
      'Sean Christopherson, Nov 2025, ae431059e75d: bindings outlived the memslot of a dying file; comments in kvm_gmem_release() and kvm_gmem_unbind()',
    partner: 'file-released',
    breaches: [
      {
        outcome: 'slot',
        event: 'freed-slot-used',
        witness: 'kvm_gmem_release() writes slot->gmem.file of a slot that was freed',
      },
      {
        outcome: 'file',
        event: 'freed-file-used',
        witness: 'slot->gmem.file is followed to a file that was released and freed',
      },
    ],
  },
  /* ---- pages and their content ---- */
  {
    name: 'size-in-sync-with-shareability',
    says: 'Outside invalidate_lock a huge folio holds no shared index.',
    source: 'Ackerley Tng, Jun 2025, Re: [RFC PATCH v2 38/51]',
    partner: 'folio-split',
    breaches: [
      {
        outcome: 'huge folio',
        at: (q) => {
          const { page_cache, private: attribute } = q.at;
          const { pages, lockAt } = q.machine;
          const { writer } = lockAt.invalidate_lock;
          return (m) => {
            if (m[writer] !== 0) return -1;
            for (let index = 0; index < pages; index++) {
              const pfn = m[page_cache + index] - 1;
              if (pfn < 0 || m[attribute + index] !== 0) continue;
              if (q.view.folioPages(m, q.view.head(m, pfn)) > 1) return index;
            }
            return -1;
          };
        },
        witness: (q, m, index) =>
          `index ${index} is shared and inside the huge folio of pfn ${m[q.at.page_cache + index] - 1}`,
      },
    ],
  },
  {
    name: 'zeroed-before-first-use',
    says: 'Nobody reads a page of guest_memfd before it was cleared.',
    source: '[PATCH v8 21/46]: zeroed at most once; kvm_gmem_get_pfn() clears what is not up to date',
    partner: 'page-cleared',
    breaches: [
      {
        outcome: 'stale data',
        event: 'stale-data-used',
        witness: 'a page is read that still holds what its last owner left',
      },
      {
        outcome: 'measured',
        event: 'stale-data-measured',
        witness: "what the last owner of a page has left becomes part of the guest's image",
      },
    ],
  },
  {
    name: 'populate-of-unassigned-private',
    says: 'The initial image goes to private gfns, and on SNP to pages that no guest has.',
    source: '__kvm_gmem_populate(): -EINVAL; sev_gmem_post_populate(): -EEXIST',
    partner: 'populated',
    breaches: [
      {
        outcome: 'shared gfn',
        event: 'populated-shared',
        witness: 'a page of a shared gfn becomes part of the image',
      },
      {
        outcome: 'assigned page',
        event: 'populated-assigned',
        witness: 'firmware is given a page that is assigned already',
      },
    ],
  },
  {
    name: 'populate-keeps-its-leaf',
    says: 'While populate runs, the S-EPT leaf that it has added stays: slots_lock keeps memslots out, invalidate_lock guest_memfd.',
    source: 'tdx_gmem_post_populate(), comment',
    partner: 'populated',
    breaches: [
      {
        outcome: 'S-EPT',
        event: 'populated-leaf-gone',
        witness: 'TDH.MR.EXTEND finds no leaf where populate has just added one',
      },
    ],
  },
  {
    name: 'neighbour-content-survives',
    says: 'What guest or device has written stays as it is until its page is truncated, or changes from private to shared or back; the kernel itself does not zero it then.',
    source:
      'kvm_gmem_get_pfn() clears what is not up to date; kvm_gmem_zero_range() of RFC v2; Suzuki K Poulose, 5 Jul 2026, Re: [PATCH v8 13/46]; Fuad Tabba, 19 Jun 2026, Re: [PATCH v8 15/46]',
    partner: 'page-cleared',
    breaches: [
      { outcome: 'wiped by a hole', event: 'data-wiped', witness: 'a hole zeroes data outside its range' },
      {
        outcome: 'cleared after use',
        event: 'data-cleared',
        witness: 'a page is cleared that guest or device had written to',
      },
      {
        outcome: 'zapped with the range',
        event: 'content-lost-beside',
        witness: 'a conversion has taken the data of a page from the guest that stays private all along',
      },
      {
        outcome: 'wiped by a conversion',
        event: 'wiped-by-conversion',
        witness: 'a conversion zeroes a page that guest or device had written to',
      },
    ],
  },
  {
    name: 'same-pfn-across-conversion',
    says: 'A conversion in place leaves each page in the page cache: the other kind is the same page.',
    source:
      '[PATCH v8 00/46], cover letter, on a test that converted and looked at another page (docs/objections.md D38)',
    partner: 'converted-to-shared',
    breaches: [
      {
        outcome: 'page cache',
        event: 'converted-page-removed',
        witness: 'a conversion takes a page of its range out of the page cache',
      },
    ],
  },
  {
    name: 'attributes-total',
    says: 'Every index has an attribute: the tree has no gap, for a lookup that finds none can only guess.',
    source: 'Binbin Wu, 22 Jun 2026, Sean Christopherson, 23 Jun 2026, Re: [PATCH v8 01/46]',
    partner: 'call-returned',
    breaches: [
      {
        outcome: 'gap',
        at: (q) =>
          q.at.attribute_missing === undefined
            ? null
            : (m) => inEachPage(q, (index) => m[q.at.attribute_missing + index] === 1),
        witness: (_q, _m, index) => `index ${index} has no entry in the tree of attributes`,
      },
    ],
  },
  /* ---- outcomes of accesses ---- */
  {
    name: 'no-host-fatal',
    says: 'No access takes the host down.',
    source: 'Xu Yilun, 27 Feb 2026: host machine check and restart; RMP faults of host writes',
    partner: 'access-made',
    breaches: [
      { outcome: 'DMA', event: 'access.host-fatal', witness: 'DMA takes the host down: machine check' },
      { outcome: 'CPU', event: 'access.cpu-fatal', witness: 'a CPU access takes the host down' },
    ],
  },
  {
    name: 'no-host-corruption',
    says: 'No access changes memory of the host or of another owner.',
    source: 'page-state hardware does not protect host-owned pages from one another',
    partner: 'access-made',
    breaches: [
      {
        outcome: 'DMA',
        event: 'access.host-corruption',
        witness: 'DMA writes to a page that belongs to somebody else',
      },
      {
        outcome: 'CPU',
        event: 'access.cpu-corruption',
        witness: 'a CPU writes to a page that belongs to somebody else',
      },
    ],
  },
  {
    name: 'no-plaintext-to-untrusted',
    says: 'No device and no host user reads plaintext that is not theirs.',
    source: 'page-state hardware protects private pages only; Ackerley Tng, 18 Jun 2026',
    partner: 'access-made',
    breaches: [
      {
        outcome: 'DMA',
        event: 'access.leak',
        witness: (q: Questions) =>
          q.machine.config.platform === 'bare'
            ? 'an untrusted device (T=0) reads a page that is private to the guest, or was freed; the access is judged, whatever the page holds at that moment'
            : 'a device reads a page that was freed; the access is judged, whatever the page holds at that moment',
      },
      { outcome: 'CPU', event: 'access.cpu-leak', witness: 'user space touches a private page' },
    ],
  },
  {
    name: 'no-integrity-violation',
    says: 'Private guest data is not altered undetected.',
    source: 'what the RMP is for',
    partner: 'access-made',
    breaches: [
      {
        outcome: 'DMA',
        event: 'access.integrity',
        witness: 'untrusted DMA alters a private page and nobody is told',
      },
    ],
  },
  {
    name: 'no-silent-lost-dma',
    says: 'DMA issued with no page-state change going on reaches the page that backs the GPA, or raises an event.',
    source: 'canonical/tdx issue 395: the driver reads zeros for ever, no fault',
    partner: 'dma-completed',
    breaches: [
      {
        outcome: 'DMA',
        event: 'access.dma-lost-clean',
        witness: 'DMA lands in a page that nobody reads any more, without an event',
      },
    ],
  },
  /* ---- calls ---- */
  {
    name: 'all-or-nothing',
    says: 'A map that fails leaves no IOPTE behind; a conversion is whole when it returns 0, and undone where it returns an error.',
    source:
      'iopt_area_fill_domains(): "All domains are left unchanged"; Ackerley Tng, Jun 2025, Re: [RFC PATCH v2 38/51]',
    partner: 'call-failed',
    breaches: [
      {
        outcome: 'map',
        event: 'map-failed-leaving-ioptes',
        witness: 'IOMMU_IOAS_MAP_FILE has failed and IOPTEs of its range are left',
      },
      {
        outcome: 'not converted',
        event: 'conversion-not-done',
        witness: 'a conversion returns 0 and an index of its range has the old attribute',
      },
      {
        outcome: 'attributes',
        event: 'conversion-half-done',
        witness: 'a conversion has failed and an attribute is not what it was before',
      },
      {
        outcome: 'part of the range',
        event: 'conversion-partial',
        witness: 'a conversion drops invalidate_lock with a part of its range changed',
      },
      {
        outcome: 'folios',
        event: 'conversion-left-structure',
        witness: 'a conversion has failed and a folio has not the size that it had before',
      },
    ],
  },
  {
    name: 'no-zap-before-point-of-no-return',
    says: 'A conversion that fails has taken nothing from the guest: no private leaf of the S-EPT, whose removal destroys what the page holds, no RMP entry.',
    source:
      'Yan Zhao, Jun 2025, Re: [RFC PATCH v2 38/51] and the TDX thread: what can fail comes before the unmap',
    partner: 'call-failed',
    breaches: [
      {
        outcome: 'S-EPT',
        event: 'conversion-failed-after-remove',
        witness:
          'a conversion has failed after it removed a private leaf; the guest finds its page not accepted',
      },
      {
        outcome: 'data',
        event: 'content-lost-in-refusal',
        witness:
          'a conversion that changes nothing has removed the S-EPT leaf or RMP entry of a page with data',
      },
    ],
  },
  {
    name: 'errno-as-documented',
    says: 'A call returns 0 or one of its documented errnos.',
    source: 'Documentation/virt/kvm/api.rst, include/uapi/linux/iommufd.h',
    partner: 'call-failed',
    breaches: [
      {
        outcome: 'errno',
        event: 'errno-undocumented',
        witness: 'a call returns an errno that it does not document',
      },
    ],
  },
  {
    name: 'error-offset-in-range',
    says: 'A refused conversion says where, inside its range.',
    source: 'KVM_GMEM_CONVERT_*: error_offset',
    partner: 'conversion-refused',
    breaches: [
      {
        outcome: 'error_offset',
        event: 'error-offset-out-of-range',
        witness: 'error_offset lies outside the range of the call',
      },
    ],
  },
  {
    name: 'no-unbounded-retry',
    says: 'The kernel does not busy-wait for something that user space may hold for ever.',
    source: 'Yan Zhao, Jun 2025: filemap_remove_folio_for_restructuring() spins with invalidate_lock held',
    partner: 'call-returned',
    breaches: [
      {
        outcome: 'spin',
        event: 'spin-on-user-reference',
        witness: 'folio_ref_freeze() spins on a pin, invalidate_lock held',
      },
      {
        outcome: 'unsigned index',
        event: 'loop-without-end',
        witness: 'a loop counts an unsigned index down to a start of 0, invalidate_lock held',
      },
    ],
  },
  {
    name: 'every-call-returns',
    says: 'No deadlock: while a call is in flight there is somebody who can go on.',
    source: 'lockdep, hung task detector; rmpupdate() loops for ever on RMPUPDATE_FAIL_OVERLAP',
    partner: 'call-returned',
    breaches: [
      {
        outcome: 'stuck',
        event: 'stuck',
        witness: 'a call is blocked, and nobody is left who could unblock it',
      },
    ],
  },
  /* ---- areas and domains ---- */
  {
    name: 'iova-is-empty-when-reused',
    says: 'What iommufd maps has no IOPTE yet: an IOVA is given out again only when those of its last owner are gone.',
    source: 'iopt_unmap_iova_range(): iopt_abort_area() follows iopt_area_unfill_domains()',
    partner: 'iommu-mapped',
    breaches: [
      {
        outcome: 'IOPTE',
        event: 'map-over-iopte',
        witness: 'iommu_map() finds an IOPTE: -EADDRINUSE from an IOVA that was free',
      },
    ],
  },
  {
    name: 'domain-maps-the-areas',
    says: 'With nothing going on, an attached domain has the IOPTEs of every area, where nobody but iommufd clears any.',
    source: 'iopt_map_pages(): "area->pages must be set inside the domains_rwsem"; docs/iommufd.md A3.8',
    partner: 'domain-attached',
    breaches: [
      {
        outcome: 'area',
        whenIdle: true,
        at: (q) => {
          const { domain_attached, area, iopte, dmabuf_pages } = q.at;
          if (domain_attached === undefined || q.notified) return null;
          return (m) =>
            m[domain_attached] === 0
              ? -1
              : inEachPage(
                  q,
                  (iova) =>
                    m[area + iova] === AREA.mapped &&
                    m[iopte + iova] === 0 &&
                    (dmabuf_pages === undefined || m[dmabuf_pages + iova] !== DMABUF.empty),
                );
        },
        witness: (_q, _m, iova) => `the area at iova ${iova} has pages, and the domain has no IOPTE for it`,
      },
    ],
  },
  /* ---- pointers ---- */
  {
    name: 'pointers-are-what-they-seem',
    says: 'Every pointer that the kernel follows was set, to an object of its type.',
    source: 'drivers/iommu/iommufd/pages.c: ufolios; include/linux/err.h: IS_ERR()',
    partner: 'call-returned',
    breaches: [
      {
        outcome: 'ERR_PTR',
        event: 'err-ptr-followed',
        witness: 'an errno is followed as if it were a folio',
      },
      {
        outcome: 'unset',
        event: 'unset-pointer-followed',
        witness:
          'an entry of an array is followed as a folio that nobody has written, or that is past its end',
      },
    ],
  },
  /* ---- in-kernel access ---- */
  {
    name: 'access-pages-stay',
    says: 'A page that a driver has pinned is in an area that has its pages, and is not freed.',
    source:
      'iopt_unmap_iova_range(): num_accesses is 0 where area->pages becomes NULL; iommufd_access_notify_unmap()',
    partner: 'access-meets-unmap',
    breaches: [
      table(
        'area',
        'access_pfn',
        (iova) => `pinned by a driver at iova ${iova}, whose area is gone`,
        (q, m, _pfn, iova) => m[q.at.area + iova] !== AREA.mapped,
      ),
      table('freed page', 'access_pfn', (iova) => `pinned by a driver at iova ${iova}`, free),
    ],
  },
  {
    name: 'num-accesses-is-what-is-held',
    says: 'With pages->mutex free, an area has accesses exactly where a driver has pages of it.',
    source: 'drivers/iommu/iommufd/pages.c: iopt_area_add_access(), iopt_area_remove_access()',
    partner: 'access-pinned',
    breaches: [
      {
        outcome: 'num_accesses',
        at: (q) => {
          const { num_accesses, access_pfn, area, area_start } = q.at;
          if (num_accesses === undefined) return null;
          return (m) => {
            if (m[q.machine.lockAt.pages_mutex.writer] !== 0) return -1;
            return inEachPage(q, (iova) => {
              if (m[area + iova] !== AREA.mapped || m[area_start + iova] !== iova) return false;
              const held = inEachPage(
                q,
                (page) =>
                  m[area + page] === AREA.mapped &&
                  m[area_start + page] === iova &&
                  m[access_pfn + page] !== 0,
              );
              return m[num_accesses + iova] > 0 !== held >= 0;
            });
          };
        },
        witness: (q, m, iova) =>
          `num_accesses of the area at iova ${iova} is ${m[q.at.num_accesses + iova]}, which is not what the driver has`,
      },
    ],
  },
  {
    name: 'no-cpu-access-to-private',
    says: 'The kernel neither copies from nor to private memory of a guest, nor does a driver have pages of it.',
    source: 'the RFC of 25 Feb 2026 leaves iommufd_access_rw() and iommufd_access_pin_pages() as they are',
    partner: 'access-copied',
    breaches: [
      table(
        'pin',
        'access_pfn',
        (iova) => `pinned by a driver at iova ${iova}, which is private`,
        (q, m, _pfn, iova) => q.view.isPrivate(m, iova),
      ),
      {
        outcome: 'copy',
        event: 'private-page-copied',
        witness: 'iommufd_access_rw() copies from or to a page of a private index',
      },
    ],
  },
  /* ---- revoke of a dma-buf ---- */
  {
    name: 'no-access-after-revoke',
    says: 'Once dma_buf_invalidate_mappings() has returned to the exporter, no translation, cached or in flight, reaches its memory, until it gives it out again.',
    source:
      '8c5f9645c389: access is stopped and fenced inside invalidate_mappings(); iopt_revoke_notify(): iommu_unmap(), then phys.len = 0',
    partner: 'revoke-finds-area',
    breaches: [
      table('IOPTE', 'iopte', iopte, takenBack),
      table('IOTLB', 'iotlb', iotlb, takenBack),
      deviceTlb('device TLB', takenBack),
      inFlight(takenBack),
    ],
  },
  {
    name: 'unmap-returns-its-size',
    says: 'The unmap of an area of a dma-buf finds all of it mapped: what a revoke has unmapped is not unmapped again.',
    source:
      'iommu_unmap_nofail(), WARN_ON(ret != size); __iopt_area_unfill_domain(), WARN_ON() of a revoked one',
    partner: 'revoke-meets-unmap',
    breaches: [
      {
        outcome: 'size',
        event: 'unmap-found-less',
        witness: 'iommu_unmap() of an area finds an IOVA without an IOPTE: WARN_ON(ret != size)',
      },
    ],
  },
];

export const SOMETIMES = [
  {
    name: 'populated',
    event: 'populated',
    says: 'A page of the initial image was added (with --cast launch).',
  },
  {
    name: 'host-pinned',
    event: 'host-pinned',
    says: 'A user thread of the host has pinned a page (with --cast host).',
  },
  { name: 'vmsa-installed', event: 'vmsa-installed', says: 'A vCPU took a VMSA (with --cast vmsa).' },
  {
    name: 'vmsa-invalidated',
    event: 'vmsa-invalidated',
    says: 'An invalidation found a VMSA in its range (with --cast vmsa).',
  },
  { name: 'page-freed', event: 'page-freed', says: 'A page went back to the allocator.' },
  { name: 'domain-attached', event: 'domain-attached', says: 'A domain was attached (with --cast domains).' },
  { name: 'access-pinned', event: 'access-pinned', says: 'A driver has pinned pages (with --cast access).' },
  {
    name: 'access-meets-unmap',
    event: 'access-meets-unmap',
    says: 'An unmap found an access (with --cast access).',
  },
  { name: 'access-copied', event: 'access-copied', says: 'iommufd_access_rw() copied (with --cast access).' },
  {
    name: 'revoke-finds-area',
    event: 'revoke-finds-area',
    says: 'A revoke found an area that is mapped, or being mapped (with --cast dmabuf).',
  },
  {
    name: 'revoke-meets-map',
    event: 'revoke-meets-map',
    says: 'A map that has its dma-buf finds it revoked when it comes to fill the area (with --cast dmabuf).',
  },
  {
    name: 'revoke-meets-unmap',
    event: 'revoke-meets-unmap',
    says: 'An unmap found its area revoked (with --cast dmabuf).',
  },
  {
    name: 'revoke-meets-attach',
    event: 'revoke-meets-attach',
    says: 'An attach or a detach of the domain found an area revoked (with --cast domains,dmabuf).',
  },
  { name: 'iommu-mapped', event: 'iommu-mapped', says: 'An IOPTE was installed.' },
  {
    name: 'invalidation-meets-iopte',
    event: 'invalidation-meets-iopte',
    says: 'A bracket opened over a page that the IOMMU had mapped.',
  },
  { name: 'converted-to-shared', event: 'converted-to-shared', says: 'A conversion to shared committed.' },
  { name: 'spte-installed', event: 'spte-installed', says: 'A fault installed an SPTE.' },
  { name: 'host-pte-zapped', event: 'host-pte-zapped', says: 'A host mapping was zapped.' },
  {
    name: 'map-meets-invalidation',
    event: 'map-meets-invalidation',
    says: 'A map was in flight while a bracket was open.',
  },
  { name: 'fault-meets-invalidation', event: 'fault-retried', says: 'A fault found its snapshot stale.' },
  {
    name: 'device-tlb-entry-dropped',
    event: 'device-tlb-entry-dropped',
    says: 'An invalidation has dropped an entry of a device TLB (with --ats).',
  },
  {
    name: 'iotlb-entry-dropped',
    event: 'iotlb-entry-dropped',
    says: 'An invalidation dropped an IOTLB entry.',
  },
  { name: 'rmp-assigned', event: 'rmp-assigned', says: 'RMPUPDATE assigned a page to the guest.' },
  { name: 'reference-dropped', event: 'reference-dropped', says: 'A folio reference was dropped.' },
  { name: 'unpinned', event: 'unpinned', says: 'A page was unpinned.' },
  { name: 'pinned', event: 'pinned', says: 'A page was pinned.' },
  {
    name: 'conversion-refused',
    event: 'conversion-refused',
    says: 'A conversion was refused for its references.',
  },
  { name: 'call-returned', event: 'call-returned', says: 'A call returned.' },
  { name: 'call-failed', event: 'call-failed', says: 'A call returned an errno.' },
  { name: 'bracket-closed', event: 'bracket-closed', says: 'A bracket was opened and closed.' },
  { name: 'locks-nested', event: 'locks-nested', says: 'A lock was taken inside another.' },
  { name: 'file-released', event: 'release-reached', says: 'The last reference to the gmem file went.' },
  { name: 'folio-split', event: 'folio-split', says: 'A huge folio was split.' },
  { name: 'page-cleared', event: 'page-cleared', says: 'A page was cleared.' },
  { name: 'access-made', event: 'access.ok', says: 'A DMA reached its page.' },
  { name: 'dma-completed', event: 'dma-completed', says: 'A DMA reached its page.' },
] as const satisfies readonly { readonly name: string; readonly event: EventName; readonly says: string }[];
export type SometimesName = (typeof SOMETIMES)[number]['name'];
