// linux-7.2, broken: mmu_lock is dropped between in_progress++ and range_add (docs/objections.md D22).

import { kvm_mmu_invalidate_start_without_range } from '../../../api/faulty.ts';
import {
  type Policy,
  type Range,
  type Result,
  type Steps,
  kvm_mmu_invalidate_end,
  kvm_mmu_invalidate_range_add,
  kvm_mmu_unmap_gfn_range,
  lock,
  store_attributes,
  unlock,
} from '../../../api/index.ts';
import { none } from '../../none.ts';

function* kvm_vm_set_mem_attributes(range: Range): Steps<Result> {
  yield* lock('slots_lock');
  if (yield* kvm_mmu_invalidate_start_without_range(range)) {
    yield* unlock('mmu_lock');
    yield* lock('mmu_lock');
    yield* kvm_mmu_invalidate_range_add(range);
    yield* kvm_mmu_unmap_gfn_range(range, 'shared');
    yield* unlock('mmu_lock');
  }
  yield* store_attributes(range, 'private');
  yield* kvm_mmu_invalidate_end(range);
  yield* unlock('slots_lock');
  return 0;
}

export const rangeAddedLate: Policy = {
  ...none,
  name: 'range-added-late',
  title: 'linux-7.2: range_add after mmu_lock was dropped',
  source: 'docs/objections.md D22; comment in mmu_invalidate_retry_gfn()',
  base: 'linux-7.2',
  planted: {
    invariant: 'range-set-in-bracket',
    platform: 'bare',
    vmm: 'adversarial',
    fault: 'A fault in between finds a bracket that covers nothing.',
  },
  replaces: () => ({ convert_private: kvm_vm_set_mem_attributes }),
};
