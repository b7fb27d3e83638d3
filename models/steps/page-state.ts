// Page-state instructions: RMPUPDATE and PSMASH of SEV-SNP, the S-EPT leaf calls of TDX, what the guest does
// with its pages.

import { guestOf } from '../bounds.ts';
import { CONTENT, type Machine, SEPT } from '../machine.ts';
import type { Attributes } from './attributes.ts';
import { BLOCKED, type Exec, type State, makeFailsNow } from './context.ts';
import { PLAIN, type Rows } from './row.ts';
import { either } from './words.ts';

export type PageState = ReturnType<typeof makePageState>;

export function makePageState(exec: Exec, attributes: Attributes) {
  const { machine, view, rmp, note } = exec;
  const { at, pages, huge, pfns, config, vcpus, devices } = machine;
  const hasRmp = at.rmp_assigned !== undefined;
  const hasSept = at.sept !== undefined;
  const asks4k = guestOf(config) === 'malicious';

  const failsNow = makeFailsNow(machine);
  const blockOf = (pfn: number): number => pfn - (pfn % huge);

  /** A translated request that the RMP is not asked about. */
  const isUnchecked = (m: State, device: number): boolean =>
    config.ats === true && rmp?.checksTranslated === false && m[at.dma_translated + device] === 1;

  /** RMPUPDATE: the IOTLB forgets the page, and what was translated through it is checked again. */
  const rmpChanged = (m: State, pfn: number): void => {
    if (rmp?.flushesIotlb !== true) return;
    for (let iova = 0; iova < pages; iova++) {
      if (m[at.iotlb + iova] !== pfn + 1) continue;
      const isHuge = m[at.iotlb_huge + iova] === 1;
      const first = isHuge ? iova - (iova % huge) : iova;
      for (let i = first; i < (isHuge ? first + huge : iova + 1); i++)
        m[at.iotlb + i] = m[at.iotlb_huge + i] = m[at.iotlb_private + i] = 0;
    }
    for (let device = 0; device < devices; device++)
      if (m[at.dma + device] === pfn + 1 && !isUnchecked(m, device)) m[at.dma_checked + device] = 0;
  };
  const smash = (m: State, pfn: number): void => {
    const first = blockOf(pfn);
    for (let p = first; p < first + huge && p < pfns; p++) {
      m[at.rmp_2m + p] = 0;
      rmpChanged(m, p);
    }
  };
  const unassign = (m: State, pfn: number): void => {
    m[at.rmp_assigned + pfn] = 0;
    m[at.rmp_2m + pfn] = 0;
    m[at.rmp_gfn + pfn] = 0;
    m[at.rmp_validated + pfn] = 0;
    rmpChanged(m, pfn);
  };
  const assign = (m: State, pfn: number, gfn: number, is2m: number): void => {
    m[at.rmp_assigned + pfn] = 1;
    m[at.rmp_2m + pfn] = is2m;
    m[at.rmp_gfn + pfn] = gfn;
    m[at.rmp_validated + pfn] = 0;
    rmpChanged(m, pfn);
  };

  /** TDH.MEM.PAGE.AUG: only a page that nobody owns, only where no leaf is present. */
  const augment = (m: State, gfn: number, pfn: number): boolean => {
    if (m[at.sept + gfn] !== SEPT.free || m[at.td_owned + pfn] === 1) return false;
    m[at.sept + gfn] = SEPT.pending;
    m[at.sept_pfn + gfn] = pfn + 1;
    m[at.td_owned + pfn] = 1;
    m[at.td_dirty + pfn] = 0;
    return true;
  };

  return {
    /** rmp_make_private() as sev_gmem_prepare() calls it. */
    makePrivate: (m: State, at_index: number, pfn: number): number => {
      const index = machine.gfnOf[at_index];
      if (!hasRmp || m[at.rmp_assigned + pfn] === 1) return 0;
      note('rmp-assigned');
      const first = blockOf(pfn);
      let whole = m[at.huge_folio + first] === 1;
      for (let p = first; p < first + huge; p++) if (m[at.rmp_assigned + p] === 1) whole = false;
      if (!whole) assign(m, pfn, index, 0);
      else for (let k = 0; k < huge; k++) assign(m, first + k, index - (pfn - first) + k, 1);
      return 0;
    },
    /** rmp_make_private(), 4K. */
    assignOne: (m: State, pfn: number, gfn: number): void => {
      note('rmp-assigned');
      assign(m, pfn, gfn, 0);
    },
    /** snp_page_reclaim(): SNP_PAGE_RECLAIM, then kvm_rmp_make_shared(). */
    reclaim: (m: State, pfn: number): void => {
      /* what the guest has written reads as ciphertext */
      if (m[at.rmp_assigned + pfn] === 1 && m[at.rmp_validated + pfn] === 1)
        m[at.content + pfn] = CONTENT.scrambled;
      unassign(m, pfn);
    },
    /** rmp_make_shared(), 4K: loops for ever on FAIL_OVERLAP. */
    makeShared: (m: State, thread: number, index: number): number => {
      const pfn = m[at.page_cache + index] - 1;
      if (!hasRmp || pfn < 0 || m[at.rmp_assigned + pfn] === 0) return 0;
      if (m[at.rmp_2m + pfn] === 1) return BLOCKED;
      attributes.taken(m, thread, index, pfn);
      unassign(m, pfn);
      return 0;
    },
    is2m: (m: State, pfn: number): number => (hasRmp ? m[at.rmp_2m + pfn] : 0),
    psmash: (m: State, pfn: number): number => {
      if (hasRmp && pfn >= 0 && m[at.rmp_2m + pfn] === 1) smash(m, pfn);
      return 0;
    },
    /** The guest's own access to what it may access: PVALIDATE, of the size of the entry. */
    validate: (m: State, pfn: number): void => {
      if (!hasRmp || m[at.rmp_assigned + pfn] === 0 || m[at.rmp_validated + pfn] === 1) return;
      const is2m = m[at.rmp_2m + pfn] === 1;
      const first = is2m ? blockOf(pfn) : pfn;
      for (let p = first; p < first + (is2m ? huge : 1); p++) m[at.rmp_validated + p] = 1;
    },
    /**
     * #NPF with the RMP and SIZEM bits: a guest PVALIDATEs 4K of a 2M entry. A malicious one does; a well-behaved one
     * takes 2M.
     */
    sizeMismatch: (m: State, gfn: number, pfn: number): boolean =>
      hasRmp &&
      asks4k &&
      m[at.rmp_2m + pfn] === 1 &&
      m[at.rmp_validated + pfn] === 0 &&
      m[at.rmp_gfn + pfn] === gfn,
    /** free_folio: sev_gmem_invalidate(), PSMASH where partial, then RMPUPDATE to shared. */
    release: (m: State, pfn: number): void => {
      if (!hasRmp || m[at.rmp_assigned + pfn] === 0) return;
      if (m[at.rmp_2m + pfn] === 1) smash(m, pfn);
      unassign(m, pfn);
    },
    augment,
    /* MODEL: without --fail a TD that KVM_BUG_ON() has stopped runs on; its fault finds no leaf, and comes again. */
    /** tdx_mem_page_aug(): TDX_BUG_ON() where the module refuses the page, as it belongs to a TD. */
    mapMirror: (m: State, gfn: number, pfn: number): boolean => {
      if (m[at.sept + gfn] !== SEPT.free) return false;
      if (augment(m, gfn, pfn)) return true;
      if (config.fail !== null) m[at.vm_bugged] = 1;
      return false;
    },
    /** A vCPU's own access: pfn + 1 of the leaf, or 0. The guest accepts before it uses the page. */
    walkMirror: (m: State, gfn: number): number => {
      const state = m[at.sept + gfn];
      if (state !== SEPT.mapped && state !== SEPT.pending) return 0;
      const entry = m[at.sept_pfn + gfn];
      /* ACCEPT fills it with zeroes */
      if (state === SEPT.pending) m[at.content + entry - 1] = CONTENT.zero;
      m[at.sept + gfn] = SEPT.mapped;
      return entry;
    },
    block: (m: State, gfn: number): number => {
      if (!hasSept || m[at.sept + gfn] === SEPT.free) return 0;
      m[at.sept + gfn] = SEPT.blocked;
      return 1;
    },
    /** TDH.MEM.TRACK, then every vCPU is kicked: no private TLB entry is left. */
    track: (m: State): number => {
      for (let k = 0; k < vcpus * pages; k++)
        if (m[at.tlb_private + k] === 1) m[at.tlb + k] = m[at.tlb_private + k] = 0;
      return 0;
    },
    remove: (m: State, thread: number, gfn: number): number => {
      if (!hasSept || m[at.sept + gfn] !== SEPT.blocked) return 0;
      if (config.fail !== null && m[at.convert_by] === thread + 1) m[at.convert_lost] = 1;
      if (failsNow(m, 'tdh_mem_page_remove')) {
        m[at.vm_bugged] = 1;
        return 0;
      }
      const pfn = m[at.sept_pfn + gfn] - 1;
      attributes.taken(m, thread, machine.indexOf[gfn], pfn);
      m[at.sept + gfn] = SEPT.free;
      m[at.td_owned + pfn] = 0;
      m[at.td_dirty + pfn] = 1;
      /* what was written with the TD's key cannot be read without it: garbage, nobody's data */
      m[at.content + pfn] = CONTENT.scrambled;
      note('private-leaf-removed');
      return 1;
    },
    wbinvd: (m: State, gfn: number): number => {
      if (!hasSept || m[at.sept_pfn + gfn] === 0 || m[at.sept + gfn] !== SEPT.free) return 0;
      m[at.td_dirty + m[at.sept_pfn + gfn] - 1] = 0;
      m[at.sept_pfn + gfn] = 0;
      return 0;
    },
    rescind: (m: State, gfn: number): number => {
      m[at.guest_changing + gfn] = 1;
      for (let device = 0; device < devices; device++)
        if (m[at.dma + device] !== 0 && m[at.dma_iova + device] === gfn) m[at.dma_clean + device] = 0;
      if (!hasRmp) return 0;
      const pfn = view.backing(m, gfn);
      if (pfn >= 0 && m[at.rmp_assigned + pfn] === 1 && m[at.rmp_gfn + pfn] === gfn)
        m[at.rmp_validated + pfn] = 0;
      return 0;
    },
    accept: (m: State, gfn: number): number => {
      m[at.guest_changing + gfn] = 0;
      return 0;
    },
  };
}

