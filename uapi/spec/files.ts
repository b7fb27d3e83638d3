// KVM_CREATE_GUEST_MEMFD, fallocate(), mmap(), and faults in the mapping.

import {
  GUEST_MEMFD_FLAG_INIT_PRIVATE,
  GUEST_MEMFD_FLAG_INIT_SHARED,
  GUEST_MEMFD_FLAG_MMAP,
  GUEST_MEMFD_FLAG_SUPPORT_SHARED,
  LLONG_MAX,
  PAGE_SIZE,
  ULONG_MAX,
  has,
  s64,
} from '../model/context.ts';
import type { CreateArgs } from '../model/create.ts';
import type { FallocateArgs } from '../model/fallocate.ts';
import type { FaultArgs } from '../model/fault.ts';
import { MAP_PRIVATE, type MmapArgs, TASK_SIZE } from '../model/mmap.ts';
import { type Table, isUnaligned, row, rowIn } from './table.ts';

const hasBit = (value: bigint, bit: bigint): boolean => (value & bit) !== 0n;
const inPages = (length: bigint): bigint => ((length + PAGE_SIZE - 1n) / PAGE_SIZE) * PAGE_SIZE;
const ALL = ['linux-7.2', 'rfc-v2', 'v8'] as const;

export const createTable: Table<CreateArgs> = {
  call: 'KVM_CREATE_GUEST_MEMFD',
  source: 'virt/kvm/guest_memfd.c: kvm_gmem_create(), kvm_gmem_get_supported_flags()',
  bases: ALL,
  rows: [
    row('the structure cannot be read', '-EFAULT', (ctx) => ctx.argp === 'unreadable'),
    row('a flag that no VM supports', '-EINVAL', (_ctx, { flags }) => flags >= 4n),
    rowIn(
      'INIT_SHARED, VM with private memory, no in-place conversion',
      { 'linux-7.2': '-EINVAL', v8: '-EINVAL' },
      (ctx, { flags }) =>
        hasBit(flags, GUEST_MEMFD_FLAG_INIT_SHARED) && ctx.has_private_mem && !ctx.gmem_in_place_conversion,
    ),
    rowIn(
      'INIT_PRIVATE without SUPPORT_SHARED',
      { 'rfc-v2': '-EINVAL' },
      (_ctx, { flags }) =>
        hasBit(flags, GUEST_MEMFD_FLAG_INIT_PRIVATE) && !hasBit(flags, GUEST_MEMFD_FLAG_SUPPORT_SHARED),
    ),
    row('size 0', '-EINVAL', (_ctx, { size }) => size === 0n),
    row('size over LLONG_MAX: negative as loff_t', '-EINVAL', (_ctx, { size }) => size > LLONG_MAX),
    row('size not a multiple of PAGE_SIZE', '-EINVAL', (_ctx, { size }) => isUnaligned(size)),
    row('no file descriptor left', '-EMFILE', (ctx) => ctx.fds_exhausted),
    row('no memory', '-ENOMEM', (ctx) => ctx.allocations !== 'succeed'),
    row('otherwise, whatever is in reserved[]: the file descriptor', 0, () => true),
  ],
  notes: ['No base looks at `reserved[6]`.', 'rfc-v2 with CONFIG_KVM_GMEM_HUGETLB has more flags: not here.'],
};

/** MODE of the man page; at most one, KEEP_SIZE aside. */
const EXCLUSIVE = [0x02, 0x08, 0x10, 0x20, 0x40, 0x80];
const KEEP_SIZE = 0x01;
const PUNCH_HOLE = 0x02;
/** Known to the VFS, one of them, and not asked for with a KEEP_SIZE that does not go with it. */
const vfsKnows = (mode: number): boolean => {
  const wanted = mode & ~KEEP_SIZE;
  if (wanted === 0) return true;
  if (!EXCLUSIVE.includes(wanted)) return false;
  const keeps = (mode & KEEP_SIZE) !== 0;
  if (wanted === PUNCH_HOLE) return keeps;
  return [0x10, 0x40].includes(wanted) || !keeps;
};

