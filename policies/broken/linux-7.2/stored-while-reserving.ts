// linux-7.2, broken: entries are reserved one by one while others are stored already.

import {
  type ConvertResult,
  type Policy,
  type Range,
  type Steps,
  convert_returns,
  each_page,
  fails,
  kvm_gmem_convert_compute_work,
  kvm_mmu_invalidate_end,
  kvm_mmu_invalidate_start,
  lock,
  store_attributes,
  unlock,
} from '../../../api/index.ts';
import { none } from '../../none.ts';

function* kvm_vm_set_mem_attributes(range: Range): Steps<ConvertResult> {
  yield* lock('slots_lock');
  const { works } = yield* kvm_gmem_convert_compute_work(range, 'shared');
  let failed = false;
  if (works.length > 0) {
    if (yield* kvm_mmu_invalidate_start(range)) yield* unlock('mmu_lock');
    for (const gfn of each_page(range)) {
      failed = yield* fails('xa_reserve');
      if (failed) break;
      yield* store_attributes({ start: gfn, end: gfn + 1 }, 'shared');
    }
    yield* kvm_mmu_invalidate_end(range);
  }
  yield* convert_returns(range, 'shared', failed);
  yield* unlock('slots_lock');
  return failed ? '-ENOMEM' : 0;
}

export const storedWhileReserving: Policy = {
  ...none,
  name: 'stored-while-reserving',
  title: 'linux-7.2: KVM_SET_MEMORY_ATTRIBUTES reserves and stores gfn by gfn',
  source: 'kvm_vm_set_mem_attributes(): memory is reserved ahead for the whole range',
  base: 'linux-7.2',
  planted: {
    settings: { fail: 'xa_reserve' },
    invariant: 'all-or-nothing',
    platform: 'bare',
    vmm: 'adversarial',
    fault: 'A conversion that runs out of memory in the middle leaves the first half changed.',
  },
  replaces: () => ({ convert_shared: kvm_vm_set_mem_attributes }),
};
