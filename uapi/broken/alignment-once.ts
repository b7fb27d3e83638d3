// Planted (docs/objections.md D36): PAGE_ALIGNED(offset) twice, PAGE_ALIGNED(size) never.

import { type Context, type Outcome, PAGE_SIZE } from '../model/context.ts';
import {
  type Attributes2Args,
  kvm_gmem_ioctl,
  kvm_gmem_set_attributes,
} from '../model/set-memory-attributes2.ts';

/** An unaligned size passes for the whole pages of it, at least one. */
const set_attributes = (ctx: Context, attrs: Attributes2Args): Outcome => {
  const bytes = attrs.size % PAGE_SIZE;
  return kvm_gmem_set_attributes(ctx, {
    ...attrs,
    size: bytes === 0n ? attrs.size : attrs.size - bytes || PAGE_SIZE,
  });
};

export const alignmentOnce = (ctx: Context, args: Attributes2Args): Outcome =>
  kvm_gmem_ioctl(ctx, args, set_attributes);
