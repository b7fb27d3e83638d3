// invalidate-callback, broken: the IOMMU is told when the change is over (docs/objections.md D20, D22).

import { type Policy, call } from '../../../api/index.ts';
import { invalidateCallback, zap } from '../../invalidate-callback.ts';

export const callbackAtEnd: Policy = {
  ...invalidateCallback,
  name: 'callback-at-end',
  title: 'invalidate-callback: called at the end of the bracket',
  source: 'docs/objections.md D22: end before zap; D20: check, zap, commit',
  planted: {
    invariant: 'no-mapping-to-freed-page',
    platform: 'bare',
    vmm: 'adversarial',
    fault: 'The page is freed first and unmapped then.',
  },
  *invalidate_start() {},
  *invalidate_end(range) {
    yield* call(zap, range);
  },
};
