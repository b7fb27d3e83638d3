// linux-7.2, broken: the range of indices is zapped as if it were gfns (index = gfn - base_gfn + pgoff).

import {
  type Policy,
  kvm_mmu_invalidate_start,
  kvm_mmu_unmap_gfn_range,
  unlock,
} from '../../../api/index.ts';
import { none } from '../../none.ts';
import { punchHole } from './calls.ts';

export const indexTakenForGfn: Policy = {
  ...none,
  name: 'index-taken-for-gfn',
  title: 'linux-7.2: base_gfn and pgoff are forgotten',
  source: 'kvm_gmem_get_index(); __kvm_gmem_invalidate_start()',
  base: 'linux-7.2',
  planted: {
    settings: { cast: ['slots'] },
    invariant: 'no-mapping-to-freed-page',
    platform: 'bare',
    vmm: 'adversarial',
    fault: 'The SPTEs of another gfn are zapped.',
  },
  replaces: () => ({
    punch_hole: punchHole({
      *kvm_gmem_invalidate_start(range) {
        if (!(yield* kvm_mmu_invalidate_start(range))) return;
        yield* kvm_mmu_unmap_gfn_range(range, 'both');
        yield* unlock('mmu_lock');
      },
    }),
  }),
};
