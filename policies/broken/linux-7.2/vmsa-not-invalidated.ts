// linux-7.2, broken: PUNCH_HOLE does not look for VMSAs (docs/objections.md D6; kvm_arch_gmem_invalidate_range() is new
// in 7.2).

import { type Policy } from '../../../api/index.ts';
import { none } from '../../none.ts';
import { punchHole } from './calls.ts';

export const vmsaNotInvalidated: Policy = {
  ...none,
  name: 'vmsa-not-invalidated',
  title: 'linux-7.2: PUNCH_HOLE leaves the VMSA',
  source: 'docs/objections.md D6: the pointer of the hardware was not revoked before 7.2',
  base: 'linux-7.2',
  planted: {
    settings: { cast: ['vmsa'] },
    invariant: 'no-mapping-to-freed-page',
    platform: 'sev-snp',
    vmm: 'adversarial',
    fault: 'The vCPU runs on a VMSA in a page that was freed.',
  },
  replaces: () => ({ punch_hole: punchHole({}) }),
};
