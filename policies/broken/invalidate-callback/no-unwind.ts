// invalidate-callback, broken: a map that fails in its middle leaves what it has mapped (docs/objections.md D12,
// docs/iommufd.md K15).

import { type Policy, each_page, repeat } from '../../../api/index.ts';
import { invalidateCallback, map_page } from '../../invalidate-callback.ts';

export const noUnwind: Policy = {
  ...invalidateCallback,
  name: 'no-unwind',
  title: 'invalidate-callback: a map that fails is not unwound',
  source: 'docs/iommufd.md K15: the error path of iopt_area_fill_domains()',
  planted: {
    invariant: 'all-or-nothing',
    platform: 'tdx',
    vmm: 'adversarial',
    fault: 'The pages before the one that was refused stay mapped.',
  },
  *ioas_map_file(range, arch) {
    for (const index of each_page(range)) {
      const result = yield* repeat(map_page, index, arch);
      if (result !== 0) return result;
    }
    return 0;
  },
};
