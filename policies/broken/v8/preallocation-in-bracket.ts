// v8, broken: nodes for the store are allocated past the point of no return (docs/objections.md D20).

import { type Policy, call } from '../../../api/index.ts';
import { none } from '../../none.ts';
import { setAttributes, setAttributesParts } from './calls.ts';

export const preallocationInBracket: Policy = {
  ...none,
  name: 'preallocation-in-bracket',
  title: 'v8: the preallocation comes after the zap',
  source: 'docs/objections.md D20; [PATCH v8 13/46]: the later half will not fail due to allocation',
  base: 'v8',
  planted: {
    invariant: 'no-zap-before-point-of-no-return',
    platform: 'tdx',
    vmm: 'adversarial',
    settings: { fail: 'mas_preallocate' },
    fault: '-ENOMEM when the S-EPT leaf is gone: the guest has lost its data, and nothing was converted.',
  },
  replaces: (_base, arch) => {
    const { kvm_gmem_mas_preallocate, commit } = setAttributesParts('shared', arch);
    return {
      convert_shared: setAttributes('shared', arch, {
        *kvm_gmem_mas_preallocate() {
          return null;
        },
        *commit(range) {
          return (yield* call(kvm_gmem_mas_preallocate, range)) ?? (yield* call(commit, range));
        },
      }),
    };
  },
};
