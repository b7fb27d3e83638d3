// linux-7.2, broken: kvm_tdp_mmu_map() installs what was looked up, whatever has happened since
// (docs/objections.md D22).

import { kvm_tdp_mmu_map_unchecked } from '../../../api/faulty.ts';
import type { Policy } from '../../../api/index.ts';
import { none } from '../../none.ts';

export const faultWithoutRecheck: Policy = {
  ...none,
  name: 'fault-without-recheck',
  title: 'linux-7.2: the fault does not look at its snapshot again',
  source: 'docs/objections.md D22; is_page_fault_stale()',
  base: 'linux-7.2',
  planted: {
    invariant: 'no-install-after-stale-snapshot',
    platform: 'bare',
    vmm: 'adversarial',
    fault: 'A fault that began before the bracket installs its page after it.',
  },
  replaces: () => ({ kvm_tdp_mmu_map: kvm_tdp_mmu_map_unchecked }),
};
