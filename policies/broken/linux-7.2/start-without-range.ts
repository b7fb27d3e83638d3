// linux-7.2, broken: in_progress is raised and no range is added (docs/objections.md D22).

import { kvm_mmu_invalidate_start_without_range } from '../../../api/faulty.ts';
import {
  type Policy,
  type Range,
  type Result,
  type Steps,
  kvm_mmu_invalidate_end,
  kvm_mmu_unmap_gfn_range,
  lock,
  store_attributes,
  unlock,
} from '../../../api/index.ts';
import { none } from '../../none.ts';

function* kvm_vm_set_mem_attributes(range: Range): Steps<Result> {
  yield* lock('slots_lock');
  if (yield* kvm_mmu_invalidate_start_without_range(range)) {
    yield* kvm_mmu_unmap_gfn_range(range, 'shared');
    yield* unlock('mmu_lock');
  }
  yield* store_attributes(range, 'private');
  yield* kvm_mmu_invalidate_end(range);
  yield* unlock('slots_lock');
  return 0;
}

export const startWithoutRange: Policy = {
  ...none,
  name: 'start-without-range',
  title: 'linux-7.2: the start adds no range',
  source: 'docs/objections.md D22: in_progress++ without range_add',
  base: 'linux-7.2',
  planted: {
    invariant: 'range-set-in-bracket',
    platform: 'bare',
    vmm: 'adversarial',
    fault: 'The open bracket covers nothing.',
  },
  replaces: () => ({ convert_private: kvm_vm_set_mem_attributes }),
};
