// v8, broken: the hook that frees a page runs on its conversion as well (docs/objections.md D29).

import { type Policy, call, gmem_zero_range } from '../../../api/index.ts';
import { none } from '../../none.ts';
import { setAttributes, setAttributesParts } from './calls.ts';

export const wipedOnConversion: Policy = {
  ...none,
  name: 'wiped-on-conversion',
  title: 'v8: a conversion to shared scrubs the page',
  source: 'Fuad Tabba, 19 Jun 2026, Re: [PATCH v8 15/46]; docs/objections.md D29',
  base: 'v8',
  planted: {
    invariant: 'neighbour-content-survives',
    platform: 'bare',
    vmm: 'adversarial',
    fault: 'What the guest has put into a page for the host is gone when the page is shared.',
  },
  replaces: (_base, arch) => {
    const { commit } = setAttributesParts('shared', arch);
    return {
      convert_shared: setAttributes('shared', arch, {
        *commit(range) {
          yield* gmem_zero_range(range);
          return yield* call(commit, range);
        },
      }),
    };
  },
};