export const fallocateTable: Table<FallocateArgs> = {
  call: 'fallocate()',
  source: 'fs/open.c: vfs_fallocate(); virt/kvm/guest_memfd.c: kvm_gmem_fallocate()',
  bases: ALL,
  rows: [
    row('no such file descriptor', '-EBADF', (ctx) => ctx.fd === 'none'),
    row('offset negative as loff_t', '-EINVAL', (_ctx, { offset }) => offset > LLONG_MAX),
    row('len 0 or negative as loff_t', '-EINVAL', (_ctx, { len }) => s64(len) <= 0n),
    row('mode that the VFS refuses', '-EOPNOTSUPP', (_ctx, { mode }) => !vfsKnows(mode)),
    row('offset + len over LLONG_MAX', '-EFBIG', (_ctx, { offset, len }) => offset + len > LLONG_MAX),
    row('no KEEP_SIZE', '-EOPNOTSUPP', (_ctx, { mode }) => (mode & KEEP_SIZE) === 0),
    row('mode other than PUNCH_HOLE', '-EOPNOTSUPP', (_ctx, { mode }) => mode > (KEEP_SIZE | PUNCH_HOLE)),
    row('offset not a multiple of PAGE_SIZE', '-EINVAL', (_ctx, { offset }) => isUnaligned(offset)),
    row('len not a multiple of PAGE_SIZE', '-EINVAL', (_ctx, { len }) => isUnaligned(len)),
    row(
      'PUNCH_HOLE that begins or ends beyond i_size',
      0,
      (ctx, { mode, offset, len }) => (mode & PUNCH_HOLE) !== 0 && offset + len > ctx.i_size,
    ),
    row('PUNCH_HOLE', 0, (_ctx, { mode }) => (mode & PUNCH_HOLE) !== 0),
    row('allocation beyond i_size', '-EINVAL', (ctx, { offset, len }) => offset + len > ctx.i_size),
    row('signal pending; earlier pages stay', '-EINTR', (ctx) => ctx.signal_pending),
    row('no memory; earlier pages stay', '-ENOMEM', (ctx) => ctx.allocations !== 'succeed'),
    row('otherwise', 0, () => true),
  ],
  notes: ['A huge page of rfc-v2 whose indices are partly shared makes PUNCH_HOLE return -EAGAIN: not here.'],
};

export const mmapTable: Table<MmapArgs> = {
  call: 'mmap()',
  source: 'mm/mmap.c: do_mmap(); virt/kvm/guest_memfd.c: kvm_gmem_mmap()',
  bases: ALL,
  rows: [
    row('offset not a multiple of PAGE_SIZE', '-EINVAL', (_ctx, { offset }) => isUnaligned(offset)),
    row('no such file descriptor', '-EBADF', (ctx) => ctx.fd === 'none'),
    row('length 0', '-EINVAL', (_ctx, { length }) => length === 0n),
    row(
      'length over ULONG_MAX when rounded up',
      '-ENOMEM',
      (_ctx, { length }) => length > ULONG_MAX - PAGE_SIZE + 1n,
    ),
    row('length over the address space', '-ENOMEM', (_ctx, { length }) => length > TASK_SIZE),
    row(
      'offset + length, in whole pages, over LLONG_MAX',
      '-EOVERFLOW',
      (_ctx, { offset, length }) => offset + inPages(length) > LLONG_MAX,
    ),
    row(
      'MAP_SHARED_VALIDATE with an unknown flag',
      '-EOPNOTSUPP',
      (_ctx, { map_type, unknown_flag }) => map_type === 3 && unknown_flag,
    ),
    row(
      'no type of mapping, or an unknown one',
      '-EINVAL',
      (_ctx, { map_type }) => map_type === 0 || map_type > 3,
    ),
    row('PROT_EXEC: the mount is noexec', '-EPERM', (_ctx, { exec }) => exec),
    row(
      'no MMAP flag (rfc-v2: SUPPORT_SHARED)',
      '-ENODEV',
      (ctx) => !hasBit(ctx.flags, GUEST_MEMFD_FLAG_MMAP),
    ),
    row('MAP_PRIVATE', '-EINVAL', (_ctx, { map_type }) => map_type === MAP_PRIVATE),
    row('beyond i_size: the mapping is made', 0, (ctx, { offset, length }) => offset + length > ctx.i_size),
    row('otherwise', 0, () => true),
  ],
};

export const faultTable: Table<FaultArgs> = {
  call: 'page fault in the mapping',
  source: 'virt/kvm/guest_memfd.c: kvm_gmem_fault_user_mapping(); RFC v2: kvm_gmem_fault_shared()',
  bases: ALL,
  rows: [
    row('page beyond i_size', 'VM_FAULT_SIGBUS', (ctx, { pgoff }) => pgoff >= ctx.i_size / PAGE_SIZE),
    rowIn(
      'the file is not INIT_SHARED',
      { 'linux-7.2': 'VM_FAULT_SIGBUS' },
      (ctx) => !hasBit(ctx.flags, GUEST_MEMFD_FLAG_INIT_SHARED),
    ),
    rowIn('the page is private', { 'rfc-v2': 'VM_FAULT_SIGBUS', v8: 'VM_FAULT_SIGBUS' }, (ctx, { pgoff }) =>
      has(ctx.private_indices, pgoff),
    ),
    rowIn(
      'the page is poisoned',
      { 'linux-7.2': 'VM_FAULT_LOCKED', 'rfc-v2': 'VM_FAULT_HWPOISON', v8: 'VM_FAULT_LOCKED' },
      (ctx, { pgoff }) => ctx.hwpoison === pgoff,
    ),
    row('no memory', 'VM_FAULT_OOM', (ctx) => ctx.allocations !== 'succeed'),
    row('otherwise', 'VM_FAULT_LOCKED', () => true),
  ],
  notes: [
    'guest_memfd of linux-7.2 and v8 leaves a poisoned page to the core of mm, which looks itself.',
    'rfc-v2 has no check of i_size: the shareability of such an index is undefined, which warns and reads as not shared (by reading).',
  ],
};
