// Planted (docs/objections.md D3): kvm_set_memory_region() does not look whether guest_memfd_offset + memory_size
// wraps.

import type { Context, Outcome } from '../model/context.ts';
import { type MemoryRegionArgs, offsetIsInvalid, withParts } from '../model/memory-region.ts';

export const bindWrap = (ctx: Context, args: MemoryRegionArgs): Outcome =>
  withParts(ctx, args, { offsetIsInvalid: (mem) => offsetIsInvalid({ ...mem, memory_size: 0n }) });
