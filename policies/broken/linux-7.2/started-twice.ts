// linux-7.2, broken: a range that lies in two pieces opens the bracket for each of them and closes it once
// (docs/objections.md D22: first hit only).

import {
  type Policy,
  each_page,
  kvm_mmu_invalidate_start,
  kvm_mmu_unmap_gfn_range,
  unlock,
} from '../../../api/index.ts';
import { none } from '../../none.ts';
import { punchHole } from './calls.ts';

export const startedTwice: Policy = {
  ...none,
  name: 'started-twice',
  title: 'linux-7.2: in_progress++ for each piece of the range',
  source: 'docs/objections.md D22: double start; __kvm_gmem_invalidate_start() has found_memslot',
  base: 'linux-7.2',
  planted: {
    invariant: 'bracket-balanced',
    platform: 'bare',
    vmm: 'adversarial',
    fault: 'in_progress stays raised: faults in the range are retried for ever.',
  },
  replaces: () => ({
    punch_hole: punchHole({
      *kvm_gmem_invalidate_start(range) {
        for (const gfn of each_page(range)) {
          const piece = { start: gfn, end: gfn + 1 };
          if (!(yield* kvm_mmu_invalidate_start(piece))) continue;
          yield* kvm_mmu_unmap_gfn_range(piece, 'private');
          yield* unlock('mmu_lock');
        }
      },
    }),
  }),
};
