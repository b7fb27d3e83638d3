// Planted, order: MAP_PRIVATE is refused before the file is asked whether it can be mapped.

import type { Context, Outcome } from '../model/context.ts';
import { MAP_PRIVATE, type MmapArgs, kvm_gmem_mmap, sys_mmap } from '../model/mmap.ts';

export const mapPrivateFirst = (ctx: Context, args: MmapArgs): Outcome =>
  sys_mmap(ctx, args, (c, map_type) => (map_type === MAP_PRIVATE ? '-EINVAL' : kvm_gmem_mmap(c, map_type)));
