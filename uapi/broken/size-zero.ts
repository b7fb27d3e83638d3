// Planted (docs/objections.md D37): v8 with the rule of RFC v2, size 0 is nothing to do, and `>` at the end of the
// file.

import { type Context, type Outcome, PAGE_ALIGNED } from '../model/context.ts';
import {
  type Attributes2Args,
  kvm_gmem_ioctl,
  kvm_gmem_set_attributes,
} from '../model/set-memory-attributes2.ts';

function set_attributes(ctx: Context, attrs: Attributes2Args): Outcome {
  const checked = kvm_gmem_set_attributes(ctx, { ...attrs, offset: 0n, size: ctx.i_size });
  if (checked.ret === '-EINVAL' || checked.ret === '-EFAULT') return checked;
  if (attrs.size === 0n && PAGE_ALIGNED(attrs.offset))
    return attrs.offset > ctx.i_size ? { ret: '-EINVAL' } : { ret: 0 };
  return kvm_gmem_set_attributes(ctx, attrs);
}

export const sizeZero = (ctx: Context, args: Attributes2Args): Outcome =>
  kvm_gmem_ioctl(ctx, args, set_attributes);
