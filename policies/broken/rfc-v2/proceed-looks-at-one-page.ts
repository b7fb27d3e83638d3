// rfc-v2, broken: only the first page of the range is unmapped and checked.

import { type Policy, kvm_gmem_has_safe_refcount, unmap_mapping_pages } from '../../../api/index.ts';
import { none } from '../../none.ts';
import { convertRange } from './calls.ts';

export const proceedLooksAtOnePage: Policy = {
  ...none,
  name: 'proceed-looks-at-one-page',
  title: 'rfc-v2: only the first page is unmapped and checked',
  source: 'docs/objections.md D7: host mappings of private pages',
  planted: {
    invariant: 'no-host-mapping-of-private',
    platform: 'bare',
    vmm: 'adversarial',
    fault: 'The second page of the range becomes private under its host PTE.',
  },
  replaces: (_base, arch) => ({
    convert_private: convertRange('private', arch, {
      *kvm_gmem_convert_should_proceed({ start }) {
        yield* unmap_mapping_pages(start);
        return yield* kvm_gmem_has_safe_refcount({ start, end: start + 1 });
      },
    }),
  }),
};
