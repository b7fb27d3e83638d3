// v8, broken: the attribute changes before the bracket opens (docs/objections.md D22).

import { type Policy, call, store_attributes } from '../../../api/index.ts';
import { none } from '../../none.ts';
import { invalidate_start, setAttributes } from './calls.ts';

export const commitBeforeStart: Policy = {
  ...none,
  name: 'commit-before-start',
  title: 'v8: the store comes before invalidate_start',
  source: 'docs/objections.md D22: half of the bracket too late',
  base: 'v8',
  planted: {
    invariant: 'no-stale-s2',
    platform: 'bare',
    vmm: 'adversarial',
    fault: 'Between the store and the zap the guest has the page as what it is no longer.',
  },
  replaces: (_base, arch) => ({
    convert_private: setAttributes('private', arch, {
      *kvm_gmem_invalidate_start(range) {
        yield* store_attributes(range, 'private');
        yield* call(invalidate_start, range, 'both', arch);
      },
      *commit() {
        return null;
      },
    }),
  }),
};
