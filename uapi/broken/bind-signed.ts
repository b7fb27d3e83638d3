// Planted (docs/objections.md D3): kvm_gmem_bind() computes in loff_t. A sum over LLONG_MAX is negative, and below
// i_size.

import { bindTail } from '../model/bind.ts';
import { type Context, type Errno, type Outcome, PAGE_ALIGNED, s64 } from '../model/context.ts';
import { type MemoryRegionArgs, withParts } from '../model/memory-region.ts';

function bind(ctx: Context, args: MemoryRegionArgs): 0 | Errno {
  const offset = s64(args.guest_memfd_offset);
  const size = s64(args.memory_size);
  if (ctx.fd !== 'gmem') return ctx.fd === 'none' ? '-EBADF' : '-EINVAL';
  if (!PAGE_ALIGNED(offset) || s64(offset + size) > ctx.i_size) return '-EINVAL';
  return bindTail(ctx, args);
}

export const bindSigned = (ctx: Context, args: MemoryRegionArgs): Outcome => withParts(ctx, args, { bind });
