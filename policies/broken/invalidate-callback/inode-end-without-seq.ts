// invalidate-callback, broken: the end of the inode's bracket lowers the count and does not move seq
// (docs/objections.md D22).

import {
  type Policy,
  gmem_in_progress_dec,
  gmem_invalidate_start,
  kvm_mmu_invalidate_end,
  kvm_mmu_invalidate_start,
  unlock,
} from '../../../api/index.ts';
import { callbackHooks, invalidateCallback, map_page, zap } from '../../invalidate-callback.ts';
import { convertRange } from '../rfc-v2/calls.ts';

export const inodeEndWithoutSeq: Policy = {
  ...invalidateCallback,
  name: 'inode-end-without-seq',
  title: "invalidate-callback: the end of the inode's bracket does not move seq",
  source: 'docs/objections.md D22; kvm_mmu_invalidate_end(): seq++',
  planted: {
    invariant: 'end-bumps-seq',
    platform: 'bare',
    vmm: 'adversarial',
    fault: 'A map that began before the bracket finds nothing changed after it.',
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
      },
    }),
  }),
};
