// invalidate-callback, broken: conversions are not told.

import { type Policy, call } from '../../../api/index.ts';
import { invalidateCallback, zap } from '../../invalidate-callback.ts';

export const callbackOnTruncationOnly: Policy = {
  ...invalidateCallback,
  name: 'callback-on-truncation-only',
  title: 'invalidate-callback: called for truncation only',
  source: 'Xu Yilun, Jason Gunthorpe, 26-28 Feb 2026; revoke-on-truncate on a platform that cannot afford it',
  planted: {
    invariant: 'no-stale-shared-iopte',
    platform: 'bare',
    vmm: 'adversarial',
    fault: 'A page becomes private and stays mapped.',
  },
  *invalidate_start(range, reason) {
    if (reason !== 'to private' && reason !== 'to shared') yield* call(zap, range);
  },
};
