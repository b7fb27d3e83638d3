// KVM_PRE_FAULT_MEMORY: kvm_vcpu_pre_fault_memory() of Linux 7.2.

import {
  type Context,
  type Errno,
  type Outcome,
  PAGE_ALIGNED,
  PAGE_SHIFT,
  copy_from_user,
  copy_to_user,
  u64,
} from './context.ts';
import { kvm_mem_is_private, kvm_mmu_faultin_pfn } from './get-pfn.ts';

export interface PreFaultArgs {
  readonly gpa: bigint;
  readonly size: bigint;
  readonly flags: bigint;
}

/*
 * MODEL: TDP MMU; 4K leaves; a retry ends; no gpa has the shared bit of a TD. Pages of user space's own memory are
 * there.
 */
function kvm_arch_vcpu_pre_fault_memory(ctx: Context, gfn: bigint): 0 | Errno {
  /* pre_fault_allowed: a TD or SNP guest only when it is finalized */
  if (ctx.has_private_mem && ctx.launch !== 'finished') return '-EOPNOTSUPP';
  const { ret } = kvm_mmu_faultin_pfn(
    ctx,
    { gfn, is_private: ctx.has_private_mem && kvm_mem_is_private(ctx, gfn) },
    true,
  );
  switch (ret) {
    case 'RET_PF_CONTINUE':
      return 0;
    case 'RET_PF_EMULATE':
      return '-ENOENT';
    case 0:
    case 'RET_PF_RETRY':
    case 'VM_FAULT_LOCKED':
    case 'VM_FAULT_SIGBUS':
    case 'VM_FAULT_OOM':
    case 'VM_FAULT_HWPOISON':
      return '-EIO';
    default:
      return ret;
  }
}

interface Range {
  readonly ret: 0 | Errno;
  readonly done: bigint;
}

function kvm_vcpu_pre_fault_memory(ctx: Context, range: PreFaultArgs): Range {
  if (range.flags) return { ret: '-EINVAL', done: 0n };
  if (!PAGE_ALIGNED(range.gpa) || !PAGE_ALIGNED(range.size) || u64(range.gpa + range.size) <= range.gpa)
    return { ret: '-EINVAL', done: 0n };
  if (ctx.signal_pending) return { ret: '-EINTR', done: 0n };
  const npages = range.size >> PAGE_SHIFT;
  for (let done = 0n; done < npages; done++) {
    const r = kvm_arch_vcpu_pre_fault_memory(ctx, (range.gpa >> PAGE_SHIFT) + done);
    /* success if at least one page was mapped */
    if (r) return { ret: done ? 0 : r, done };
  }
  return { ret: 0, done: npages };
}

export function kvm_vcpu_ioctl_pre_fault_memory(ctx: Context, args: PreFaultArgs): Outcome {
  if (!copy_from_user(ctx)) return { ret: '-EFAULT' };
  const { ret, done } = kvm_vcpu_pre_fault_memory(ctx, args);
  /* the leftover range, written back whatever came out */
  if (!copy_to_user(ctx)) return { ret: '-EFAULT' };
  return { ret, done };
}
