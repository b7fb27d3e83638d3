// KVM_CREATE_GUEST_MEMFD: kvm_gmem_create(). The same checks in all bases; the flags differ.

import {
  type Context,
  type Errno,
  GUEST_MEMFD_FLAG_INIT_PRIVATE,
  GUEST_MEMFD_FLAG_INIT_SHARED,
  GUEST_MEMFD_FLAG_MMAP,
  GUEST_MEMFD_FLAG_SUPPORT_SHARED,
  type Outcome,
  PAGE_ALIGNED,
  copy_from_user,
  s64,
  u64,
} from './context.ts';

export interface CreateArgs {
  readonly size: bigint;
  readonly flags: bigint;
  /** Looked at by no base. */
  readonly reserved: bigint;
}

const kvm_arch_supports_gmem_init_shared = (ctx: Context): boolean =>
  ctx.gmem_in_place_conversion || !ctx.has_private_mem;

/* MODEL: CONFIG_KVM_GMEM_HUGETLB is off in rfc-v2, so that its flag is an unknown one. */
export function kvm_gmem_get_supported_flags(ctx: Context, flags: bigint): bigint {
  if (ctx.base === 'rfc-v2') {
    let valid_flags = GUEST_MEMFD_FLAG_SUPPORT_SHARED;
    if (flags & GUEST_MEMFD_FLAG_SUPPORT_SHARED) valid_flags |= GUEST_MEMFD_FLAG_INIT_PRIVATE;
    return valid_flags;
  }
  let valid_flags = GUEST_MEMFD_FLAG_MMAP;
  if (kvm_arch_supports_gmem_init_shared(ctx)) valid_flags |= GUEST_MEMFD_FLAG_INIT_SHARED;
  return valid_flags;
}

/* MODEL: of the inode, the file and the module reference only running out of memory is a failure. */
function __kvm_gmem_create(ctx: Context): 0 | Errno {
  if (ctx.fds_exhausted) return '-EMFILE';
  if (ctx.allocations !== 'succeed') return '-ENOMEM';
  return 0;
}

function kvm_gmem_create(ctx: Context, args: CreateArgs): 0 | Errno {
  const size = s64(args.size);
  if (args.flags & u64(~kvm_gmem_get_supported_flags(ctx, args.flags))) return '-EINVAL';
  if (size <= 0n || !PAGE_ALIGNED(size)) return '-EINVAL';
  return __kvm_gmem_create(ctx);
}

/** 0 stands for the new file descriptor. */
export function kvm_vm_ioctl_create_guest_memfd(ctx: Context, args: CreateArgs): Outcome {
  if (!copy_from_user(ctx)) return { ret: '-EFAULT' };
  return { ret: kvm_gmem_create(ctx, args) };
}
