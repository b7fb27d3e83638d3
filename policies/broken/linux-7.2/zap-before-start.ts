// linux-7.2, broken: SPTEs are zapped first, the bracket is opened then (docs/objections.md D22).

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
  yield* lock('mmu_lock');
  yield* kvm_mmu_unmap_gfn_range(range, 'shared');
  yield* unlock('mmu_lock');
  if (yield* kvm_mmu_invalidate_start(range)) yield* unlock('mmu_lock');
  yield* store_attributes(range, 'private');
  yield* kvm_mmu_invalidate_end(range);
  yield* unlock('slots_lock');
  return 0;
}

export const zapBeforeStart: Policy = {
  ...none,
  name: 'zap-before-start',
  title: 'linux-7.2: the zap comes before the bracket',
  source: 'kvm_unmap_gfn_range(): zapped outside the bracket; docs/objections.md D22',
  base: 'linux-7.2',
  planted: {
    invariant: 'zap-in-bracket',
    platform: 'bare',
    vmm: 'adversarial',
    fault: 'Nothing keeps a fault from undoing the zap.',
  },
  replaces: () => ({ convert_private: kvm_vm_set_mem_attributes }),
};
