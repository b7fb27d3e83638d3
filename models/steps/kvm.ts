// tidy: long because the bracket, the leaves and the TLBs of KVM are one subject
// KVM: the mmu_notifier bracket, SPTEs, TLBs, SRCU.

import type { BracketBy } from '../../api/index.ts';
import { AREA, FILE, type Machine, SEQ_VALUES, SLOT } from '../machine.ts';
import type { View } from '../view.ts';
import { BLOCKED, type Exec, type State, hull, maskOf } from './context.ts';
import type { PageState } from './page-state.ts';
import {
  ANYTHING,
  ATTRIBUTES,
  BRACKET,
  CLOSE,
  MMU_LOCK,
  PLAIN,
  RELEASE,
  type Rows,
  type StepOf,
  SEQ,
  SEQ_READ,
  SLOTS,
  pfnsOrNone,
} from './row.ts';
import { either, fault, gfn, pfnOr, truth } from './words.ts';

const FILTERS = { both: 0, private: 1, shared: 2 } as const;

export type Kvm = ReturnType<typeof makeKvm>;

export function makeKvm(exec: Exec, pageState: PageState) {
  const { machine, note } = exec;
  const mirrors = exec.platform.mirror !== null;
  const { at, pages, huge, vcpus, lockAt, threads, memslots, slotOf } = machine;
  const mmuLock = lockAt.mmu_lock.writer;
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
    const present = m[mine] === 0 && !mirrors ? m[other] : m[mine];
    m[mine] = present === 0 ? pfn + 1 : present;
    if (!mirrors) m[other] = 0;
    return present === 0;
  };

  return {
    concerned,
    isStale,
    start: (
      m: State,
      thread: number,
      start: number,
      end: number,
      by: BracketBy,
      fault: StepOf<'kvm_mmu_invalidate_start'>['fault'],
    ): number => {
      if (!concerned(m, by, start, end)) return 0;
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
    end: (
      m: State,
      start: number,
      end: number,
      by: BracketBy,
      fault: StepOf<'kvm_mmu_invalidate_end'>['fault'],
    ): number => {
      if (!concerned(m, by, start, end)) return 0;
      if (m[mmuLock] !== 0 || m[lockAt.mmu_lock.readers] !== 0) return BLOCKED;
      if (by === 'notifier') m[at.mn_active_invalidate_count]--;
      const seq = m[at.mmu_invalidate_seq];
      if (fault !== 'no-seq') m[at.mmu_invalidate_seq] = (seq + 1) % SEQ_VALUES;
      if (m[at.mmu_invalidate_seq] === seq) note('end-without-seq');
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
        if (m[at.spte_shared + gfn] !== 0 && (!mirrors || filter !== 1)) zapped = 1;
        if (m[at.spte_private + gfn] !== 0) zapped = 1;
        if (!mirrors || filter !== 1) m[at.spte_shared + gfn] = 0;
        m[at.spte_private + gfn] = 0;
      }
      return zapped;
    },
    flush: (m: State): number => {
      for (let k = 0; k < vcpus * pages; k++)
        if (!mirrors || m[at.tlb_private + k] === 0) m[at.tlb + k] = m[at.tlb_private + k] = 0;
      return 0;
    },
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
    map: (
      m: State,
      gfn: number,
      pfn: number,
      isPrivate: boolean,
      seq: number,
      fault: StepOf<'kvm_tdp_mmu_map'>['fault'],
    ): number => {
      if (m[mmuLock] !== 0) return BLOCKED;
      const stale = isStale(m, gfn, seq);
      if (stale && fault !== 'no-recheck') {
        note('fault-retried');
        return 0;
      }
      const isNew =
        mirrors && isPrivate ? pageState.mapMirror(m, gfn, pfn) : mapDirect(m, gfn, pfn, isPrivate);
      if (isNew && stale) note('stale-spte-installed');
      if (isNew) note('spte-installed');
      return 1;
    },
  };
}

