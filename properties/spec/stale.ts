// tidy: long because the family is one: what still reaches a page when it should not
// What outlives a page, a conversion or an invalidation: translations, cached and in flight, and page-state entries.

import { DMABUF, SEPT } from '../../models/machine.ts';
import { platformOf } from '../../models/platforms/index.ts';
import { type Made, holds, on, some } from './made.ts';
import { type Questions, inEachPage, inEachPfn, inKvmBracket, isIdle, pfnName, poolOf } from './questions.ts';
import { AXIOM, type Invariant, type M } from './row.ts';
import {
  deviceTlb,
  free,
  guestOwned,
  inFlight,
  inIopte,
  inIotlb,
  isGivenBack,
  sharedCached,
  sharedReach,
  table,
  tlb,
} from './tables.ts';

const isOfDmabuf = (q: Questions, m: M, iova: number): boolean =>
  q.at.dmabuf_pages !== undefined && m[q.at.dmabuf_pages + iova] !== DMABUF.none;
/** An open bracket that has no range yet covers everything. */
const isBracketed = (q: Questions, m: M, gfn: number): boolean =>
  m[q.at.mmu_invalidate_in_progress] > 0 &&
  (m[q.at.mmu_invalidate_range] === 0 || ((m[q.at.mmu_invalidate_range] >> gfn) & 1) === 1);
/** There was no leaf for the gfn, and there is one. One NPT entry serves both kinds; an S-EPT has the private ones. */
function hasInstalled(
  { at, view }: Questions,
  gfn: number,
  isPrivate: boolean,
  { before, after }: Made,
): boolean {
  const leaf = (m: M): boolean => {
    if (view.mirror === null) return m[at.spte_shared + gfn] !== 0 || m[at.spte_private + gfn] !== 0;
    return isPrivate ? view.mirror.isPresent(m, gfn) : m[at.spte_shared + gfn] !== 0;
  };
  return !leaf(before) && leaf(after);
}

