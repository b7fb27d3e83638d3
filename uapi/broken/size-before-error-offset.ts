// Planted, order (RFC v2): size 0 returns before error_offset is looked at.

import type { Context, Outcome } from '../model/context.ts';
import { type ConvertArgs, kvm_gmem_ioctl, kvm_gmem_ioctl_convert_range } from '../model/convert-range.ts';

export const sizeBeforeErrorOffset = (ctx: Context, args: ConvertArgs): Outcome =>
  kvm_gmem_ioctl(ctx, args, (c, param, shared) =>
    param.size === 0n ? { ret: 0 } : kvm_gmem_ioctl_convert_range(c, param, shared),
  );
