// kvm_gmem_get_pfn() and kvm_mmu_faultin_pfn() as far as they answer user space: the exits of KVM_RUN and the
// errnos of KVM_PRE_FAULT_MEMORY and of populate.

import {
  type Context,
  type Errno,
  GUEST_MEMFD_FLAG_MMAP,
  type Outcome,
  type Ret,
  gfn_to_memslot,
  has,
  kvm_gmem_get_index,
  kvm_slot_has_gmem,
} from './context.ts';

export interface GuestFaultArgs {
  readonly gfn: bigint;
  readonly is_private: boolean;
}

/** By gfn in the VM; with in-place conversion by index in the file, whatever kind of VM it is. */
export function kvm_mem_is_private(ctx: Context, gfn: bigint): boolean {
  if (!ctx.gmem_in_place_conversion) return ctx.has_private_mem && has(ctx.private_gfns, gfn);
  const slot = gfn_to_memslot(ctx, gfn);
  if (!kvm_slot_has_gmem(slot) || ctx.file_dying) return false;
  return has(ctx.private_indices, kvm_gmem_get_index(slot, gfn));
}

/** @index of a slot that is bound to the file. */
export function __kvm_gmem_get_pfn(ctx: Context, index: bigint): 0 | Errno {
  /* The binding went away under a slot that is still there: a bug, with a WARN. */
  if (!has(ctx.bindings, index)) return '-EIO';
  if (ctx.hwpoison === index) return '-EHWPOISON';
  if (ctx.allocations !== 'succeed') return '-ENOMEM';
  return 0;
}

export function kvm_mmu_faultin_pfn(ctx: Context, fault: GuestFaultArgs, prefetch: boolean): Outcome {
  const exit = (ret: Ret): Outcome => ({ ret, memory_fault: true });
  if (fault.is_private !== kvm_mem_is_private(ctx, fault.gfn)) return exit('-EFAULT');
  const slot = gfn_to_memslot(ctx, fault.gfn);
  if (slot === undefined) return fault.is_private ? exit('-EFAULT') : { ret: 'RET_PF_EMULATE' };
  if (slot.invalid) return { ret: prefetch ? '-EAGAIN' : 'RET_PF_RETRY' };
  /* MODEL: a shared fault in a slot that is not GMEM_ONLY takes the VMM's own memory, which is there. */
  const gmem_only = kvm_slot_has_gmem(slot) && (ctx.flags & GUEST_MEMFD_FLAG_MMAP) !== 0n;
  if (!fault.is_private && !gmem_only) return { ret: 'RET_PF_CONTINUE' };
  if (!kvm_slot_has_gmem(slot) || ctx.file_dying) return exit('-EFAULT');
  const ret = __kvm_gmem_get_pfn(ctx, kvm_gmem_get_index(slot, fault.gfn));
  return ret === 0 ? { ret: 'RET_PF_CONTINUE' } : exit(ret);
}

/** KVM_RUN: a negative value is the errno of the ioctl, with exit_reason KVM_EXIT_MEMORY_FAULT. */
export const kvm_vcpu_run_fault = (ctx: Context, fault: GuestFaultArgs): Outcome =>
  kvm_mmu_faultin_pfn(ctx, fault, false);
