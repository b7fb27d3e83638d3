// linux-7.2, broken: what can fail comes after the zap (docs/objections.md D20).

import {
  type ConvertResult,
  type Policy,
  type Range,
  type Steps,
  call,
  convert_returns,
  each_page,
  fails,
  kvm_gmem_convert_compute_work,
  kvm_mmu_invalidate_end,
  kvm_mmu_invalidate_start,
  lock,
  store_attributes,
  tdh_mem_page_remove,
  tdh_mem_range_block,
  tdh_mem_track,
  tdh_phymem_page_wbinvd,
  unlock,
} from '../../../api/index.ts';
import { none } from '../../none.ts';

function* tdx_sept_remove_leaf_spte(gfn: number): Steps<void> {
  if (!(yield* tdh_mem_range_block(gfn))) return;
  yield* tdh_mem_track(gfn);
  if (!(yield* tdh_mem_page_remove(gfn))) return;
  yield* tdh_phymem_page_wbinvd(gfn);
}

function* kvm_vm_set_mem_attributes(range: Range): Steps<ConvertResult> {
  yield* lock('slots_lock');
  const { works } = yield* kvm_gmem_convert_compute_work(range, 'shared');
  let failed = false;
  if (works.length > 0) {
    if (yield* kvm_mmu_invalidate_start(range)) {
      for (const gfn of each_page(range)) yield* call(tdx_sept_remove_leaf_spte, gfn);
      yield* unlock('mmu_lock');
    }
    failed = yield* fails('xa_reserve');
    if (!failed)
      for (const gfn of each_page(range)) yield* store_attributes({ start: gfn, end: gfn + 1 }, 'shared');
    yield* kvm_mmu_invalidate_end(range);
  }
  yield* convert_returns(range, 'shared', failed);
  yield* unlock('slots_lock');
  return failed ? '-ENOMEM' : 0;
}

export const reserveAfterZap: Policy = {
  ...none,
  name: 'reserve-after-zap',
  title: 'linux-7.2: a conversion to shared reserves memory after it has removed the private leaves',
  source: 'docs/objections.md D20: unmap must not fail, what can fail comes before it',
  base: 'linux-7.2',
  planted: {
    settings: { fail: 'xa_reserve' },
    invariant: 'no-zap-before-point-of-no-return',
    platform: 'tdx',
    vmm: 'adversarial',
    fault: 'A conversion that fails has destroyed private pages.',
  },
  replaces: () => ({ convert_shared: kvm_vm_set_mem_attributes }),
};
