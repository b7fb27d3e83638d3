// rfc-v2, broken: to shared, the shared roots are zapped and the S-EPT is left (docs/objections.md D23).

import { type Policy, kvm_mmu_unmap_gfn_range, lock, unlock } from '../../../api/index.ts';
import { none } from '../../none.ts';
import { convertRange } from './calls.ts';

export const zapOfWrongKind: Policy = {
  ...none,
  name: 'zap-of-wrong-kind',
  title: 'rfc-v2: roots of the wrong kind are zapped',
  source: 'docs/objections.md D23: a filter that does not come from the attributes',
  planted: {
    invariant: 'no-stale-private-iopte',
    platform: 'tdx',
    vmm: 'adversarial',
    fault: 'A shared index keeps its S-EPT leaf.',
  },
  replaces: (_base, arch) => ({
    convert_shared: convertRange('shared', arch, {
      *kvm_gmem_convert_should_proceed(range) {
        yield* lock('mmu_lock');
        yield* kvm_mmu_unmap_gfn_range(range, 'shared');
        yield* unlock('mmu_lock');
        return null;
      },
    }),
  }),
};
