// linux-7.2, broken: PUNCH_HOLE zaps shared roots only (docs/objections.md D23, D19).

import {
  type Policy,
  kvm_mmu_invalidate_start,
  kvm_mmu_unmap_gfn_range,
  unlock,
} from '../../../api/index.ts';
import { none } from '../../none.ts';
import { punchHole } from './calls.ts';

export const holeKeepsTdPage: Policy = {
  ...none,
  name: 'hole-keeps-td-page',
  title: 'linux-7.2: PUNCH_HOLE leaves the S-EPT',
  source: 'docs/objections.md D23, D19: the filter comes from a flag of the inode',
  base: 'linux-7.2',
  planted: {
    invariant: 'no-host-fatal',
    platform: 'tdx',
    vmm: 'adversarial',
    fault: "The allocator gives a page away that is still the TD's.",
  },
  replaces: () => ({
    punch_hole: punchHole({
      *kvm_gmem_invalidate_start(range) {
        if (!(yield* kvm_mmu_invalidate_start(range))) return;
        yield* kvm_mmu_unmap_gfn_range(range, 'shared');
        yield* unlock('mmu_lock');
      },
    }),
  }),
};
