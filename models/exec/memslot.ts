// The memslot, the bindings of the gmem file that point to it, and its weak pointer to the file.

import { FILE, SLOT } from '../machine.ts';
import { BLOCKED, type Exec, type State } from './context.ts';

export function makeMemslot({ machine, note }: Exec) {
  const { at } = machine;
  const { slot, slot_bound, slot_gmem_file, mn_active_invalidate_count } = at;

  /** kvm_gmem_release() has run to its end: the pointer of a slot that it did not know leads to freed memory. */
  const isFreed = (m: State): boolean =>
    m[slot_gmem_file] === 1 && m[at.file] === FILE.released && m[slot_bound] === 0;

  return {
    swap: (m: State, to: number): number => {
      /* kvm_swap_active_memslots(); kfree() waits for nobody */
      if (to !== SLOT.none && mn_active_invalidate_count !== undefined && m[mn_active_invalidate_count] > 0)
        return BLOCKED;
      m[slot] = to;
      return 0;
    },
    store: (m: State): number => {
      if (m[slot_bound] === 1) return 0;
      m[slot_bound] = m[slot_gmem_file] = 1;
      return 1;
    },
    erase: (m: State): number => {
      if (isFreed(m)) note('freed-file-used');
      m[slot_bound] = m[slot_gmem_file] = 0;
      return 0;
    },
    forgetFile: (m: State): number => {
      if (m[slot_bound] === 0) return 0;
      if (m[slot] === SLOT.none) note('freed-slot-used');
      m[slot_gmem_file] = 0;
      return 0;
    },
    listDel: (m: State): number => {
      m[slot_bound] = 0;
      return 0;
    },
    /** NULL, or a file that is dying: no reference. */
    getFileActive: (m: State): number => {
      if (isFreed(m)) note('freed-file-used');
      if (m[slot_gmem_file] === 0 || m[at.file] === FILE.released) return 0;
      m[at.file_refs]++;
      return 1;
    },
  };
}
