// rfc-v2, broken: to shared, RMPUPDATE meets a 2M entry that nobody has smashed (docs/objections.md D32).

import {
  type Policy,
  each_page,
  rmp_make_shared,
  split_folio,
  store_attributes,
} from '../../../api/index.ts';
import { none } from '../../none.ts';
import { convertRange } from './calls.ts';

export const rmpupdateWithoutPsmash: Policy = {
  ...none,
  name: 'rmpupdate-without-psmash',
  title: 'rfc-v2: RMPUPDATE of a part of a 2M entry',
  source: 'docs/objections.md D32; RMPUPDATE: FAIL_OVERLAP',
  planted: {
    invariant: 'every-call-returns',
    platform: 'sev-snp',
    vmm: 'adversarial',
    fault: 'rmp_make_shared() loops for ever on FAIL_OVERLAP.',
  },
  replaces: (_base, arch) => ({
    convert_shared: convertRange('shared', arch, {
      *kvm_gmem_convert_execute_work(range) {
        for (const index of each_page(range)) yield* rmp_make_shared(index);
        yield* store_attributes(range, 'shared');
        for (const index of each_page(range)) yield* split_folio(index);
      },
    }),
  }),
};
