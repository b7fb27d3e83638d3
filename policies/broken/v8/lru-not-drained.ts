// v8, broken: an lru_add batch counts as somebody who uses the page (docs/objections.md D10).

import type { Policy } from '../../../api/index.ts';
import { none } from '../../none.ts';
import { check_references, setAttributes, unmap_from_user } from './calls.ts';

export const lruNotDrained: Policy = {
  ...none,
  name: 'lru-not-drained',
  title: 'v8: the LRU batches are not drained',
  source:
    'Ackerley Tng, 24 Jun 2026: conversions failed for the reference of a batch; docs/objections.md D10',
  base: 'v8',
  planted: {
    invariant: 'no-refusal-without-user',
    platform: 'bare',
    vmm: 'adversarial',
    fault: 'A page that was just faulted in does not become private although nobody uses it.',
  },
  replaces: (_base, arch) => ({
    convert_private: setAttributes('private', arch, {
      *kvm_gmem_is_safe_for_conversion(range) {
        yield* unmap_from_user(range);
        return yield* check_references(range, false);
      },
    }),
  }),
};
