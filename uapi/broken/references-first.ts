// Planted, order: references are looked for before the tree is allocated, and the range is unmapped for nothing.

import type { Context, Outcome } from '../model/context.ts';
import {
  type Attributes2Args,
  kvm_gmem_ioctl,
  kvm_gmem_set_attributes,
} from '../model/set-memory-attributes2.ts';

export const referencesFirst = (ctx: Context, args: Attributes2Args): Outcome =>
  kvm_gmem_ioctl(ctx, args, (c, attrs) => {
    const early = kvm_gmem_set_attributes({ ...c, allocations: 'succeed' }, attrs);
    return early.ret === 0 ? kvm_gmem_set_attributes(c, attrs) : early;
  });
