// The memslots, the bindings of the gmem file that point to them, and their weak pointers to the file.

import { FILE, SLOT } from '../machine.ts';
import { BLOCKED, type Exec, type State } from './context.ts';

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
