// linux-7.2, broken: the bracket is closed before the attribute is stored (docs/objections.md D22).

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
    yield* kvm_mmu_unmap_gfn_range(range, 'shared');
    yield* unlock('mmu_lock');
  }
  yield* kvm_mmu_invalidate_end(range);
  yield* store_attributes(range, 'private');
  yield* unlock('slots_lock');
  return 0;
}

export const endBeforeCommit: Policy = {
  ...none,
  name: 'end-before-commit',
  title: 'linux-7.2: the bracket ends before the commit',
  source: 'docs/objections.md D22: end before the change',
  base: 'linux-7.2',
  planted: {
    invariant: 'no-stale-s2',
    platform: 'bare',
    vmm: 'adversarial',
    fault: 'A fault reads the old attribute after the end, and installs it.',
  },
  replaces: () => ({ convert_private: kvm_vm_set_mem_attributes }),
};
