// Planted (docs/objections.md D37, the other way): `>=` instead of `>`: what ends at i_size is refused.

import type { Context, Outcome } from '../model/context.ts';
import { type FallocateArgs, kvm_gmem_fallocate, ksys_fallocate } from '../model/fallocate.ts';

export const allocateLastPage = (ctx: Context, args: FallocateArgs): Outcome =>
  ksys_fallocate(ctx, args, (c, mode, offset, len) =>
    kvm_gmem_fallocate({ ...c, i_size: c.i_size - 1n }, mode, offset, len),
  );
