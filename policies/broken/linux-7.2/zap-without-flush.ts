// linux-7.2, broken: SPTEs are zapped and no TLB is flushed (docs/objections.md D22).

import {
  type Policy,
  type Range,
  type Result,
  type Steps,
  kvm_mmu_invalidate_end,
  kvm_mmu_invalidate_start,
  kvm_mmu_unmap_gfn_range,
  lock,
  store_attributes,
  unlock,
} from '../../../api/index.ts';
import { none } from '../../none.ts';

function* kvm_vm_set_mem_attributes(range: Range): Steps<Result> {
  yield* lock('slots_lock');
  if (yield* kvm_mmu_invalidate_start(range)) {
    yield* kvm_mmu_unmap_gfn_range(range, 'shared', false);
    yield* unlock('mmu_lock');
  }
  yield* store_attributes(range, 'private');
  yield* kvm_mmu_invalidate_end(range);
  yield* unlock('slots_lock');
  return 0;
}

export const zapWithoutFlush: Policy = {
  ...none,
  name: 'zap-without-flush',
  title: 'linux-7.2: TLBs are not flushed',
  source: 'docs/objections.md D22: flush before mmu_lock is dropped',
  base: 'linux-7.2',
  planted: {
    invariant: 'no-stale-s2',
    platform: 'bare',
    vmm: 'adversarial',
    fault: 'A TLB entry outlives its SPTE.',
  },
  replaces: () => ({ convert_private: kvm_vm_set_mem_attributes }),
};
