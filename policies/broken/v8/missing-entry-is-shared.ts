// v8, broken: to private erases the entry, and a lookup takes none for shared (docs/objections.md D27).

import { erase_attributes } from '../../../api/faulty.ts';
import { type Policy } from '../../../api/index.ts';
import { none } from '../../none.ts';
import { setAttributes } from './calls.ts';

export const missingEntryIsShared: Policy = {
  ...none,
  name: 'missing-entry-is-shared',
  title: 'v8: the tree of attributes gets gaps',
  source: 'Binbin Wu, 22 Jun 2026, Re: [PATCH v8 01/46]; docs/objections.md D27',
  base: 'v8',
  planted: {
    invariant: 'attributes-total',
    platform: 'bare',
    vmm: 'adversarial',
    fault: 'What was made private reads as shared.',
  },
  replaces: (_base, arch) => ({
    convert_private: setAttributes('private', arch, {
      *commit(range) {
        yield* erase_attributes(range);
        return null;
      },
    }),
  }),
};
