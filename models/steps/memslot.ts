// The memslots, the bindings of the gmem file that point to them, and their weak pointers to the file.

import { FILE, SLOT } from '../machine.ts';
import { BLOCKED, type Exec, type State } from './context.ts';
import type { Kvm } from './kvm.ts';
import { PLAIN, RELEASE, type Rows, SLOTS } from './row.ts';
import { either, gfn, truth } from './words.ts';

export type Memslot = ReturnType<typeof makeMemslot>;

export function makeMemslot({ machine, note }: Exec) {
  const { at, memslots, slotOf } = machine;
  const { slot, slot_bound, slot_gmem_file, mn_active_invalidate_count } = at;

  /** kvm_gmem_release() has run to its end: the pointer of a slot that it did not know leads to freed memory. */
  const isFreed = (m: State, k: number): boolean =>
    m[slot_gmem_file + k] === 1 && m[at.file] === FILE.released && m[slot_bound + k] === 0;

  return {
    swap: (m: State, gfn: number, to: number): number => {
      /* kvm_swap_active_memslots(); kfree() waits for nobody */
      if (to !== SLOT.none && mn_active_invalidate_count !== undefined && m[mn_active_invalidate_count] > 0)
        return BLOCKED;
      m[slot + slotOf[gfn]] = to;
      return 0;
    },
    lookup: (m: State, gfn: number): number => {
      const state = m[slot + slotOf[gfn]];
      return state === SLOT.deleted ? 0 : state;
    },
    gmemFile: (m: State, gfn: number): number => m[slot_gmem_file + slotOf[gfn]],
    store: (m: State, gfn: number): number => {
      const k = slotOf[gfn];
      if (m[slot_bound + k] === 1) return 0;
      m[slot_bound + k] = m[slot_gmem_file + k] = 1;
      return 1;
    },
    erase: (m: State, gfn: number): number => {
      const k = slotOf[gfn];
      if (isFreed(m, k)) note('freed-file-used');
      m[slot_bound + k] = m[slot_gmem_file + k] = 0;
      return 0;
    },
    forgetFile: (m: State): number => {
      for (let k = 0; k < memslots.length; k++) {
        if (m[slot_bound + k] === 0) continue;
        if (m[slot + k] === SLOT.none) note('freed-slot-used');
        m[slot_gmem_file + k] = 0;
      }
      return 0;
    },
    listDel: (m: State): number => {
      for (let k = 0; k < memslots.length; k++) m[slot_bound + k] = 0;
      return 0;
    },
    /** NULL, or a file that is dying: no reference. */
    getFileActive: (m: State, gfn: number): number => {
      if (isFreed(m, slotOf[gfn])) note('freed-file-used');
      if (m[slot_gmem_file + slotOf[gfn]] === 0 || m[at.file] === FILE.released) return 0;
      m[at.file_refs]++;
      return 1;
    },
  };
}

/** The slot that is not the first, by a gfn in it. */
const slotOf = (step: { readonly gfn?: number }): string =>
  step.gfn === undefined ? '' : ` of gfn ${step.gfn}`;

export const MEMSLOT_STEPS = {
  slot_state: {
    ...PLAIN,
    words: (s) => [
      s.to === 'none' ? `kfree() of the slot${slotOf(s)}` : `the slot${slotOf(s)} becomes ${s.to}`,
    ],
    touches: SLOTS,
    mover: 'wait',
    sleeps: true,
    run: ({ memslot }, s, m) => memslot.swap(m, s.gfn ?? 0, SLOT[s.to]),
  },
  gfn_to_memslot: {
    ...PLAIN,
    words: (s) => [`gfn_to_memslot()${slotOf(s)}`, (a) => ['NULL', 'valid', 'KVM_MEMSLOT_INVALID'][a] ?? ''],
    answers: 4,
    touches: 0,
    commutes: SLOTS,
    run: ({ memslot }, s, m) => memslot.lookup(m, s.gfn ?? 0),
  },
  slot_in_range: {
    ...PLAIN,
    words: (s) => [`a slot in ${gfn(s)}`, truth],
    touches: 0,
    run: ({ kvm }, s, m) => (kvm.concerned(m, s.by, s.start, s.end) ? 1 : 0),
  },
  slot_gmem_file: {
    ...PLAIN,
    words: (s) => [`slot->gmem.file${slotOf(s)}`, either('NULL', 'set')],
    touches: 0,
    run: ({ memslot }, s, m) => memslot.gmemFile(m, s.gfn ?? 0),
  },
  kvm_gmem_store_bindings: {
    ...PLAIN,
    words: () => ['xa_store_range(&f->bindings), slot->gmem.file = file', either('-EEXIST', '')],
    touches: SLOTS,
    run: ({ memslot }, s, m) => memslot.store(m, s.gfn ?? 0),
  },
  kvm_gmem_erase_bindings: {
    ...PLAIN,
    words: () => ['bindings erased, slot->gmem.file = NULL'],
    touches: SLOTS,
    run: ({ memslot }, s, m) => memslot.erase(m, s.gfn ?? 0),
  },
  kvm_gmem_forget_file: {
    ...PLAIN,
    words: () => ['slot->gmem.file = NULL of each binding'],
    touches: RELEASE,
    run: ({ memslot }, _s, m) => memslot.forgetFile(m),
  },
  kvm_gmem_list_del: {
    ...PLAIN,
    words: () => ['list_del(&f->entry), bindings destroyed'],
    touches: RELEASE,
    run: ({ memslot }, _s, m) => memslot.listDel(m),
  },
} satisfies Rows<{ readonly memslot: Memslot; readonly kvm: Kvm }>;
