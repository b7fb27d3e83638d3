// rfc-v2 under folio-pin, broken: a conversion that is refused does not say where (docs/objections.md D13).

import { type Policy, call } from '../../../api/index.ts';
import { folioPin } from '../../folio-pin.ts';

export const errorOffsetUnset: Policy = {
  ...folioPin,
  name: 'error-offset-unset',
  title: 'rfc-v2 under folio-pin: error_offset is not set',
  source: 'docs/objections.md D13: error_index is not initialised',
  planted: {
    invariant: 'error-offset-in-range',
    platform: 'bare',
    vmm: 'adversarial',
    fault: 'error_offset is 0 whatever the range was.',
  },
  replaces: (base) => ({
    *convert_private(range) {
      const result = yield* call(base.convert_private, range);
      return typeof result === 'object' ? { ...result, error_offset: 0 } : result;
    },
  }),
};
