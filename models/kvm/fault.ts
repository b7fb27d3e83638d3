// The guest touches a page: TLB, S2, then kvm_mmu_faultin_pfn() and kvm_tdp_mmu_page_fault() of x86, with the
// retry protocol.

import {
  type Arch,
  type Result,
  type Steps,
  call,
  folio_put,
  get_file_active,
  guest_access,
  hva_to_pfn,
  kvm_gmem_get_pfn,
  kvm_mem_is_private,
  kvm_tdp_mmu_map,
  mmu_invalidate_seq,
  repeat,
  slot_bound,
  srcu_read_lock,
  srcu_read_unlock,
} from '../../api/index.ts';

/*
 * MODEL: a fault takes the file before it looks at the slot and drops it after SRCU; kvm_gmem_get_pfn() does
 * both inside, and fput() defers.
 */
/*
 * MODEL: the lockless pre-checks mmu_invalidate_retry_gfn_unsafe() are left out: they save work and decide
 * nothing.
 */
/* MODEL: NPT leaf sizes, and KVM's PSMASH for a guest access or PVALIDATE of 4K on a 2M RMP entry, are left out. */
/* MODEL: a slot that goes away makes a fault exit, or its install stale; the kernel retries or emulates. */
/* MODEL: PVALIDATE and ACCEPT come with the guest's first touch of a page. */
/** The guest's accesses; `gmem_fput` drops the file, and releases it when it was the last. */
export function makeFault(arch: Arch, gmem_fput: (counted: boolean) => Steps<void>) {
  /**
   * 0: mapped, or stale and to be retried; -EFAULT: exit to user space. Everything that may be stale is read
   * after the snapshot.
   */
  function* kvm_tdp_page_fault(gfn: number, isPrivate: boolean, file: boolean): Steps<Result> {
    /* kvm_mmu_do_page_fault() looks the slot up once, before anything else */
    const slot = yield* slot_bound();
    const seq = yield* mmu_invalidate_seq();
    if ((yield* kvm_mem_is_private(gfn)) !== isPrivate) return '-EFAULT';
    if (!slot) return '-EFAULT';
    if (!isPrivate && !arch.in_place) {
      const pfn = yield* hva_to_pfn(gfn);
      if (pfn !== null) yield* kvm_tdp_mmu_map(gfn, pfn, false, seq);
      return 0;
    }
    if (!file) return '-EFAULT';
    const pfn = yield* call(kvm_gmem_get_pfn, gfn, arch);
    if (typeof pfn !== 'number') return pfn;
    yield* kvm_tdp_mmu_map(gfn, pfn, isPrivate, seq);
    yield* folio_put(pfn);
    return 0;
  }

  /** One round: the guest runs, faults, KVM handles the fault under SRCU. */
  function* vcpu_enter_guest(gfn: number, isPrivate: boolean): Steps<Result | 'again'> {
    if (yield* guest_access(gfn, isPrivate)) return 0;
    yield* srcu_read_lock();
    const file = (isPrivate || arch.in_place) && (yield* get_file_active());
    const result = yield* call(kvm_tdp_page_fault, gfn, isPrivate, file);
    yield* srcu_read_unlock();
    if (file) yield* call(gmem_fput, true);
    return result === 0 ? 'again' : result;
  }

  return {
    as: (isPrivate: boolean) =>
      function* guest_touches(gfn: number): Steps<Result> {
        return yield* repeat(vcpu_enter_guest, gfn, isPrivate);
      },
    /** A well-behaved guest touches the page as what it thinks it is. */
    *honest(gfn: number): Steps<Result> {
      const isPrivate = yield* kvm_mem_is_private(gfn);
      return yield* repeat(vcpu_enter_guest, gfn, isPrivate);
    },
  };
}
