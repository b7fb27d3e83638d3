// KVM_SET_MEMORY_ATTRIBUTES, a VM ioctl: kvm_vm_ioctl_set_mem_attributes() of Linux 7.2. rfc-v2 leaves it as
// it is; v8 supports no attribute here while the files keep them.
// MODEL: KVM_VM_MEMORY_ATTRIBUTES is configured; v8 without it knows no such ioctl.

import {
  type Context,
  type Errno,
  KVM_MEMORY_ATTRIBUTE_PRIVATE,
  type Outcome,
  PAGE_ALIGNED,
  PAGE_SHIFT,
  copy_from_user,
  covers,
  overlaps,
  u64,
} from './context.ts';

export interface AttributesArgs {
  readonly address: bigint;
  readonly size: bigint;
  readonly attributes: bigint;
  readonly flags: bigint;
}

const kvm_supported_mem_attributes = (ctx: Context): bigint =>
  ctx.has_private_mem && !ctx.gmem_in_place_conversion ? KVM_MEMORY_ATTRIBUTE_PRIVATE : 0n;

/** From the whole range having the attributes on: models/guest-memfd/linux-7.2. */
function kvm_vm_set_mem_attributes(ctx: Context, start: bigint, end: bigint, attributes: bigint): 0 | Errno {
  const unchanged =
    attributes === KVM_MEMORY_ATTRIBUTE_PRIVATE
      ? covers(ctx.private_gfns, start, end)
      : kvm_supported_mem_attributes(ctx) === 0n || !overlaps(ctx.private_gfns, start, end);
  if (unchanged) return 0;
  /* xa_reserve() of each gfn */
  if (ctx.allocations !== 'succeed') return '-ENOMEM';
  return 0;
}

function kvm_vm_ioctl_set_mem_attributes(ctx: Context, attrs: AttributesArgs): 0 | Errno {
  if (attrs.flags) return '-EINVAL';
  if (attrs.attributes & ~kvm_supported_mem_attributes(ctx)) return '-EINVAL';
  if (attrs.size === 0n || u64(attrs.address + attrs.size) < attrs.address) return '-EINVAL';
  if (!PAGE_ALIGNED(attrs.address) || !PAGE_ALIGNED(attrs.size)) return '-EINVAL';
  const start = attrs.address >> PAGE_SHIFT;
  const end = u64(attrs.address + attrs.size) >> PAGE_SHIFT;
  return kvm_vm_set_mem_attributes(ctx, start, end, attrs.attributes);
}

export function kvm_vm_ioctl_set_memory_attributes(ctx: Context, args: AttributesArgs): Outcome {
  if (!copy_from_user(ctx)) return { ret: '-EFAULT' };
  return { ret: kvm_vm_ioctl_set_mem_attributes(ctx, args) };
}
