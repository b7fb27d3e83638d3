// linux-7.2, broken: the zap yields mmu_lock and forgets the flush that was pending (tdp_mmu_iter_cond_resched();
// docs/objections.md D22).

import {
  type Policy,
  type Range,
  type Result,
  type Steps,
  each_page,
  kvm_flush_remote_tlbs,
  kvm_mmu_invalidate_end,
  kvm_mmu_invalidate_start,
  lock,
  store_attributes,
  tdp_mmu_zap_leafs,
  unlock,
} from '../../../api/index.ts';
import { none } from '../../none.ts';

/** `flush = false` after the yield is right only where the yield has flushed. */
function* zap_leafs(range: Range): Steps<boolean> {
  let flush = false;
  for (const gfn of each_page(range)) {
    if (gfn > range.start) {
      yield* unlock('mmu_lock');
      yield* lock('mmu_lock');
      flush = false;
    }
    if (yield* tdp_mmu_zap_leafs({ start: gfn, end: gfn + 1 }, 'shared')) flush = true;
  }
  return flush;
}

function* kvm_vm_set_mem_attributes(range: Range): Steps<Result> {
  yield* lock('slots_lock');
  if (yield* kvm_mmu_invalidate_start(range)) {
    if (yield* zap_leafs(range)) yield* kvm_flush_remote_tlbs();
    yield* unlock('mmu_lock');
  }
  yield* store_attributes(range, 'private');
  yield* kvm_mmu_invalidate_end(range);
  yield* unlock('slots_lock');
  return 0;
}

export const flushLostAtYield: Policy = {
  ...none,
  name: 'flush-lost-at-yield',
  title: 'linux-7.2: no flush where mmu_lock is yielded',
  source: 'docs/objections.md D22; tdp_mmu_iter_cond_resched() flushes before it yields',
  base: 'linux-7.2',
  planted: {
    invariant: 'no-stale-s2',
    platform: 'bare',
    vmm: 'adversarial',
    fault: 'A TLB entry outlives the SPTE that was zapped before the yield.',
  },
  replaces: () => ({ convert_private: kvm_vm_set_mem_attributes }),
};
