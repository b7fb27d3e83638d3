// linux-7.2, broken: pages are freed first, the bracket comes then (docs/objections.md D22, D43).

import {
  type Policy,
  type Range,
  type Result,
  type Steps,
  call,
  down_write,
  each_page,
  kvm_mmu_invalidate_end,
  kvm_mmu_invalidate_start,
  kvm_mmu_unmap_gfn_range,
  unlock,
  up_write,
} from '../../../api/index.ts';
import { none } from '../../none.ts';
import { truncate_inode_folio } from './calls.ts';

function* kvm_gmem_punch_hole(range: Range): Steps<Result> {
  yield* down_write('invalidate_lock');
  for (const index of each_page(range)) yield* call(truncate_inode_folio, index);
  if (yield* kvm_mmu_invalidate_start(range)) {
    yield* kvm_mmu_unmap_gfn_range(range, 'private');
    yield* unlock('mmu_lock');
  }
  yield* kvm_mmu_invalidate_end(range);
  yield* up_write('invalidate_lock');
  return 0;
}

export const holeBeforeStart: Policy = {
  ...none,
  name: 'hole-before-start',
  title: 'linux-7.2: PUNCH_HOLE truncates before the bracket',
  source: 'docs/objections.md D22; kvm_gmem_punch_hole(): start, truncate, end',
  base: 'linux-7.2',
  planted: {
    invariant: 'no-mapping-to-freed-page',
    platform: 'bare',
    vmm: 'adversarial',
    fault: 'SPTEs reach pages that are free.',
  },
  replaces: () => ({ punch_hole: kvm_gmem_punch_hole }),
};
