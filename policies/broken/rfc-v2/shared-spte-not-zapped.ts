// rfc-v2, broken: to private, nobody zaps the shared SPTEs (docs/objections.md D21).

import {
  type Policy,
  each_page,
  kvm_gmem_has_safe_refcount,
  unmap_mapping_pages,
} from '../../../api/index.ts';
import { none } from '../../none.ts';
import { convertRange } from './calls.ts';

export const sharedSpteNotZapped: Policy = {
  ...none,
  name: 'shared-spte-not-zapped',
  title: 'rfc-v2: shared SPTEs are not zapped',
  source: 'docs/objections.md D21: the bracket relies on the mmu notifier',
  planted: {
    invariant: 'no-stale-s2',
    platform: 'sev-snp',
    vmm: 'adversarial',
    fault: 'The guest reaches as shared what is private.',
  },
  replaces: (_base, arch) => ({
    convert_private: convertRange('private', arch, {
      *kvm_gmem_convert_should_proceed(range) {
        for (const index of each_page(range)) yield* unmap_mapping_pages(index);
        return yield* kvm_gmem_has_safe_refcount(range);
      },
    }),
  }),
};
