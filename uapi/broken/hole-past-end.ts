// Planted: PUNCH_HOLE past the end of the file is refused, as an allocation is.

import type { Context, Outcome } from '../model/context.ts';
import { type FallocateArgs, kvm_gmem_fallocate, ksys_fallocate } from '../model/fallocate.ts';

export const holePastEnd = (ctx: Context, args: FallocateArgs): Outcome =>
  ksys_fallocate(ctx, args, (c, mode, offset, len) => {
    const ret = kvm_gmem_fallocate(c, mode, offset, len);
    return ret === 0 && offset + len > c.i_size ? '-EINVAL' : ret;
  });
