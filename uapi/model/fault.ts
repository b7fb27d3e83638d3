// A fault in a mapping of a guest_memfd: kvm_gmem_fault_user_mapping(), in RFC v2 kvm_gmem_fault_shared().

import {
  type Context,
  GUEST_MEMFD_FLAG_INIT_SHARED,
  type Outcome,
  PAGE_SHIFT,
  type VmFault,
  has,
} from './context.ts';

export interface FaultArgs {
  /** Page of the file; mmap() has seen to it that it is below 2^51. */
  readonly pgoff: bigint;
}

/* vmf_error() of what kvm_gmem_get_folio() says; a poisoned page is there already */
const kvm_gmem_get_folio = (ctx: Context, pgoff: bigint): VmFault =>
  ctx.hwpoison === pgoff || ctx.allocations === 'succeed' ? 'VM_FAULT_LOCKED' : 'VM_FAULT_OOM';

export function kvm_gmem_fault_user_mapping(ctx: Context, { pgoff }: FaultArgs): VmFault {
  if (pgoff << PAGE_SHIFT >= ctx.i_size) return 'VM_FAULT_SIGBUS';
  if (ctx.base === 'v8') {
    /* [v8] -EACCES of a private index; its initial attribute comes from the flag. */
    if (has(ctx.private_indices, pgoff)) return 'VM_FAULT_SIGBUS';
  } else if (!(ctx.flags & GUEST_MEMFD_FLAG_INIT_SHARED)) return 'VM_FAULT_SIGBUS';
  return kvm_gmem_get_folio(ctx, pgoff);
}

/** MODEL: the shareability of an index past the end reads as neither, with a WARN, and is no check of its own. */
export function kvm_gmem_fault_shared(ctx: Context, { pgoff }: FaultArgs): VmFault {
  const defined = pgoff << PAGE_SHIFT < ctx.i_size;
  if (!defined || has(ctx.private_indices, pgoff)) return 'VM_FAULT_SIGBUS';
  if (ctx.hwpoison === pgoff) return 'VM_FAULT_HWPOISON';
  return kvm_gmem_get_folio(ctx, pgoff);
}

export function kvm_gmem_fault(
  ctx: Context,
  args: FaultArgs,
  user_mapping = kvm_gmem_fault_user_mapping,
): Outcome {
  return { ret: ctx.base === 'rfc-v2' ? kvm_gmem_fault_shared(ctx, args) : user_mapping(ctx, args) };
}
