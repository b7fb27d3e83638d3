// linux-7.2, broken: the attribute is looked up under invalidate_lock with mmu_lock held (docs/objections.md D28: what
// made v5 bug the VM, and later code read the tree under RCU).

import {
  type Policy,
  type Range,
  type Result,
  type Steps,
  down_read,
  gmem_is_private,
  kvm_mmu_invalidate_end,
  kvm_mmu_invalidate_start,
  kvm_mmu_unmap_gfn_range,
  lock,
  store_attributes,
  unlock,
  up_read,
} from '../../../api/index.ts';
import { none } from '../../none.ts';

/** The filter of the zap comes from the attribute, whose lock is a rwsem. */
function* kvm_vm_set_mem_attributes(range: Range): Steps<Result> {
  yield* lock('slots_lock');
  if (yield* kvm_mmu_invalidate_start(range)) {
    yield* down_read('invalidate_lock');
    const is_private = yield* gmem_is_private(range.start);
    yield* up_read('invalidate_lock');
    yield* kvm_mmu_unmap_gfn_range(range, is_private ? 'private' : 'shared');
    yield* unlock('mmu_lock');
  }
  yield* store_attributes(range, 'private');
  yield* kvm_mmu_invalidate_end(range);
  yield* unlock('slots_lock');
  return 0;
}

export const attributeLookupUnderMmuLock: Policy = {
  ...none,
  name: 'attribute-lookup-under-mmu-lock',
  title: 'linux-7.2: invalidate_lock inside mmu_lock',
  source: 'docs/objections.md D28: a sleeping lock under mmu_lock',
  base: 'linux-7.2',
  planted: {
    invariant: 'no-sleep-under-spinlock',
    platform: 'bare',
    vmm: 'adversarial',
    fault: 'A rwsem is taken under a spinning lock.',
  },
  replaces: () => ({ convert_private: kvm_vm_set_mem_attributes }),
};
