// invalidate-callback, broken: PUNCH_HOLE is not told (docs/objections.md D43).

import { type Policy, call } from '../../../api/index.ts';
import { invalidateCallback, zap } from '../../invalidate-callback.ts';

export const callbackOnConversionOnly: Policy = {
  ...invalidateCallback,
  name: 'callback-on-conversion-only',
  title: 'invalidate-callback: called for conversions only',
  source: 'docs/objections.md D43: everyone agrees that truncation must unmap',
  planted: {
    invariant: 'no-mapping-to-freed-page',
    platform: 'sev-snp',
    vmm: 'adversarial',
    fault: 'A hole leaves the IOPTE as it was.',
  },
  *invalidate_start(range, reason) {
    if (reason === 'to private' || reason === 'to shared') yield* call(zap, range);
  },
};
