// linux-7.2, broken: the gpa of the VMSA is published after mmu_lock was dropped (__sev_snp_reload_vmsa();
// docs/objections.md D6).

import {
  type Arch,
  type Policy,
  type Result,
  type Steps,
  call,
  down_read,
  folio_put,
  kvm_gmem_get_pfn,
  mmu_invalidate_retry_gfn,
  mmu_invalidate_seq,
  up_read,
  vmsa_clear,
  vmsa_install,
  vmsa_publish_gpa,
  vmsa_request_reload,
} from '../../../api/index.ts';
import { none } from '../../none.ts';

/** Short of SRCU and of the file. */
const reload = (arch: Arch) =>
  function* __sev_snp_reload_vmsa(gfn: number): Steps<Result> {
    yield* vmsa_clear();
    const seq = yield* mmu_invalidate_seq();
    const pfn = yield* call(kvm_gmem_get_pfn, gfn, arch);
    if (typeof pfn !== 'number') return 0;
    yield* down_read('mmu_lock');
    if (yield* mmu_invalidate_retry_gfn(seq, gfn)) yield* vmsa_request_reload();
    else yield* vmsa_install(pfn);
    yield* up_read('mmu_lock');
    yield* vmsa_publish_gpa(gfn);
    yield* folio_put(pfn);
    return 0;
  };

export const vmsaPublishedLate: Policy = {
  ...none,
  name: 'vmsa-published-late',
  title: 'linux-7.2: the gpa of the VMSA is published last',
  source: '__sev_snp_reload_vmsa(): publish the gpa first, recheck, install',
  base: 'linux-7.2',
  planted: {
    settings: { cast: ['vmsa'] },
    invariant: 'no-mapping-to-freed-page',
    platform: 'sev-snp',
    vmm: 'adversarial',
    fault: 'An invalidation that comes in between finds no VMSA in its range.',
  },
  replaces: (_base, arch) => ({ create_vmsa: reload(arch) }),
};
