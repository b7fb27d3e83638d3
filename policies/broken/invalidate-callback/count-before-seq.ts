// invalidate-callback, broken: the end lowers the count before it moves seq (docs/objections.md D22: the smp_wmb() of
// kvm_mmu_invalidate_end()).

import {
  type Policy,
  gmem_in_progress_dec,
  gmem_invalidate_seq_inc,
  gmem_invalidate_start,
  kvm_mmu_invalidate_end,
  kvm_mmu_invalidate_start,
  unlock,
} from '../../../api/index.ts';
import { callbackHooks, invalidateCallback, map_page, zap } from '../../invalidate-callback.ts';
import { convertRange } from '../rfc-v2/calls.ts';

export const countBeforeSeq: Policy = {
  ...invalidateCallback,
  name: 'count-before-seq',
  title: 'invalidate-callback: in_progress-- before seq++',
  source: 'docs/objections.md D22; kvm_mmu_invalidate_end(): seq++ visible before in_progress--',
  planted: {
    invariant: 'no-stale-shared-iopte',
    platform: 'bare',
    vmm: 'adversarial',
    fault: 'A map that rechecks in between finds neither a bracket nor a new sequence number.',
  },
  ...callbackHooks({ map_page, zap }),
  replaces: (_base, arch) => ({
    convert_private: convertRange('private', arch, {
      *kvm_gmem_invalidate_begin(range) {
        yield* gmem_invalidate_start(range);
        if (yield* kvm_mmu_invalidate_start(range)) yield* unlock('mmu_lock');
        yield* zap(range);
      },
      *kvm_gmem_invalidate_end(range) {
        yield* kvm_mmu_invalidate_end(range);
        yield* gmem_in_progress_dec();
        yield* gmem_invalidate_seq_inc();
      },
    }),
  }),
};
