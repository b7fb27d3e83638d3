// KVM_SET_MEMORY_ATTRIBUTES of Linux 7.2: kvm_vm_set_mem_attributes(). The attribute lives in the VM, by gfn;
// guest_memfd and
// its consumers are not told, and no page changes hands: shared memory is the VMM's own.

import {
  type Arch,
  type ConvertResult,
  type Range,
  type Steps,
  call,
  each_page,
  kvm_gmem_convert_compute_work,
  kvm_mmu_invalidate_end,
  kvm_mmu_invalidate_start,
  lock,
  store_attributes,
  unlock,
} from '../../../api/index.ts';
import { kvm_unmap_gfn_range } from '../invalidate.ts';

export function makeSetMemoryAttributes(to: 'private' | 'shared', arch: Arch) {
  return function* kvm_vm_set_mem_attributes(range: Range): Steps<ConvertResult> {
    yield* lock('slots_lock');
    if ((yield* kvm_gmem_convert_compute_work(range, to)).works.length === 0) {
      yield* unlock('slots_lock');
      return 0;
    }
    /* kvm_pre_set_memory_attributes(): roots of the old kind */
    if (yield* kvm_mmu_invalidate_start(range, undefined, 'memslot')) {
      yield* call(kvm_unmap_gfn_range, range, to === 'private' ? 'shared' : 'private', arch);
      yield* unlock('mmu_lock');
    }
    for (const gfn of each_page(range)) yield* store_attributes({ start: gfn, end: gfn + 1 }, to);
    yield* kvm_mmu_invalidate_end(range, undefined, 'memslot');
    yield* unlock('slots_lock');
    return 0;
  };
}
