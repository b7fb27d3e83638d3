// fallocate() of a guest_memfd: vfs_fallocate(), then kvm_gmem_fallocate().

import { type Context, type Errno, LLONG_MAX, type Outcome, PAGE_ALIGNED, s64 } from './context.ts';

export interface FallocateArgs {
  readonly mode: number;
  /** loff_t, as the caller's register has it. */
  readonly offset: bigint;
  readonly len: bigint;
}

/* include/uapi/linux/falloc.h */
export const FALLOC_FL_KEEP_SIZE = 0x01;
export const FALLOC_FL_PUNCH_HOLE = 0x02;
export const FALLOC_FL_NO_HIDE_STALE = 0x04;
export const FALLOC_FL_COLLAPSE_RANGE = 0x08;
export const FALLOC_FL_ZERO_RANGE = 0x10;
export const FALLOC_FL_INSERT_RANGE = 0x20;
export const FALLOC_FL_UNSHARE_RANGE = 0x40;
export const FALLOC_FL_WRITE_ZEROES = 0x80;
const FALLOC_FL_MODE_MASK =
  FALLOC_FL_PUNCH_HOLE |
  FALLOC_FL_COLLAPSE_RANGE |
  FALLOC_FL_ZERO_RANGE |
  FALLOC_FL_INSERT_RANGE |
  FALLOC_FL_UNSHARE_RANGE |
  FALLOC_FL_WRITE_ZEROES;

/** Takes the lock, zaps and truncates: models/guest-memfd/truncate.ts. Past the end there is nothing. */
const kvm_gmem_punch_hole = (): 0 => 0;

function kvm_gmem_allocate(ctx: Context, offset: bigint, len: bigint): 0 | Errno {
  if (offset + len > ctx.i_size) return '-EINVAL';
  if (ctx.signal_pending) return '-EINTR';
  if (ctx.allocations !== 'succeed') return '-ENOMEM';
  return 0;
}

export function kvm_gmem_fallocate(ctx: Context, mode: number, offset: bigint, len: bigint): 0 | Errno {
  if (!(mode & FALLOC_FL_KEEP_SIZE)) return '-EOPNOTSUPP';
  if (mode & ~(FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE)) return '-EOPNOTSUPP';
  if (!PAGE_ALIGNED(offset) || !PAGE_ALIGNED(len)) return '-EINVAL';
  if (mode & FALLOC_FL_PUNCH_HOLE) return kvm_gmem_punch_hole();
  return kvm_gmem_allocate(ctx, offset, len);
}

/**
 * MODEL: fs/open.c of Linux 7.2 for all bases: rfc-v2 does not know WRITE_ZEROES yet. Left out is what cannot
 * be said of a guest_memfd, which is a regular file open for writing: EPERM, ETXTBSY, ESPIPE, EISDIR, ENODEV,
 * and what a security module or fanotify say.
 */
export function vfs_fallocate(
  ctx: Context,
  args: FallocateArgs,
  f_op_fallocate = kvm_gmem_fallocate,
): 0 | Errno {
  const { mode } = args;
  const offset = s64(args.offset);
  const len = s64(args.len);
  if (offset < 0n || len <= 0n) return '-EINVAL';
  if (mode & ~(FALLOC_FL_MODE_MASK | FALLOC_FL_KEEP_SIZE)) return '-EOPNOTSUPP';
  switch (mode & FALLOC_FL_MODE_MASK) {
    case 0:
    case FALLOC_FL_UNSHARE_RANGE:
    case FALLOC_FL_ZERO_RANGE:
      break;
    case FALLOC_FL_PUNCH_HOLE:
      if (!(mode & FALLOC_FL_KEEP_SIZE)) return '-EOPNOTSUPP';
      break;
    case FALLOC_FL_COLLAPSE_RANGE:
    case FALLOC_FL_INSERT_RANGE:
    case FALLOC_FL_WRITE_ZEROES:
      if (mode & FALLOC_FL_KEEP_SIZE) return '-EOPNOTSUPP';
      break;
    default:
      return '-EOPNOTSUPP';
  }
  if (offset + len > LLONG_MAX) return '-EFBIG';
  return f_op_fallocate(ctx, mode, offset, len);
}

export function ksys_fallocate(
  ctx: Context,
  args: FallocateArgs,
  f_op_fallocate = kvm_gmem_fallocate,
): Outcome {
  if (ctx.fd === 'none') return { ret: '-EBADF' };
  return { ret: vfs_fallocate(ctx, args, f_op_fallocate) };
}
