// Planted, order: the mode of guest_memfd is looked at before the VFS looks for a sum that wraps.

import type { Context, Outcome } from '../model/context.ts';
import { FALLOC_FL_KEEP_SIZE, type FallocateArgs, ksys_fallocate } from '../model/fallocate.ts';

export const modeBeforeEfbig = (ctx: Context, args: FallocateArgs): Outcome => {
  const outcome = ksys_fallocate(ctx, args);
  return outcome.ret === '-EFBIG' && !(args.mode & FALLOC_FL_KEEP_SIZE) ? { ret: '-EOPNOTSUPP' } : outcome;
};
