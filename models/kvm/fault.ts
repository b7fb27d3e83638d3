// The guest touches a page: TLB, S2, then kvm_mmu_faultin_pfn() and kvm_tdp_mmu_page_fault() of x86, with the
// retry protocol.

import {
  type Arch,
  type BaseCalls,
  type MemslotState,
  type Result,
  type Steps,
  call,
  folio_put,
  fput,
  get_file_active,
  gfn_to_memslot,
  guest_access,
  hva_to_pfn,
  kvm_gmem_get_pfn,
  kvm_mem_is_private,
  mmu_invalidate_seq,
  psmash,
  repeat,
  rmp_level_is_2m,
  srcu_read_lock,
  srcu_read_unlock,
} from '../../api/index.ts';
import { kvm_gmem_get_index } from './memslots.ts';

/** RET_PF_RETRY and RET_PF_FIXED both enter the guest again. */
interface Fault {
  readonly result: Result | 'again';
  /** The file's last reference was dropped: task work releases it, once SRCU is left. */
  readonly last: boolean;
}
const ended = (result: Fault['result'], last = false): Fault => ({ result, last });

/*
 * MODEL: the lockless pre-checks mmu_invalidate_retry_gfn_unsafe() are left out: they save work and decide
 * nothing.
 */
/*
 * MODEL: NPT leaves have the size of their RMP entry; what a guest gives up (PVALIDATE, rescind) of a 2M entry is
 * smashed by the conversion. kvm_zap_gfn_range() after KVM's PSMASH is left out: faults bring back what it zaps.
 */
/*
 * MODEL: the reference of the lookup is dropped in a step after kvm_tdp_mmu_map(), which has taken and left mmu_lock;
 * in Linux 7.2 kvm_mmu_finish_page_fault() drops it before mmu_lock is left.
 */
/* MODEL: PVALIDATE and ACCEPT come with the guest's first touch of a page. */
/** The guest's accesses; `release` is what the last fput() leaves to do, `vmsa` comes before each entry. */
export function makeFault(
  { kvm_tdp_mmu_map }: Pick<BaseCalls, 'kvm_tdp_mmu_map'>,
  arch: Arch,
  release: () => Steps<void>,
  vmsa: (() => Steps<void>) | null,
) {
  /** kvm_mmu_faultin_pfn_gmem(), then kvm_tdp_mmu_page_fault(). The file is held for the lookup only. */
  function* faultin_gmem(gfn: number, isPrivate: boolean, seq: number): Steps<Fault> {
    if (!(yield* get_file_active(gfn))) return ended('-EFAULT');
    const pfn = yield* call(kvm_gmem_get_pfn, kvm_gmem_get_index(gfn, arch), arch);
    const last = yield* fput();
    if (typeof pfn !== 'number') return ended(pfn, last);
    yield* kvm_tdp_mmu_map(gfn, pfn, isPrivate, seq);
    yield* folio_put(pfn);
    return ended('again', last);
  }

  /** kvm_mmu_faultin_pfn(). Everything that may be stale is read after the snapshot; the slot is kept by SRCU. */
  function* kvm_tdp_page_fault(gfn: number, isPrivate: boolean, slot: MemslotState): Steps<Fault> {
    const seq = yield* mmu_invalidate_seq();
    if ((yield* kvm_mem_is_private(gfn)) !== isPrivate) return ended('-EFAULT');
    /* kvm_handle_noslot_fault(): an MMIO SPTE; KVM_EXIT_MMIO comes of it, on SNP and TDX by #VC and #VE of the guest */
    if (slot === 'none') return ended(isPrivate ? '-EFAULT' : 0);
    if (slot === 'invalid') return ended('again');
    if (isPrivate || arch.in_place) return yield* faultin_gmem(gfn, isPrivate, seq);
    const pfn = yield* hva_to_pfn(gfn);
    if (pfn !== null) yield* kvm_tdp_mmu_map(gfn, pfn, false, seq);
    return ended('again');
  }

  /** After kvm_mmu_page_fault(), left out here. The guest is entered again whatever comes out, if with a warning. */
  function* sev_handle_rmp_fault(gfn: number, slot: MemslotState): Steps<Fault> {
    if (!(yield* kvm_mem_is_private(gfn)) || slot !== 'valid') return ended('again');
    if (!(yield* get_file_active(gfn))) return ended('again');
    const index = kvm_gmem_get_index(gfn, arch);
    const pfn = yield* call(kvm_gmem_get_pfn, index, arch);
    const last = yield* fput();
    if (typeof pfn !== 'number') return ended('again', last);
    if (yield* rmp_level_is_2m(pfn)) yield* psmash(index, pfn);
    yield* folio_put(pfn);
    return ended('again', last);
  }

  /** One round: the guest runs, faults, KVM handles the fault under SRCU. */
  function* vcpu_enter_guest(gfn: number, isPrivate: boolean): Steps<Result | 'again'> {
    if (vmsa !== null) yield* vmsa();
    const access = yield* guest_access(gfn, isPrivate);
    if (access === 'done') return 0;
    yield* srcu_read_lock();
    const slot = yield* gfn_to_memslot(gfn);
    const { result, last } =
      access === 'size'
        ? yield* call(sev_handle_rmp_fault, gfn, slot)
        : yield* call(kvm_tdp_page_fault, gfn, isPrivate, slot);
    yield* srcu_read_unlock();
    if (last) yield* call(release);
    return result;
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
