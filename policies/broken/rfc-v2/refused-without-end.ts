// rfc-v2 under folio-pin, broken: a conversion that is refused does not close its bracket (docs/objections.md D22).

import { type Policy, kvm_mmu_invalidate_end } from '../../../api/index.ts';
import { folioPin } from '../../folio-pin.ts';
import { convertRange } from './calls.ts';

export const refusedWithoutEnd: Policy = {
  ...folioPin,
  name: 'refused-without-end',
  title: 'rfc-v2 under folio-pin: a refused conversion leaves its bracket open',
  source: 'docs/objections.md D22: the error path has no end',
  planted: {
    invariant: 'bracket-balanced',
    platform: 'bare',
    vmm: 'adversarial',
    fault: 'in_progress stays raised after -EAGAIN: faults retry for ever.',
  },
  replaces: (_base, arch) => ({
    convert_private: convertRange('private', arch, {
      *kvm_gmem_invalidate_end(range, unsafe) {
        if (!unsafe) yield* kvm_mmu_invalidate_end(range);
      },
    }),
  }),
};
