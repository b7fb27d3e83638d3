// Planted: error_offset cannot be written back, and the errno of the conversion is returned all the same.

import type { Context, Outcome } from '../model/context.ts';
import {
  type Attributes2Args,
  kvm_gmem_ioctl,
  kvm_gmem_set_attributes,
} from '../model/set-memory-attributes2.ts';

export const writeBack = (ctx: Context, args: Attributes2Args): Outcome =>
  kvm_gmem_ioctl(ctx, args, (c, attrs) =>
    kvm_gmem_set_attributes(c.argp === 'read-only' ? { ...c, argp: 'ok' } : c, attrs),
  );
