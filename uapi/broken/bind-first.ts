// Planted, order: the file is bound before the gfns are looked at.

import type { Context, Outcome } from '../model/context.ts';
import { type MemoryRegionArgs, withParts } from '../model/memory-region.ts';

export const bindFirst = (ctx: Context, args: MemoryRegionArgs): Outcome =>
  withParts(ctx, args, { bindFirst: true });
