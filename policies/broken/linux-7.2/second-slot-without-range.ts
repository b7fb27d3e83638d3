// linux-7.2, broken: the bracket has the range of the first slot only (docs/objections.md D22: the union over the
// slots).

import {
  type Policy,
  kvm_mmu_invalidate_end,
  kvm_mmu_invalidate_start,
  kvm_mmu_unmap_gfn_range,
  unlock,
} from '../../../api/index.ts';
import { none } from '../../none.ts';
import { gfn_ranges, punchHole } from './calls.ts';

export const secondSlotWithoutRange: Policy = {
  ...none,
  name: 'second-slot-without-range',
  title: 'linux-7.2: range_add for the first slot only',
  source: 'docs/objections.md D22; kvm_mmu_unmap_gfn_range() adds the range of each slot',
  base: 'linux-7.2',
  planted: {
    settings: { cast: ['slots'] },
    invariant: 'no-mapping-to-freed-page',
    platform: 'bare',
    vmm: 'adversarial',
    fault: 'A fault in the second slot is let through while its page goes.',
  },
  replaces: (_base, arch) => ({
    punch_hole: punchHole({
      *kvm_gmem_invalidate_start(range) {
        let open = false;
        for (const piece of gfn_ranges(range, arch)) {
          if (!open) open = yield* kvm_mmu_invalidate_start(piece);
          if (open) yield* kvm_mmu_unmap_gfn_range(piece, 'both');
        }
        if (open) yield* unlock('mmu_lock');
      },
      *kvm_gmem_invalidate_end(range) {
        const [first] = gfn_ranges(range, arch);
        if (first !== undefined) yield* kvm_mmu_invalidate_end(first);
      },
    }),
  }),
};