export const PAGE_STATE_STEPS = {
  rmp_make_private: {
    ...PLAIN,
    words: (s, { machine }) => [`RMPUPDATE pfn ${s.pfn} to private, gfn ${machine.gfnOf[s.index]}`],
    touches: 0,
    mover: 'wait',
    forbidsFill: (s, _iova, pfn) => s.pfn === pfn,
    run: ({ pageState }, s, m) => pageState.makePrivate(m, s.index, s.pfn),
  },
  rmp_make_shared: {
    ...PLAIN,
    words: (s) => [`RMPUPDATE page of index ${s.index} to shared`],
    touches: 0,
    mover: 'wait',
    run: ({ pageState }, s, m, t) => pageState.makeShared(m, t, s.index),
  },
  rmp_level: {
    ...PLAIN,
    words: (s) => [`snp_lookup_rmpentry() pfn ${s.pfn}`, either('4K', '2M')],
    touches: 0,
    run: ({ pageState }, s, m) => pageState.is2m(m, s.pfn),
  },
  psmash: {
    ...PLAIN,
    words: (s) => [s.pfn === undefined ? `PSMASH page of index ${s.index}` : `PSMASH pfn ${s.pfn}`],
    touches: 0,
    run: ({ machine: { at }, pageState }, s, m) =>
      pageState.psmash(m, s.pfn ?? m[at.page_cache + s.index] - 1),
  },
  tdh_mem_range_block: {
    ...PLAIN,
    words: (s) => [`TDH.MEM.RANGE.BLOCK gfn ${s.index}`, either('no leaf', '')],
    touches: 0,
    run: ({ pageState }, s, m) => pageState.block(m, s.index),
  },
  tdh_mem_track: {
    ...PLAIN,
    words: (s) => [`TDH.MEM.TRACK and kick, gfn ${s.index}`],
    touches: 0,
    run: ({ pageState }, _s, m) => pageState.track(m),
  },
  tdh_mem_page_remove: {
    ...PLAIN,
    words: (s) => [`TDH.MEM.PAGE.REMOVE gfn ${s.index}`, either('fails', '')],
    touches: 0,
    fails: true,
    run: ({ pageState }, s, m, t) => pageState.remove(m, t, s.index),
  },
  tdh_phymem_page_wbinvd: {
    ...PLAIN,
    words: (s) => [`TDH.PHYMEM.PAGE.WBINVD page of gfn ${s.index}`],
    touches: 0,
    run: ({ pageState }, s, m) => pageState.wbinvd(m, s.index),
  },
  guest_rescind: {
    ...PLAIN,
    words: (s) => [`guest gives up gfn ${s.index}`],
    touches: 0,
    run: ({ pageState }, s, m) => pageState.rescind(m, s.index),
  },
  guest_accept: {
    ...PLAIN,
    words: (s) => [`guest is told that gfn ${s.index} has changed`],
    touches: 0,
    run: ({ pageState }, s, m) => pageState.accept(m, s.index),
  },
} satisfies Rows<{ readonly machine: Machine; readonly pageState: PageState }>;
