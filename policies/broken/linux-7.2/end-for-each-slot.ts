// linux-7.2, broken: the bracket that was opened once is closed for each slot (docs/objections.md D22).

import {
  type Policy,
  kvm_mmu_invalidate_end,
  kvm_mmu_invalidate_range_add,
  kvm_mmu_invalidate_start,
  kvm_mmu_unmap_gfn_range,
  unlock,
} from '../../../api/index.ts';
import { none } from '../../none.ts';
import { gfn_ranges, punchHole } from './calls.ts';

export const endForEachSlot: Policy = {
  ...none,
  name: 'end-for-each-slot',
  title: 'linux-7.2: in_progress-- for each slot',
  source: 'docs/objections.md D22; __kvm_gmem_invalidate_end() ends once, where any binding is found',
  base: 'linux-7.2',
  planted: {
    settings: { cast: ['slots'] },
    invariant: 'bracket-balanced',
    platform: 'bare',
    vmm: 'adversarial',
    fault: 'in_progress goes below zero: KVM_BUG_ON().',
  },
  replaces: (_base, arch) => ({
    punch_hole: punchHole({
      *kvm_gmem_invalidate_start(range) {
        let open = false;
        for (const piece of gfn_ranges(range, arch)) {
          if (open) yield* kvm_mmu_invalidate_range_add(piece);
          else open = yield* kvm_mmu_invalidate_start(piece);
          if (open) yield* kvm_mmu_unmap_gfn_range(piece, 'both');
        }
        if (open) yield* unlock('mmu_lock');
      },
      *kvm_gmem_invalidate_end(range) {
        for (const piece of gfn_ranges(range, arch)) yield* kvm_mmu_invalidate_end(piece);
      },
    }),
  }),
};
