// rfc-v2, broken: the rollback leaves out the work that has failed (docs/objections.md D15, first version of the
// series).

import {
  type ConvertResult,
  type Policy,
  type Range,
  type Steps,
  convert_returns,
  down_write,
  kvm_gmem_convert_compute_work,
  kvm_mmu_invalidate_end,
  kvm_mmu_invalidate_start,
  split_folio,
  store_attributes,
  unlock,
  up_write,
} from '../../../api/index.ts';
import { none } from '../../none.ts';

/** To shared: shareability is stored, the split fails. */
function* kvm_gmem_convert_range(range: Range): Steps<ConvertResult> {
  yield* down_write('invalidate_lock');
  const { works } = yield* kvm_gmem_convert_compute_work(range, 'shared');
  let failed = false;
  for (const work of works) {
    if (yield* kvm_mmu_invalidate_start(work)) yield* unlock('mmu_lock');
    yield* store_attributes(work, 'shared');
    failed = (yield* split_folio(work.start)) === 'failed';
    if (failed) break;
  }
  for (const work of works) yield* kvm_mmu_invalidate_end(work);
  yield* convert_returns(range, 'shared', failed);
  yield* up_write('invalidate_lock');
  return failed ? { errno: '-ENOMEM', error_offset: range.start } : 0;
}

export const rollbackStopsShort: Policy = {
  ...none,
  name: 'rollback-stops-short',
  title: 'rfc-v2: the rollback stops before the work that has failed',
  source: 'docs/objections.md D15, D16: [RFC PATCH v2 04/51] stopped before the failed work, 38/51 after it',
  planted: {
    settings: { fail: 'split_folio' },
    invariant: 'all-or-nothing',
    platform: 'bare',
    vmm: 'adversarial',
    fault: 'Shareability of a work whose split has failed stays changed.',
  },
  replaces: () => ({ convert_shared: kvm_gmem_convert_range }),
};
