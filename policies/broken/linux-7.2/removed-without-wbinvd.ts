// linux-7.2, broken: a page leaves the S-EPT, and its lines stay in the cache (docs/objections.md D19).

import {
  type Policy,
  each_page,
  kvm_mmu_invalidate_start,
  tdh_mem_page_remove,
  tdh_mem_range_block,
  tdh_mem_track,
  unlock,
} from '../../../api/index.ts';
import { none } from '../../none.ts';
import { punchHole } from './calls.ts';

export const removedWithoutWbinvd: Policy = {
  ...none,
  name: 'removed-without-wbinvd',
  title: 'linux-7.2: no cache flush after TDH.MEM.PAGE.REMOVE',
  source: 'docs/objections.md D19; tdx_sept_remove_leaf_spte(): BLOCK, TRACK, REMOVE, WBINVD',
  base: 'linux-7.2',
  planted: {
    invariant: 'no-mapping-to-freed-page',
    platform: 'tdx',
    vmm: 'adversarial',
    fault: 'A page is freed while the cache holds lines with the key of the TD.',
  },
  replaces: () => ({
    punch_hole: punchHole({
      *kvm_gmem_invalidate_start(range) {
        if (!(yield* kvm_mmu_invalidate_start(range))) return;
        for (const gfn of each_page(range)) {
          if (!(yield* tdh_mem_range_block(gfn))) continue;
          yield* tdh_mem_track(gfn);
          yield* tdh_mem_page_remove(gfn);
        }
        yield* unlock('mmu_lock');
      },
    }),
  }),
};
