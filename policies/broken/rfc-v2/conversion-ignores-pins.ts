// rfc-v2 under folio-pin, broken: a conversion to private looks at no reference (docs/objections.md D8).

import type { Policy } from '../../../api/index.ts';
import { folioPin } from '../../folio-pin.ts';
import { convertRange } from './calls.ts';

export const conversionIgnoresPins: Policy = {
  ...folioPin,
  name: 'conversion-ignores-pins',
  title: 'rfc-v2 under folio-pin: references are not counted',
  source: 'docs/objections.md D10; kvm_gmem_has_safe_refcount(): expected references only',
  planted: {
    invariant: 'conversion-sees-expected-refcount',
    platform: 'bare',
    vmm: 'adversarial',
    fault: 'A page becomes private while the IOMMU has it pinned.',
  },
  replaces: (_base, arch) => ({
    convert_private: convertRange('private', arch, {
      *kvm_gmem_convert_should_proceed() {
        return null;
      },
    }),
  }),
};
