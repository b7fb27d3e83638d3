// KVM_GMEM_CONVERT_SHARED and _PRIVATE on a guest_memfd: kvm_gmem_ioctl_convert_range() of RFC v2.

import {
  type Context,
  type Errno,
  GUEST_MEMFD_FLAG_SUPPORT_SHARED,
  type Outcome,
  PAGE_ALIGNED,
  PAGE_SHIFT,
  copy_from_user,
  copy_to_user,
  covers,
  has,
  overlaps,
  u64,
} from './context.ts';

export interface ConvertArgs {
  readonly cmd: 'KVM_GMEM_CONVERT_SHARED' | 'KVM_GMEM_CONVERT_PRIVATE' | 'another';
  readonly offset: bigint;
  readonly size: bigint;
  readonly error_offset: bigint;
  /** Looked at by nobody. */
  readonly reserved: bigint;
}

interface Converted {
  readonly ret: 0 | Errno;
  readonly error_index?: bigint;
}

/** From the lock on: models/guest-memfd/rfc-v2/convert-range.ts. */
function kvm_gmem_convert_range(ctx: Context, start: bigint, end: bigint, shared: boolean): Converted {
  /* Without the flag there is no shareability tree: nothing in it differs. */
  if (!(ctx.flags & GUEST_MEMFD_FLAG_SUPPORT_SHARED)) return { ret: 0 };
  const unchanged = shared
    ? !overlaps(ctx.private_indices, start, end)
    : covers(ctx.private_indices, start, end);
  if (unchanged) return { ret: 0 };
  /* kvm_gmem_convert_compute_work(): an inner `ret` hides the one that is returned */
  if (ctx.allocations === 'fail') return { ret: 0 };
  /* kvm_gmem_convert_should_proceed() looks at what is to be converted, not at the rest of the range */
  const { referenced } = ctx;
  if (
    !shared &&
    referenced !== null &&
    has({ start, end }, referenced) &&
    !has(ctx.private_indices, referenced)
  )
    return { ret: '-EAGAIN', error_index: referenced };
  /* kvm_gmem_shareability_store(): error_index is not assigned */
  if (ctx.allocations === 'fail later') return { ret: '-ENOMEM' };
  return { ret: 0 };
}

export function kvm_gmem_ioctl_convert_range(ctx: Context, param: ConvertArgs, shared: boolean): Outcome {
  if (param.error_offset) return { ret: '-EINVAL', error_offset: param.error_offset };
  if (param.size === 0n) return { ret: 0 };
  if (
    u64(param.offset + param.size) < param.offset ||
    param.offset > ctx.i_size ||
    u64(param.offset + param.size) > ctx.i_size
  )
    return { ret: '-EINVAL', error_offset: 0n };
  if (!PAGE_ALIGNED(param.offset) || !PAGE_ALIGNED(param.size)) return { ret: '-EINVAL', error_offset: 0n };
  const start = param.offset >> PAGE_SHIFT;
  const converted = kvm_gmem_convert_range(ctx, start, start + (param.size >> PAGE_SHIFT), shared);
  if (converted.ret === 0) return { ret: 0 };
  const { ret, error_index } = converted;
  return { ret, error_offset: error_index === undefined ? 'garbage' : error_index << PAGE_SHIFT };
}

type ConvertRange = typeof kvm_gmem_ioctl_convert_range;

/** ioctl() on the fd. The structure is written back after any error, also after that of a check. */
export function kvm_gmem_ioctl(
  ctx: Context,
  args: ConvertArgs,
  convert_range: ConvertRange = kvm_gmem_ioctl_convert_range,
): Outcome {
  /* Linux 7.2 has no .unlocked_ioctl, v8 another command. */
  if (ctx.base !== 'rfc-v2' || args.cmd === 'another') return { ret: '-ENOTTY' };
  if (!copy_from_user(ctx)) return { ret: '-EFAULT' };
  const outcome = convert_range(ctx, args, args.cmd === 'KVM_GMEM_CONVERT_SHARED');
  if (outcome.ret !== 0 && !copy_to_user(ctx)) return { ret: '-EFAULT' };
  return outcome;
}
