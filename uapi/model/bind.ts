// kvm_gmem_bind(): what a new memslot asks of the file.

import {
  type Context,
  type Errno,
  GUEST_MEMFD_FLAG_SUPPORT_SHARED,
  PAGE_ALIGNED,
  PAGE_SHIFT,
  overlaps,
  s64,
  u64,
} from './context.ts';
import type { MemoryRegionArgs } from './memory-region.ts';

/** The xarray of bindings, once the range is known to be in the file. */
export function bindTail(ctx: Context, args: MemoryRegionArgs): 0 | Errno {
  const start = args.guest_memfd_offset >> PAGE_SHIFT;
  const end = start + (args.memory_size >> PAGE_SHIFT);
  return overlaps(ctx.bindings, start, end) ? '-EEXIST' : 0;
}

/**
 * Linux 7.2 and, as far as errnos go, v8: offset and size are unsigned (uoff_t).
 */
export function kvm_gmem_bind(ctx: Context, args: MemoryRegionArgs): 0 | Errno {
  const offset = args.guest_memfd_offset;
  const size = args.memory_size;
  if (ctx.fd === 'none') return '-EBADF';
  if (ctx.fd === 'another file') return '-EINVAL';
  if (ctx.fd === 'gmem of another VM') return '-EINVAL';
  if (!PAGE_ALIGNED(offset) || u64(offset + size) > ctx.i_size) return '-EINVAL';
  return bindTail(ctx, args);
}

/**
 * RFC v2: offset and size are loff_t, and offset + size may become negative; an overlap is -EINVAL; a file that
 * supports sharing must be mapped at the userspace_addr of the slot (kvm_gmem_is_same_range()).
 */
export function kvm_gmem_bind_rfc_v2(ctx: Context, args: MemoryRegionArgs): 0 | Errno {
  const offset = s64(args.guest_memfd_offset);
  const size = s64(args.memory_size);
  if (ctx.fd === 'none') return '-EBADF';
  if (ctx.fd === 'another file') return '-EINVAL';
  if (ctx.fd === 'gmem of another VM') return '-EINVAL';
  if (offset < 0n || !PAGE_ALIGNED(offset) || s64(offset + size) > ctx.i_size) return '-EINVAL';
  const supports_shared = (ctx.flags & GUEST_MEMFD_FLAG_SUPPORT_SHARED) !== 0n;
  if (supports_shared && args.userspace_addr && !args.maps_gmem) return '-EINVAL';
  return bindTail(ctx, args) ? '-EINVAL' : 0;
}