export const STALE = [
  /* ---- what outlives a page ---- */
  {
    ...AXIOM,
    name: 'no-mapping-to-freed-page',
    says: 'No translation, cached or in flight, and no page-state entry reaches a page that guest_memfd has given back.',
    source:
      'Sean Christopherson, Jason Gunthorpe, 25-26 Feb 2026: truncation must be handled; iommu-debug-pagealloc.c',
    partner: 'page-freed',
    gravity: 0,
    breaches: [
      inIopte(free),
      inIotlb(free),
      deviceTlb('device TLB', free),
      /* a private access on TDX is judged by the S-EPT leaf when it commits, not by what was translated */
      inFlight(
        (q, m, pfn, d) => free(q, m, pfn) && (q.view.mirror === null || m[q.at.dma_private + d] === 0),
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
    ...AXIOM,
    name: 'iopte-pfn-is-gmem-pfn',
    says: 'With nothing going on, an IOPTE of a consumer without pins points to the page that guest_memfd holds there now.',
    source:
      'Vishal Annapurve, 24 Jun 2025: "Directly query pfns from guest_memfd"; IOMMU_TEST_OP_MD_CHECK_MAP',
    partner: 'iommu-mapped',
    breaches: [
      {
        outcome: 'IOPTE',
        needsIommu: true,
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
    ...AXIOM,
    name: 'no-stale-shared-iopte',
    says: 'No translation made for shared access, cached or in flight, reaches a page that the guest owns.',
    source: 'Xu Yilun, 27 Feb 2026: a shared mapping to a private page is a host machine check and restart',
    partner: 'invalidation-meets-iopte',
    /* it takes the host down on TDX only; on SNP its use is a contained fault */
    judged: (config) => (platformOf(config).mistakes.sharedDma === 'contained' ? 'flag' : 'axiom'),
    gravity: 7,
    breaches: [
      inIopte(sharedReach),
      inIotlb(sharedCached),
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
    ...AXIOM,
    name: 'no-stale-private-iopte',
    says: 'Once a change to shared has committed and its bracket is closed, no S-EPT leaf is left: neither vCPU nor T=1 device reaches the page as private.',
    source: 'Vishal Annapurve, 24 Jun 2025: kvm_gmem_convert_should_proceed() unmaps the S-EPT',
    partner: 'converted-to-shared',
    judged: (config) => (platformOf(config).mirror === null ? 'not judged' : 'axiom'),
    gravity: 8,
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
    ...AXIOM,
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
        if (q.view.mirror !== null && isPrivate) return !q.view.mirror.isPresent(m, gfn);
        return m[(isPrivate ? q.at.spte_private : q.at.spte_shared) + gfn] === 0 && !inKvmBracket(q, m, gfn);
      }),
    ],
  },
  {
    ...AXIOM,
    name: 'no-host-mapping-of-private',
    says: 'No host user mapping of a private index, and no page pinned through one.',
    source: 'Ackerley Tng, 18 Jun 2026, [PATCH v8 00/46], cover letter',
    partner: 'host-pte-zapped',
    gravity: 9,
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
    ...AXIOM,
    name: 'no-iopte-installed-in-bracket',
    says: 'Between the zap of a range and the end of its bracket only the owner of the bracket installs IOPTEs for it.',
    source:
      'Vishal Annapurve, 24 Jun 2025: "a way to block external IOMMU pagetable updates" while converting',
    partner: 'map-meets-invalidation',
    breaches: [
      {
        outcome: 'iommu_map',
        needsIommu: true,
        event: 'iommu-map-in-bracket',
        definition: on(
          'iommu_map',
          (q, { iova, pages }, { before, thread, after }) =>
            !holds(q, before, thread, 'invalidate_lock') &&
            some(
              { start: iova, end: iova + pages },
              (page) =>
                before[q.at.iopte + page] === 0 &&
                after[q.at.iopte + page] !== 0 &&
                !isOfDmabuf(q, before, page) &&
                ((before[q.at.gmem_zapped] >> page) & 1) === 1,
            ),
        ),
        witness: 'an IOPTE is installed after the zap and before the end of the bracket',
      },
    ],
  },
  {
    ...AXIOM,
    name: 'no-install-after-stale-snapshot',
    says: 'No SPTE is installed from a snapshot that an invalidation has overtaken.',
    source: 'is_page_fault_stale(), mmu_invalidate_retry_gfn()',
    partner: 'fault-meets-invalidation',
    breaches: [
      {
        outcome: 'SPTE',
        event: 'stale-spte-installed',
        definition: on(
          'kvm_tdp_mmu_map',
          (q, { index, private: isPrivate, seq }, made) =>
            hasInstalled(q, index, isPrivate, made) &&
            (isBracketed(q, made.before, index) || made.before[q.at.mmu_invalidate_seq] !== seq),
        ),
        witness: 'an SPTE is installed although its snapshot is stale',
      },
    ],
  },
  /* ---- IOTLB ---- */
  {
    ...AXIOM,
    name: 'no-iotlb-after-sync',
    says: 'After the completion of an invalidation neither IOTLB nor device TLB has an entry that a cleared IOPTE had filled; and what was cleared is invalidated before the call returns.',
    source: 'iommu_unmap(), iommu_iotlb_sync(); the mock domain of the selftests has no IOTLB',
    partner: 'iotlb-entry-dropped',
    breaches: [
      {
        outcome: 'stale entry',
        needsIommu: true,
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
        (q, m, _pfn, iova, _slot, placeAt) =>
          m[q.at.gather + iova] !== 0 && isIdle(m, placeAt, m[q.at.gather + iova] - 1),
      ),
      deviceTlb(
        'stale device TLB entry',
        (q, m, pfn, iova) => m[q.at.iopte + iova] !== pfn + 1 && m[q.at.gather + iova] === 0,
      ),
      {
        outcome: 'never invalidated',
        needsIommu: true,
        at: (q) => {
          const { gather, iotlb } = q.at;
          const { pages } = q.machine;
          return (m, placeAt) => {
            for (let iova = 0; iova < pages; iova++)
              if (m[gather + iova] !== 0 && m[iotlb + iova] !== 0 && isIdle(m, placeAt, m[gather + iova] - 1))
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
    ...AXIOM,
    name: 'rmp-size-matches-s2',
    says: 'With nothing going on, the IOPTE leaf of a private page has the size of its RMP entry.',
    source:
      'Alexey Kardashevskiy, 28 Jan 2026, Re: [PATCH v8 07/15] iommupt; an RMP fault of the IOMMU is repaired by nobody',
    partner: 'rmp-assigned',
    judged: (config) =>
      platformOf(config).rmp !== null && config.vmm === 'cooperative' ? 'axiom' : 'not judged',
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
] satisfies readonly Invariant[];
