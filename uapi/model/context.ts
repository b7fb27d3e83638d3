// What the argument checks of KVM and guest_memfd look at: one record, plain data. The level beside the
// concurrent machine: one caller, nothing in between, 64-bit arguments as bigint.

import type { BaseName } from '../../api/index.ts';

export const PAGE_SHIFT = 12n;
export const PAGE_SIZE = 1n << PAGE_SHIFT;
export const ULONG_MAX = 2n ** 64n - 1n;
export const LLONG_MAX = 2n ** 63n - 1n;

/** What a register keeps. */
export const u64 = (value: bigint): bigint => BigInt.asUintN(64, value);
/** loff_t. */
export const s64 = (value: bigint): bigint => BigInt.asIntN(64, value);
export const PAGE_ALIGNED = (value: bigint): boolean => (value & (PAGE_SIZE - 1n)) === 0n;

/* include/uapi/linux/kvm.h */
export const KVM_MEM_LOG_DIRTY_PAGES = 1n << 0n;
export const KVM_MEM_READONLY = 1n << 1n;
export const KVM_MEM_GUEST_MEMFD = 1n << 2n;
export const KVM_MEMORY_ATTRIBUTE_PRIVATE = 1n << 3n;
export const GUEST_MEMFD_FLAG_MMAP = 1n << 0n;
export const GUEST_MEMFD_FLAG_INIT_SHARED = 1n << 1n;
/* [rfc-v2] the same bits, other meanings */
export const GUEST_MEMFD_FLAG_SUPPORT_SHARED = 1n << 0n;
export const GUEST_MEMFD_FLAG_INIT_PRIVATE = 1n << 1n;

export type Errno =
  | '-EAGAIN'
  | '-EBADF'
  | '-EBUSY'
  | '-EEXIST'
  | '-EFAULT'
  | '-EFBIG'
  | '-EHWPOISON'
  | '-EINTR'
  | '-EINVAL'
  | '-EIO'
  | '-EMFILE'
  | '-ENODEV'
  | '-ENOENT'
  | '-ENOMEM'
  | '-ENOTTY'
  | '-EOPNOTSUPP'
  | '-EOVERFLOW'
  | '-EPERM';
export type VmFault = 'VM_FAULT_LOCKED' | 'VM_FAULT_SIGBUS' | 'VM_FAULT_OOM' | 'VM_FAULT_HWPOISON';
export type PageFault = 'RET_PF_CONTINUE' | 'RET_PF_RETRY' | 'RET_PF_EMULATE';
export type Ret = 0 | Errno | VmFault | PageFault;

/** Half-open, in pages. */
export interface Pages {
  readonly start: bigint;
  readonly end: bigint;
}
export const covers = (range: Pages, start: bigint, end: bigint): boolean =>
  range.start <= start && end <= range.end;
export const overlaps = (range: Pages, start: bigint, end: bigint): boolean =>
  range.start < end && start < range.end;
export const has = (range: Pages, page: bigint): boolean => range.start <= page && page < range.end;

export interface Slot {
  readonly id: bigint;
  readonly base_gfn: bigint;
  readonly npages: bigint;
  readonly flags: bigint;
  readonly userspace_addr: bigint;
  /** KVM_MEMSLOT_INVALID: being deleted or moved. */
  readonly invalid: boolean;
  /** First index of the file; means something with KVM_MEM_GUEST_MEMFD. */
  readonly pgoff: bigint;
}

export interface Context {
  readonly base: BaseName;
  /** kvm_arch_has_private_mem() */
  readonly has_private_mem: boolean;
  /** Module parameter of v8; false elsewhere. */
  readonly gmem_in_place_conversion: boolean;
  /** What the file descriptor is that a call is made on, or names. */
  readonly fd: 'gmem' | 'gmem of another VM' | 'another file' | 'none';
  /** The structure that is passed by pointer. */
  readonly argp: 'ok' | 'unreadable' | 'read-only';
  readonly i_size: bigint;
  readonly flags: bigint;
  /** A closed file: slots still point at it, its last reference is gone. */
  readonly file_dying: boolean;
  /** `later`: the first allocation of the call succeeds, the next does not. */
  readonly allocations: 'succeed' | 'fail' | 'fail later';
  readonly fds_exhausted: boolean;
  readonly signal_pending: boolean;
  readonly slots: readonly Slot[];
  /** Indices of the file that a slot is bound to. */
  readonly bindings: Pages;
  /** Private by the VM's attributes: gfns. */
  readonly private_gfns: Pages;
  /** Private by the file's attributes (v8) or shareability (rfc-v2): indices. */
  readonly private_indices: Pages;
  /** The one index whose folio somebody else holds a reference to, or null. */
  readonly referenced: bigint | null;
  /** The one index whose folio is poisoned, or null. */
  readonly hwpoison: bigint | null;
  /** The one gfn that is assigned in the RMP (SNP) or mapped in the S-EPT (TDX), or null. */
  readonly assigned_gfn: bigint | null;
  /** Pages that can be read from the source buffer of a launch. */
  readonly source_pages: bigint;
  /** The VM is still to be set up, being set up, or up and running. */
  readonly launch: 'not started' | 'started' | 'finished';
  /** Every vCPU that was created is online: no KVM_CREATE_VCPU is half done. */
  readonly vcpus_online: boolean;
  /** SEV firmware or TDX module refuses. */
  readonly firmware_fails: boolean;
}

/** What a call gives back. */
export interface Outcome {
  readonly ret: Ret;
  /** What user space reads in its structure afterwards; absent: not written. `garbage`: never assigned. */
  readonly error_offset?: bigint | 'garbage';
  /** KVM_EXIT_MEMORY_FAULT was filled in. */
  readonly memory_fault?: boolean;
  /** Pages done, of calls that say how far they came. */
  readonly done?: bigint;
}

export const copy_from_user = (ctx: Context): boolean => ctx.argp !== 'unreadable';
export const copy_to_user = (ctx: Context): boolean => ctx.argp === 'ok';

export const gfn_to_memslot = (ctx: Context, gfn: bigint): Slot | undefined =>
  ctx.slots.find(({ base_gfn, npages }) => base_gfn <= gfn && gfn < base_gfn + npages);
export const kvm_slot_has_gmem = (slot: Slot | undefined): slot is Slot =>
  slot !== undefined && (slot.flags & KVM_MEM_GUEST_MEMFD) !== 0n;
export const kvm_gmem_get_index = (slot: Slot, gfn: bigint): bigint => gfn - slot.base_gfn + slot.pgoff;
