// Planted (docs/objections.md D4): an overlap with another binding is -EINVAL, as before Linux 7.2.

import { kvm_gmem_bind } from '../model/bind.ts';
import type { Context, Outcome } from '../model/context.ts';
import { type MemoryRegionArgs, withParts } from '../model/memory-region.ts';

export const bindOverlap = (ctx: Context, args: MemoryRegionArgs): Outcome =>
  withParts(ctx, args, {
    bind: (c, mem) => {
      const ret = kvm_gmem_bind(c, mem);
      return ret === '-EEXIST' ? '-EINVAL' : ret;
    },
  });
