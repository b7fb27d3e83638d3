// v8, broken: references are counted on the way to shared as well, when the page has left the RMP (docs/objections.md
// D20).

import { type Policy, each_page, rmp_make_shared, store_attributes } from '../../../api/index.ts';
import { none } from '../../none.ts';
import { check_references, setAttributes } from './calls.ts';

export const pageStateBeforeCheck: Policy = {
  ...none,
  name: 'page-state-before-check',
  title: 'v8: the page state goes before the check',
  source:
    'docs/objections.md D20: Binbin Wu, May 2025, on a zap before should_proceed; Yan Zhao: check, zap, commit',
  base: 'v8',
  planted: {
    invariant: 'no-zap-before-point-of-no-return',
    platform: 'sev-snp',
    vmm: 'adversarial',
    fault: 'A conversion to shared is refused when the guest has lost the page.',
  },
  replaces: (_base, arch) => ({
    convert_shared: setAttributes('shared', arch, {
      *commit(range) {
        for (const index of each_page(range)) yield* rmp_make_shared(index);
        const refused = yield* check_references(range, false);
        if (refused === null) yield* store_attributes(range, 'shared');
        return refused;
      },
    }),
  }),
};
