// KVM_SET_MEMORY_ATTRIBUTES2 on a guest_memfd: kvm_gmem_set_attributes() of v8.

import {
  type Context,
  type Errno,
  KVM_MEMORY_ATTRIBUTE_PRIVATE,
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

export interface Attributes2Args {
  readonly cmd: 'KVM_SET_MEMORY_ATTRIBUTES2' | 'another';
  readonly offset: bigint;
  readonly size: bigint;
  readonly attributes: bigint;
  readonly flags: bigint;
  /** Out only: what is in it at entry is not looked at. */
  readonly error_offset: bigint;
  readonly reserved: readonly bigint[];
}

interface Set {
  readonly ret: 0 | Errno;
  readonly err_index: bigint;
}

/** From the lock on: the model of v8. The whole range is checked, also where it is private already. */
function __kvm_gmem_set_attributes(ctx: Context, start: bigint, end: bigint, attrs: bigint): Set {
  const to_private = (attrs & KVM_MEMORY_ATTRIBUTE_PRIVATE) !== 0n;
  const { referenced, private_indices } = ctx;
  const unchanged = to_private ? covers(private_indices, start, end) : !overlaps(private_indices, start, end);
  if (unchanged) return { ret: 0, err_index: start };
  /* kvm_gmem_mas_preallocate() */
  if (ctx.allocations !== 'succeed') return { ret: '-ENOMEM', err_index: start };
  if (to_private && referenced !== null && has({ start, end }, referenced))
    return { ret: '-EAGAIN', err_index: referenced };
  return { ret: 0, err_index: start };
}

export function kvm_gmem_set_attributes(ctx: Context, attrs: Attributes2Args): Outcome {
  if (!copy_from_user(ctx)) return { ret: '-EFAULT' };
  if (attrs.flags) return { ret: '-EINVAL' };
  for (const reserved of attrs.reserved) if (reserved) return { ret: '-EINVAL' };
  if (!ctx.has_private_mem) return { ret: '-EINVAL' };
  if (attrs.attributes & ~KVM_MEMORY_ATTRIBUTE_PRIVATE) return { ret: '-EINVAL' };
  if (attrs.size === 0n || u64(attrs.offset + attrs.size) < attrs.offset) return { ret: '-EINVAL' };
  if (!PAGE_ALIGNED(attrs.offset) || !PAGE_ALIGNED(attrs.size)) return { ret: '-EINVAL' };
  if (attrs.offset >= ctx.i_size || u64(attrs.offset + attrs.size) > ctx.i_size) return { ret: '-EINVAL' };
  const index = attrs.offset >> PAGE_SHIFT;
  const nr_pages = attrs.size >> PAGE_SHIFT;
  const { ret, err_index } = __kvm_gmem_set_attributes(ctx, index, index + nr_pages, attrs.attributes);
  if (ret === 0) return { ret };
  if (!copy_to_user(ctx)) return { ret: '-EFAULT' };
  return { ret, error_offset: err_index << PAGE_SHIFT };
}

type SetAttributes = typeof kvm_gmem_set_attributes;

export function kvm_gmem_ioctl(
  ctx: Context,
  args: Attributes2Args,
  set_attributes: SetAttributes = kvm_gmem_set_attributes,
): Outcome {
  if (ctx.base !== 'v8' || args.cmd === 'another' || !ctx.gmem_in_place_conversion) return { ret: '-ENOTTY' };
  return set_attributes(ctx, args);
}