export const KVM_STEPS = {
  kvm_mmu_invalidate_start: {
    ...PLAIN,
    /* renamed after RFC v2 */
    words: (s, { machine: { config } }) => [
      `kvm_mmu_invalidate_${config.base === 'rfc-v2' ? 'begin' : 'start'}() ${gfn(s)}${fault(s)}`,
      either('no slot', ''),
    ],
    touches: BRACKET,
    /* takes mmu_lock, under which alone the count and the range are looked at */
    mover: 'acquire under mmu_lock or wait',
    takes: 'mmu_lock',
    mayFindNothing: true,
    run: ({ kvm }, s, m, t) => kvm.start(m, t, s.start, s.end, s.by ?? 'binding', s.fault),
  },
  kvm_mmu_invalidate_range_add: {
    ...PLAIN,
    words: (s) => [`kvm_mmu_invalidate_range_add() ${gfn(s)}`],
    touches: BRACKET,
    run: ({ kvm }, s, m) => kvm.rangeAdd(m, s.start, s.end),
  },
  kvm_mmu_invalidate_end: {
    ...PLAIN,
    words: (s) => [`kvm_mmu_invalidate_end() ${gfn(s)}${fault(s)}`],
    touches: BRACKET | SEQ,
    /* waits for mmu_lock; counts only for slots that are there, or bound; a file that nobody closes is not released */
    commutes: ({ machine: { at } }, _s, m) =>
      BRACKET | SEQ_READ | MMU_LOCK | SLOTS | (m[at.file] === FILE.open ? CLOSE : RELEASE),
    mover: 'wait',
    takes: 'mmu_lock',
    run: ({ kvm }, s, m) => kvm.end(m, s.start, s.end, s.by ?? 'binding', s.fault),
  },
  tdp_mmu_zap_leafs: {
    ...PLAIN,
    words: (s) => [
      `tdp_mmu_zap_leafs() ${gfn(s)}${s.filter === 'both' ? '' : `, ${s.filter}`}`,
      either('none present', ''),
    ],
    touches: BRACKET,
    /* what a vCPU does next to it either used its TLB, and may have done so before, or faults, and may fault later */
    mover: 'acquire under mmu_lock',
    run: ({ kvm }, s, m, t) => kvm.zapLeafs(m, t, s.start, s.end, FILTERS[s.filter]),
  },
  kvm_flush_remote_tlbs: {
    ...PLAIN,
    words: () => ['kvm_flush_remote_tlbs()'],
    touches: 0,
    run: ({ kvm }, _s, m) => kvm.flush(m),
  },
  srcu_read_lock: {
    ...PLAIN,
    words: () => ['srcu_read_lock(&kvm->srcu)'],
    touches: 0,
    mover: 'acquire',
    takes: 'srcu',
    run: ({ kvm }, _s, m, t) => kvm.srcuLock(m, t),
  },
  srcu_read_unlock: {
    ...PLAIN,
    words: () => ['srcu_read_unlock(&kvm->srcu)'],
    touches: 0,
    mover: 'release',
    run: ({ kvm }, _s, m, t) => kvm.srcuUnlock(m, t),
  },
  synchronize_srcu: {
    ...PLAIN,
    words: () => ['synchronize_srcu(&kvm->srcu)'],
    touches: 0,
    mover: 'wait',
    takes: 'srcu',
    sleeps: true,
    run: ({ kvm }, _s, m) => kvm.srcuSync(m),
  },
  mmu_invalidate_seq: {
    ...PLAIN,
    words: () => ['read kvm->mmu_invalidate_seq', (a) => `seq ${a}`],
    answers: SEQ_VALUES,
    touches: SEQ_READ,
    commutes: SEQ,
    run: ({ machine: { at } }, _s, m) => m[at.mmu_invalidate_seq],
  },
  kvm_mem_is_private: {
    ...PLAIN,
    words: (s) => [`kvm_mem_is_private() gfn ${s.index}`, truth],
    touches: 0,
    commutes: ATTRIBUTES,
    run: ({ view }, s, m) => (view.isPrivate(m, s.index) ? 1 : 0),
  },
  hva_to_pfn: {
    ...PLAIN,
    words: (s) => [`hva_to_pfn() gfn ${s.index}`, pfnOr('-EFAULT')],
    answers: pfnsOrNone,
    touches: ANYTHING,
    run: ({ machine: { anonymous } }, s) => (anonymous < 0 ? 0 : anonymous + s.index + 1),
  },
  kvm_tdp_mmu_map: {
    ...PLAIN,
    words: (s) => [
      `kvm_tdp_mmu_map() gfn ${s.index} -> pfn ${s.pfn}${s.private ? ', private' : ''}${fault(s)}`,
      either('stale, retry', ''),
    ],
    touches: BRACKET | SEQ_READ,
    mover: 'wait',
    takes: 'mmu_lock',
    run: ({ kvm }, s, m) => kvm.map(m, s.index, s.pfn, s.private, s.seq, s.fault),
  },
} satisfies Rows<{ readonly machine: Machine; readonly view: View; readonly kvm: Kvm }>;
