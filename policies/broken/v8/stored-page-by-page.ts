// v8 under folio-pin, broken: each page is checked and stored before the next (Ackerley Tng, Jun 2025).

import { type Policy, each_page, store_attributes } from '../../../api/index.ts';
import { folioPin } from '../../folio-pin.ts';
import { check_references, setAttributes, unmap_from_user } from './calls.ts';

export const storedPageByPage: Policy = {
  ...folioPin,
  name: 'stored-page-by-page',
  title: 'v8 under folio-pin: references are counted page by page, between stores',
  source: 'Ackerley Tng, Jun 2025, Re: [RFC PATCH v2 38/51]',
  base: 'v8',
  planted: {
    invariant: 'all-or-nothing',
    platform: 'bare',
    vmm: 'adversarial',
    fault: 'A pinned page stops the conversion after others have changed.',
  },
  replaces: (_base, arch) => ({
    convert_private: setAttributes('private', arch, {
      *kvm_gmem_is_safe_for_conversion(range) {
        yield* unmap_from_user(range);
        return null;
      },
      *commit(range) {
        for (const index of each_page(range)) {
          const page = { start: index, end: index + 1 };
          const refused = yield* check_references(page, true);
          if (refused !== null) return refused;
          yield* store_attributes(page, 'private');
        }
        return null;
      },
    }),
  }),
};
