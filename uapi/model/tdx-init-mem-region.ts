// KVM_TDX_INIT_MEM_REGION: tdx_vcpu_init_mem_region(), behind tdx_vcpu_unlocked_ioctl(). Linux 7.2 and v8.

import {
  type Context,
  type Errno,
  type Outcome,
  PAGE_ALIGNED,
  PAGE_SHIFT,
  PAGE_SIZE,
  copy_from_user,
  copy_to_user,
  u64,
} from './context.ts';
import { kvm_gmem_populate } from './populate.ts';

export interface TdxInitMemRegionArgs {
  readonly source_addr: bigint;
  readonly gpa: bigint;
  readonly nr_pages: bigint;
  readonly flags: bigint;
  /** Of the command, not of the region. */
  readonly hw_error: bigint;
}

const KVM_TDX_MEASURE_MEMORY_REGION = 1n;
/** Bit 47 with 4-level S-EPT. */
export const TDX_SHARED_BIT = 1n << 47n;

const vt_is_tdx_private_gpa = (gpa: bigint): boolean => (gpa & TDX_SHARED_BIT) === 0n;

function tdx_gmem_post_populate(ctx: Context, gfn: bigint, hasSource: boolean): 0 | Errno {
  if (!hasSource && !ctx.gmem_in_place_conversion) return '-EOPNOTSUPP';
  /* kvm_tdp_mmu_map_private_pfn(): RET_PF_SPURIOUS of a leaf that is there */
  if (ctx.assigned_gfn === gfn) return '-EIO';
  /* TDH.MEM.PAGE.ADD: a busy operand is RET_PF_RETRY and tried again; anything else bugs the VM */
  if (ctx.firmware_fails) return '-EIO';
  return 0;
}

/* MODEL: no vCPU runs, and this one is initialised. */
export function tdx_vcpu_init_mem_region(ctx: Context, region: TdxInitMemRegionArgs): Outcome {
  if (region.hw_error) return { ret: '-EINVAL' };
  /* tdx_acquire_vm_state_locks() */
  if (!ctx.vcpus_online) return { ret: '-EBUSY' };
  if (ctx.launch !== 'started') return { ret: '-EINVAL' };
  if (region.flags & ~KVM_TDX_MEASURE_MEMORY_REGION) return { ret: '-EINVAL' };
  if (!copy_from_user(ctx)) return { ret: '-EFAULT' };
  const size = u64(region.nr_pages << PAGE_SHIFT);
  if (
    !PAGE_ALIGNED(region.source_addr) ||
    !PAGE_ALIGNED(region.gpa) ||
    !region.nr_pages ||
    u64(region.gpa + size) <= region.gpa ||
    !vt_is_tdx_private_gpa(region.gpa) ||
    !vt_is_tdx_private_gpa(u64(region.gpa + size - 1n))
  )
    return { ret: '-EINVAL' };
  let ret: 0 | Errno = 0;
  let done = 0n;
  for (; done < region.nr_pages; done++) {
    if (ctx.signal_pending) {
      ret = '-EINTR';
      break;
    }
    const gfn = u64(region.gpa + done * PAGE_SIZE) >> PAGE_SHIFT;
    /* v8 does not advance an address that is 0; Linux 7.2 does not get past the first page then. */
    const src = region.source_addr !== 0n && u64(region.source_addr + done * PAGE_SIZE) !== 0n;
    const gmem_ret = kvm_gmem_populate(ctx, gfn, src, done, 1n, (at, hasSource) =>
      tdx_gmem_post_populate(ctx, at, hasSource),
    );
    if (typeof gmem_ret === 'bigint') continue;
    ret = gmem_ret;
    break;
  }
  if (!copy_to_user(ctx)) return { ret: '-EFAULT' };
  return { ret, done };
}
