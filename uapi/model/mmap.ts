// mmap() of a guest_memfd: what do_mmap() checks on the way, then kvm_gmem_mmap(). All bases.

import {
  type Context,
  type Errno,
  GUEST_MEMFD_FLAG_MMAP,
  LLONG_MAX,
  type Outcome,
  PAGE_ALIGNED,
  PAGE_SHIFT,
  PAGE_SIZE,
  u64,
} from './context.ts';

export interface MmapArgs {
  readonly length: bigint;
  readonly exec: boolean;
  /** Type of the mapping: MAP_SHARED 1, MAP_PRIVATE 2, MAP_SHARED_VALIDATE 3. */
  readonly map_type: number;
  /** A flag that no kernel knows, next to the type. */
  readonly unknown_flag: boolean;
  readonly offset: bigint;
}

export const MAP_SHARED = 1;
export const MAP_PRIVATE = 2;
export const MAP_SHARED_VALIDATE = 3;
export const TASK_SIZE = (1n << 47n) - PAGE_SIZE;

/** [rfc-v2] The bit is GUEST_MEMFD_FLAG_SUPPORT_SHARED, the check the same. */
const kvm_gmem_supports_mmap = (ctx: Context): boolean => (ctx.flags & GUEST_MEMFD_FLAG_MMAP) !== 0n;

export function kvm_gmem_mmap(ctx: Context, map_type: number): 0 | Errno {
  if (!kvm_gmem_supports_mmap(ctx)) return '-ENODEV';
  if (map_type === MAP_PRIVATE) return '-EINVAL';
  return 0;
}

/**
 * MODEL: x86-64, no MAP_FIXED, no MAP_LOCKED, no MAP_HUGETLB, no limit of the process but its address space,
 * which is empty.
 */
export function sys_mmap(ctx: Context, args: MmapArgs, f_op_mmap = kvm_gmem_mmap): Outcome {
  if (!PAGE_ALIGNED(args.offset)) return { ret: '-EINVAL' };
  const pgoff = args.offset >> PAGE_SHIFT;
  if (ctx.fd === 'none') return { ret: '-EBADF' };
  return { ret: do_mmap(ctx, args, pgoff, f_op_mmap) };
}

function do_mmap(ctx: Context, args: MmapArgs, pgoff: bigint, f_op_mmap: typeof kvm_gmem_mmap): 0 | Errno {
  if (args.length === 0n) return '-EINVAL';
  const len = u64(args.length + PAGE_SIZE - 1n) & ~(PAGE_SIZE - 1n);
  if (len === 0n) return '-ENOMEM';
  if (u64(pgoff + (len >> PAGE_SHIFT)) < pgoff) return '-EOVERFLOW';
  /* __get_unmapped_area() */
  if (len > TASK_SIZE) return '-ENOMEM';
  /* file_mmap_ok(): the inode is S_IFREG */
  if (pgoff > (LLONG_MAX - len) >> PAGE_SHIFT) return '-EOVERFLOW';
  switch (args.map_type) {
    case MAP_SHARED_VALIDATE:
      if (args.unknown_flag) return '-EOPNOTSUPP';
      break;
    case MAP_SHARED:
    case MAP_PRIVATE:
      break;
    default:
      return '-EINVAL';
  }
  /* path_noexec(): the mount of guest_memfd is MNT_NOEXEC */
  if (args.exec) return '-EPERM';
  return f_op_mmap(ctx, args.map_type);
}
