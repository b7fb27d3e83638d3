// v8, broken: -ENOMEM does not say where (docs/objections.md D13).

import { type Policy, mas_preallocate } from '../../../api/index.ts';
import { none } from '../../none.ts';
import { setAttributes } from './calls.ts';

export const enomemWithoutOffset: Policy = {
  ...none,
  name: 'enomem-without-offset',
  title: 'v8: error_offset is not written on -ENOMEM',
  source: 'docs/objections.md D13: paths with -ENOMEM never set error_index',
  base: 'v8',
  planted: {
    invariant: 'error-offset-in-range',
    platform: 'bare',
    vmm: 'adversarial',
    settings: { fail: 'mas_preallocate' },
    fault: 'User space reads what it had written there itself.',
  },
  replaces: (_base, arch) => ({
    convert_private: setAttributes('private', arch, {
      *kvm_gmem_mas_preallocate(range) {
        return (yield* mas_preallocate(range, 'private'))
          ? null
          : { errno: '-ENOMEM', error_offset: 'uninitialised' };
      },
    }),
  }),
};
