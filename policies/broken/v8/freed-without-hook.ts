// v8, broken: a page leaves the page cache and free_folio() does not run (docs/objections.md D29).

import { filemap_remove_folio_without_hook } from '../../../api/faulty.ts';
import type { Policy } from '../../../api/index.ts';
import { none } from '../../none.ts';
import { punchHoleOfV8 } from './calls.ts';

export const freedWithoutHook: Policy = {
  ...none,
  name: 'freed-without-hook',
  title: 'v8: a freed page keeps its RMP entry',
  source:
    'docs/objections.md D29; sev_gmem_invalidate(): the RMP entry is shared again before the host reuses the page',
  base: 'v8',
  planted: {
    invariant: 'no-mapping-to-freed-page',
    platform: 'sev-snp',
    vmm: 'adversarial',
    fault: 'The page goes back to the allocator while the RMP gives it to the guest.',
  },
  replaces: (_base, arch) => ({
    punch_hole: punchHoleOfV8(arch, 'attributes', filemap_remove_folio_without_hook),
  }),
};
