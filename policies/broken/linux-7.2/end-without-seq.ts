// linux-7.2, broken: the bracket is closed and seq stays as it was (docs/objections.md D22).

import { kvm_mmu_invalidate_end_without_seq } from '../../../api/faulty.ts';
import {
  type Policy,
  type Range,
  type Result,
  type Steps,
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
    yield* kvm_mmu_unmap_gfn_range(range, 'shared');
    yield* unlock('mmu_lock');
  }
  yield* store_attributes(range, 'private');
  yield* kvm_mmu_invalidate_end_without_seq(range);
  yield* unlock('slots_lock');
  return 0;
}

export const endWithoutSeq: Policy = {
  ...none,
  name: 'end-without-seq',
  title: 'linux-7.2: the end does not move seq',
  source: 'docs/objections.md D22; kvm_mmu_invalidate_end()',
  base: 'linux-7.2',
  planted: {
    invariant: 'end-bumps-seq',
    platform: 'bare',
    vmm: 'adversarial',
    fault: 'A fault that began before the bracket finds nothing changed after it.',
  },
  replaces: () => ({ convert_private: kvm_vm_set_mem_attributes }),
};
