// The guest names a page of its own as the VMSA of a vCPU (SNP AP creation): the hardware then runs on a raw pfn of
// guest_memfd. The second consumer of its pfns in Linux 7.2: __sev_snp_reload_vmsa(), sev_gmem_invalidate_range().

import {
  type Arch,
  type Result,
  type Steps,
  call,
  down_read,
  folio_put,
  fput,
  get_file_active,
  gfn_to_memslot,
  kvm_check_vmsa_request,
  kvm_gmem_get_pfn,
  mmu_invalidate_retry_gfn,
  mmu_invalidate_seq,
  srcu_read_lock,
  srcu_read_unlock,
  up_read,
  vmsa_clear,
  vmsa_install,
  vmsa_publish_gpa,
  vmsa_request_reload,
} from '../../api/index.ts';
import { kvm_gmem_get_index } from './memslots.ts';

/* MODEL: the vCPU sets its own VMSA, not another's; snp_vmsa_mutex is left out, as nobody else takes it then. */
/* MODEL: a vCPU whose VMSA could not be installed runs on; the kernel's KVM_RUN fails. */
/** Under SRCU. True: the last reference to the file went. */
export function* __sev_snp_reload_vmsa(gfn: number, arch: Arch): Steps<boolean> {
  yield* vmsa_clear();
  const slot = yield* gfn_to_memslot(gfn);
  if (slot === 'none') return false;
  const seq = yield* mmu_invalidate_seq();
  /* -EFAULT: kvm_copy_memslot() leaves gmem.file of the invalid copy NULL */
  if (slot === 'invalid') return false;
  if (!(yield* get_file_active(gfn))) return false;
  const pfn = yield* call(kvm_gmem_get_pfn, kvm_gmem_get_index(gfn, arch), arch);
  const last = yield* fput();
  if (typeof pfn !== 'number') return last;
  yield* down_read('mmu_lock');
  /* first: from here on an invalidation finds it */
  yield* vmsa_publish_gpa(gfn);
  if (yield* mmu_invalidate_retry_gfn(seq, gfn)) yield* vmsa_request_reload();
  else yield* vmsa_install(pfn);
  yield* up_read('mmu_lock');
  yield* folio_put(pfn);
  return last;
}

export type ReloadVmsa = (gfn: number, arch: Arch) => Steps<boolean>;

export function makeVmsa(arch: Arch, release: () => Steps<void>, reload: ReloadVmsa = __sev_snp_reload_vmsa) {
  function* reload_under_srcu(gfn: number): Steps<void> {
    yield* srcu_read_lock();
    const last = yield* call(reload, gfn, arch);
    yield* srcu_read_unlock();
    if (last) yield* call(release);
  }
  return {
    /** SVM_VMGEXIT_AP_CREATE, as the vCPU itself takes it up. */
    *create(gfn: number): Steps<Result> {
      yield* reload_under_srcu(gfn);
      return 0;
    },
    /** KVM_REQ_VMSA_PAGE_RELOAD, before the guest is entered. */
    *check(): Steps<void> {
      const gfn = yield* kvm_check_vmsa_request();
      if (gfn !== null) yield* call(reload_under_srcu, gfn);
    },
  };
}
