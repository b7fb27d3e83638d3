// rfc-v2, broken: to shared, a huge folio stays whole (docs/objections.md D32).

import { type Policy, store_attributes } from '../../../api/index.ts';
import { none } from '../../none.ts';
import { convertRange } from './calls.ts';

export const noSplit: Policy = {
  ...none,
  name: 'no-split',
  title: 'rfc-v2: huge folios are not split',
  source: 'docs/objections.md D32: page structure follows shareability',
  planted: {
    invariant: 'size-in-sync-with-shareability',
    platform: 'bare',
    vmm: 'adversarial',
    fault: 'A huge folio holds a shared index.',
  },
  replaces: (_base, arch) => ({
    convert_shared: convertRange('shared', arch, {
      *kvm_gmem_convert_execute_work(range) {
        yield* store_attributes(range, 'shared');
      },
    }),
  }),
};
