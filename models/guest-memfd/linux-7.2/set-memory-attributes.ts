// KVM_SET_MEMORY_ATTRIBUTES of Linux 7.2: kvm_vm_set_mem_attributes(). The attribute lives in the VM, by gfn;
// guest_memfd and its consumers are not told, and no page changes hands: shared memory is the VMM's own.

import {
  type Arch,
  type ConvertResult,
  type Range,
  type Steps,
  call,
  convert_returns,
  each_page,
  kvm_gmem_convert_compute_work,
  kvm_mmu_invalidate_end,
  lock,
  store_attributes,
  unlock,
} from '../../../api/index.ts';
import type { MayFail } from '../failure.ts';
import { invalidate_slots, slot_ranges } from '../invalidate.ts';

export interface SetOptions {
  readonly arch: Arch;
  readonly mayFail: MayFail;
  /** A step may fail in this run: how the conversion ends is looked at. */
  readonly judged: boolean;
}

export function makeSetMemoryAttributes(to: 'private' | 'shared', { arch, mayFail, judged }: SetOptions) {
  /** What can fail comes first, and leaves nothing to undo. */
  function* reserve(range: Range): Steps<boolean> {
    for (const _gfn of each_page(range)) if (yield* mayFail('xa_reserve')) return false;
    return true;
  }

  /** Cannot fail. Who reads attributes without the lock sees the range half changed. */
  function* set(range: Range): Steps<void> {
    /*
     * kvm_pre_set_memory_attributes(): roots of the old kind. A huge page that the range covers in part, and that
     * is of one kind, is kept from being mapped as a huge one.
     */
    yield* invalidate_slots(
      slot_ranges(range, arch),
      'memslot',
      to === 'private' ? 'shared' : 'private',
      arch,
    );
    for (const gfn of each_page(range)) yield* store_attributes({ start: gfn, end: gfn + 1 }, to);
    yield* kvm_mmu_invalidate_end(range, 'memslot');
  }

  return function* kvm_vm_set_mem_attributes(range: Range): Steps<ConvertResult> {
    yield* lock('slots_lock');
    const same = (yield* kvm_gmem_convert_compute_work(range, to)).works.length === 0;
    const reserved = same || (yield* call(reserve, range));
    if (!same && reserved) yield* set(range);
    if (judged) yield* convert_returns(range, to, !reserved);
    yield* unlock('slots_lock');
    return reserved ? 0 : '-ENOMEM';
  };
}
