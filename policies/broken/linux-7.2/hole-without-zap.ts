// linux-7.2, broken: PUNCH_HOLE opens its bracket and zaps nothing (docs/objections.md D23).

import { type Policy, kvm_mmu_invalidate_start, unlock } from '../../../api/index.ts';
import { none } from '../../none.ts';
import { punchHole } from './calls.ts';

export const holeWithoutZap: Policy = {
  ...none,
  name: 'hole-without-zap',
  title: 'linux-7.2: PUNCH_HOLE zaps nothing',
  source: 'docs/objections.md D23, D6: what is not told keeps its pfn',
  base: 'linux-7.2',
  planted: {
    invariant: 'no-host-corruption',
    platform: 'bare',
    vmm: 'adversarial',
    fault: 'The guest writes to a page that is free.',
  },
  replaces: () => ({
    punch_hole: punchHole({
      *kvm_gmem_invalidate_start(range) {
        if (yield* kvm_mmu_invalidate_start(range)) yield* unlock('mmu_lock');
      },
    }),
  }),
};
