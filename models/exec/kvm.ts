// KVM: the mmu_notifier bracket, SPTEs, TLBs, the guest's and user space's own accesses.

import type { BracketBy } from '../../api/index.ts';
import { guestOf } from '../bounds.ts';
import { AREA, CONTENT, SEPT, SEQ_VALUES, SLOT, inPlace } from '../machine.ts';
import { BLOCKED, type Exec, type State, hull, maskOf } from './context.ts';
import type { PageState } from './page-state.ts';

export type Kvm = ReturnType<typeof makeKvm>;

export function makeKvm(exec: Exec, pageState: PageState) {
  const { machine, view, snp, tdx, note } = exec;
  const { at, pages, huge, vcpus, config, anonymous, lockAt, threads, memslots, slotOf } = machine;
  const mmuLock = lockAt.mmu_lock.writer;
  const asks4k = guestOf(config) === 'malicious';
  const firstVcpu = threads.findIndex((t) => t.kind === 'vcpu');

  /** A bracket opens and closes only where somebody is bound: the other side, and what is looked for, may differ. */
  const isThere = (m: State, by: BracketBy, k: number): boolean =>
    by === 'binding'
      ? m[at.slot_bound + k] === 1
      : m[at.slot + k] === SLOT.valid || m[at.slot + k] === SLOT.invalid;
  const concerned = (m: State, by: BracketBy, start: number, end: number): boolean => {
    for (let k = 0; k < memslots.length; k++) {
      const { base_gfn, npages } = memslots[k];
      if (start < base_gfn + npages && base_gfn < end && isThere(m, by, k)) return true;
    }
    return false;
  };
  const covers = (m: State, gfn: number): boolean =>
    m[at.mmu_invalidate_in_progress] > 0 &&
    (m[at.mmu_invalidate_range] === 0 || ((m[at.mmu_invalidate_range] >> gfn) & 1) === 1);
  const isStale = (m: State, gfn: number, seq: number): boolean =>
    covers(m, gfn) || m[at.mmu_invalidate_seq] !== seq;
  const die = (m: State, event: 'access.cpu-fatal'): void => {
    note(event);
    m[at.host_dead] = 1;
  };
  const use = (m: State, pfn: number): void => {
    if (m[at.content + pfn] === CONTENT.stale) note('stale-data-used');
  };

  /**
   * #NPF with the RMP and SIZEM bits: a guest PVALIDATEs 4K of a 2M entry. A malicious one does; a well-behaved one
   * takes 2M.
   */
  const sizeMismatch = (m: State, gfn: number, isPrivate: boolean, pfn: number): boolean =>
    snp &&
    asks4k &&
    isPrivate &&
    m[at.rmp_2m + pfn] === 1 &&
    m[at.rmp_validated + pfn] === 0 &&
    m[at.rmp_gfn + pfn] === gfn;

  /** What the CPU and its page-state hardware say to a guest access that has a translation. */
  const touch = (m: State, gfn: number, isPrivate: boolean, pfn: number): void => {
    if (snp) {
      const assigned = m[at.rmp_assigned + pfn] === 1;
      if (isPrivate !== assigned || (assigned && m[at.rmp_gfn + pfn] !== gfn))
        return; /* #NPF with the RMP bit; user space hears of it only where the attribute is of the other kind */
      /* a 2M entry by a 2M PVALIDATE: whoever asks for 4K was stopped before, see sizeMismatch() */
      if (assigned && m[at.rmp_validated + pfn] === 0) pageState.validate(m, pfn);
    }
    if (tdx && !isPrivate && (m[at.td_owned + pfn] === 1 || m[at.td_dirty + pfn] === 1))
      return die(m, 'access.cpu-fatal');
    if (tdx && isPrivate && m[at.td_owned + pfn] === 0) return die(m, 'access.cpu-fatal');
    if (view.isFree(m, pfn)) return note('access.cpu-corruption');
    if (!(tdx && isPrivate)) use(m, pfn);
    m[at.content + pfn] = CONTENT.guest;
    note('guest-accessed');
  };

  /** kvm_arch_pre_set_memory_attributes(): the huge pages that the range covers in part, where they are of one kind. */
  const mixed = (m: State, start: number, end: number): number => {
    let added = 0;
    for (let first = start - (start % huge); first < end; first += huge) {
      if ((first >= start && first + huge <= end) || first + huge > pages) continue;
      if (slotOf[first] !== slotOf[first + huge - 1]) continue;
      let kinds = 0;
      for (let gfn = first; gfn < first + huge; gfn++) kinds |= m[at.private + gfn] === 1 ? 2 : 1;
      if (kinds !== 3) added |= maskOf(first, first + huge);
    }
    return added;
  };

  /*
   * tdp_mmu_map_handle_target_level(): RET_PF_SPURIOUS where a leaf is present, with a WARN if it maps another page.
   * False: nothing was installed.
   */
  const mapDirect = (m: State, gfn: number, pfn: number, isPrivate: boolean): boolean => {
    const mine = (isPrivate ? at.spte_private : at.spte_shared) + gfn;
    const other = (isPrivate ? at.spte_shared : at.spte_private) + gfn;
    /* one NPT entry a gfn, whatever the kind of the access */
    const present = m[mine] === 0 && !tdx ? m[other] : m[mine];
    m[mine] = present === 0 ? pfn + 1 : present;
    if (!tdx) m[other] = 0;
    return present === 0;
  };
  /* MODEL: without --fail a TD that KVM_BUG_ON() has stopped runs on; its fault finds no leaf, and comes again. */
  /** tdx_mem_page_aug(): TDX_BUG_ON() where the module refuses the page, as it belongs to a TD. */
  const mapMirror = (m: State, gfn: number, pfn: number): boolean => {
    if (m[at.sept + gfn] !== SEPT.free) return false;
    if (pageState.augment(m, gfn, pfn)) return true;
    if (config.fail !== null) m[at.vm_bugged] = 1;
    return false;
  };

  return {
    concerned,
    isStale,
    start: (m: State, thread: number, start: number, end: number, by: BracketBy, fault: string): number => {
      if (!concerned(m, by, start, end) || fault === 'skip') return 0;
      if (m[mmuLock] !== 0 || m[lockAt.mmu_lock.readers] !== 0) return BLOCKED;
      m[mmuLock] = thread + 1;
      if (by === 'notifier') m[at.mn_active_invalidate_count]++;
      const old = m[at.mmu_invalidate_in_progress] === 0 ? 0 : m[at.mmu_invalidate_range];
      m[at.mmu_invalidate_in_progress]++;
      m[at.mmu_invalidate_range] =
        fault === 'no-range'
          ? old
          : hull(old | maskOf(start, end) | (by === 'memslot' ? mixed(m, start, end) : 0));
      note('bracket-opened');
      for (let iova = start; iova < end; iova++) {
        if (m[at.iopte + iova] !== 0) note('invalidation-meets-iopte');
        if (m[at.area + iova] === AREA.filling) note('map-meets-invalidation');
      }
      return 1;
    },
    rangeAdd: (m: State, start: number, end: number): number => {
      m[at.mmu_invalidate_range] = hull(m[at.mmu_invalidate_range] | maskOf(start, end));
      return 0;
    },
    end: (m: State, start: number, end: number, by: BracketBy, fault: string): number => {
      if (!concerned(m, by, start, end) || fault === 'skip') return 0;
      if (m[mmuLock] !== 0 || m[lockAt.mmu_lock.readers] !== 0) return BLOCKED;
      if (by === 'notifier') m[at.mn_active_invalidate_count]--;
      if (fault === 'no-seq') note('end-without-seq');
      else m[at.mmu_invalidate_seq] = (m[at.mmu_invalidate_seq] + 1) % SEQ_VALUES;
      if (m[at.mmu_invalidate_in_progress] === 0) note('in-progress-negative');
      else m[at.mmu_invalidate_in_progress]--;
      if (m[at.mmu_invalidate_in_progress] === 0) m[at.mmu_invalidate_range] = 0;
      note('bracket-closed');
      return 0;
    },
    zapLeafs: (m: State, thread: number, start: number, end: number, filter: number): number => {
      const deletes =
        m[lockAt.slots_lock.writer] === thread + 1 && m[at.slot + slotOf[start]] === SLOT.invalid;
      if (m[at.mmu_invalidate_in_progress] === 0 && !deletes) {
        /* xa_for_each_range(&f->bindings): the loop over nothing */
        if (m[at.slot_bound + slotOf[start]] === 0) return 0;
        note('zap-outside-bracket');
      }
      let zapped = 0;
      for (let gfn = start; gfn < end; gfn++) {
        /* without mirrored roots the filter is ignored: all direct roots are zapped */
        if (m[at.spte_shared + gfn] !== 0 && (!tdx || filter !== 1)) zapped = 1;
        if (m[at.spte_private + gfn] !== 0) zapped = 1;
        if (!tdx || filter !== 1) m[at.spte_shared + gfn] = 0;
        m[at.spte_private + gfn] = 0;
      }
      return zapped;
    },
    flush: (m: State): number => {
      for (let k = 0; k < vcpus * pages; k++)
        if (!tdx || m[at.tlb_private + k] === 0) m[at.tlb + k] = m[at.tlb_private + k] = 0;
      return 0;
    },
    seq: (m: State): number => m[at.mmu_invalidate_seq],
    srcuLock: (m: State, thread: number): number => {
      m[at.srcu + thread - firstVcpu] = 1;
      return 0;
    },
    srcuUnlock: (m: State, thread: number): number => {
      m[at.srcu + thread - firstVcpu] = 0;
      return 0;
    },
    srcuSync: (m: State): number => {
      for (let v = 0; v < vcpus; v++) if (m[at.srcu + v] === 1) return BLOCKED;
      return 0;
    },
    hvaToPfn: (_m: State, gfn: number): number => (anonymous < 0 ? 0 : anonymous + gfn + 1),
    map: (m: State, gfn: number, pfn: number, isPrivate: boolean, seq: number, fault: string): number => {
      if (m[mmuLock] !== 0) return BLOCKED;
      const stale = isStale(m, gfn, seq);
      if (stale && fault !== 'no-recheck') {
        note('fault-retried');
        return 0;
      }
      const isNew = tdx && isPrivate ? mapMirror(m, gfn, pfn) : mapDirect(m, gfn, pfn, isPrivate);
      if (isNew && stale) note('stale-spte-installed');
      if (isNew) note('spte-installed');
      return 1;
    },
    guestAccess: (m: State, thread: number, gfn: number, isPrivate: boolean): number => {
      if (config.fail !== null && m[at.vm_bugged] === 1) return 1; /* KVM_EXIT, for good */
      const k = (thread - firstVcpu) * pages + gfn;
      if (m[at.tlb + k] !== 0 && m[at.tlb_private + k] === (isPrivate ? 1 : 0)) {
        touch(m, gfn, isPrivate, m[at.tlb + k] - 1);
        return 1;
      }
      let entry = m[(isPrivate ? at.spte_private : at.spte_shared) + gfn];
      if (tdx && isPrivate) {
        const state = m[at.sept + gfn];
        if (state !== SEPT.mapped && state !== SEPT.pending) return 0;
        entry = m[at.sept_pfn + gfn];
        /* the guest accepts before it uses the page; ACCEPT fills it with zeroes */
        if (state === SEPT.pending) m[at.content + entry - 1] = CONTENT.zero;
        m[at.sept + gfn] = SEPT.mapped;
      }
      if (entry === 0) return 0;
      if (sizeMismatch(m, gfn, isPrivate, entry - 1)) return 2;
      m[at.tlb + k] = entry;
      m[at.tlb_private + k] = isPrivate ? 1 : 0;
      touch(m, gfn, isPrivate, entry - 1);
      return 1;
    },
    hostAccess: (m: State, index: number): number => {
      if (!inPlace(config) || m[at.host_pte + index] === 0) return 0;
      const pfn = m[at.host_pte + index] - 1;
      if (view.isGuestOwned(m, pfn) || (tdx && m[at.td_dirty + pfn] === 1)) {
        if (snp || tdx) die(m, 'access.cpu-fatal');
        else note('access.cpu-leak');
        return 1;
      }
      if (view.isFree(m, pfn)) note('access.cpu-corruption');
      else {
        use(m, pfn);
        m[at.content + pfn] = CONTENT.host;
      }
      return 1;
    },
    mapHostPte: (m: State, index: number, pfn: number): number => {
      if (m[at.page_cache + index] !== pfn + 1) return 0;
      m[at.host_pte + index] = pfn + 1;
      note('host-pte-installed');
      return 0;
    },
  };
}
