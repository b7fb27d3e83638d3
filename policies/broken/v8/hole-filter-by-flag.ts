// v8, broken: PUNCH_HOLE zaps what the flag of the inode says, not what the range holds (docs/objections.md D23).

import type { Policy } from '../../../api/index.ts';
import { none } from '../../none.ts';
import { punchHoleOfV8 } from './calls.ts';

export const holeFilterByFlag: Policy = {
  ...none,
  name: 'hole-filter-by-flag',
  title: 'v8: the filter comes from INIT_SHARED',
  source: 'docs/objections.md D23; [PATCH v8 20/46] looks at the attributes',
  base: 'v8',
  planted: {
    invariant: 'no-mapping-to-freed-page',
    platform: 'tdx',
    vmm: 'adversarial',
    fault: 'The S-EPT leaf of a private index stays when its page is freed.',
  },
  replaces: (_base, arch) => ({ punch_hole: punchHoleOfV8(arch, 'shared') }),
};
