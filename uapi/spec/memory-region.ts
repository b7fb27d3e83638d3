// KVM_SET_USER_MEMORY_REGION2 with KVM_MEM_GUEST_MEMFD.

import {
  type Context,
  KVM_MEM_GUEST_MEMFD,
  KVM_MEM_LOG_DIRTY_PAGES,
  KVM_MEM_READONLY,
  LLONG_MAX,
  PAGE_SIZE,
  type Slot,
  ULONG_MAX,
  overlaps,
} from '../model/context.ts';
import {
  KVM_MEM_MAX_NR_PAGES,
  KVM_USER_MEM_SLOTS,
  MAX_GFN_END,
  type MemoryRegionArgs,
  TASK_SIZE_MAX,
} from '../model/memory-region.ts';
import { type Table, isUnaligned, row, rowIn } from './table.ts';

type Args = MemoryRegionArgs;

const asGmem = ({ flags }: Args): boolean => (flags & KVM_MEM_GUEST_MEMFD) !== 0n;
const addressSpace = ({ slot }: Args): bigint => slot / 65536n;
const npages = ({ memory_size }: Args): bigint => memory_size / PAGE_SIZE;
const gfn = ({ guest_phys_addr }: Args): bigint => guest_phys_addr / PAGE_SIZE;
const existing = (ctx: Context, mem: Args): Slot | undefined =>
  addressSpace(mem) === 0n ? ctx.slots.find(({ id }) => id === mem.slot) : undefined;
/** Holds where a slot is there, and the rest is so. */
const modifies = (ctx: Context, mem: Args, so: (old: Slot) => boolean): boolean => {
  const old = existing(ctx, mem);
  return old !== undefined && so(old);
};
const moves = (ctx: Context, mem: Args): boolean => modifies(ctx, mem, (old) => old.base_gfn !== gfn(mem));
const isNew = (ctx: Context, mem: Args): boolean => existing(ctx, mem) === undefined;
const collides = (ctx: Context, mem: Args): boolean =>
  addressSpace(mem) === 0n &&
  ctx.slots.some(
    ({ id, base_gfn, npages: count }) =>
      id !== mem.slot &&
      overlaps({ start: base_gfn, end: base_gfn + count }, gfn(mem), gfn(mem) + npages(mem)),
  );
const fileEnd = ({ guest_memfd_offset, memory_size }: Args): bigint => guest_memfd_offset + memory_size;

const EINVAL = '-EINVAL';

export const memoryRegionTable: Table<Args> = {
  call: 'KVM_SET_USER_MEMORY_REGION2',
  source: 'virt/kvm/kvm_main.c: kvm_set_memory_region(); virt/kvm/guest_memfd.c: kvm_gmem_bind()',
  bases: ['linux-7.2', 'rfc-v2', 'v8'],
  rows: [
    row('the structure cannot be read', '-EFAULT', (ctx) => ctx.argp === 'unreadable'),
    row('slot number reserved for KVM', EINVAL, (_ctx, { slot }) => slot % 65536n >= KVM_USER_MEM_SLOTS),
    row('an unknown flag', EINVAL, (_ctx, { flags }) => flags >= 8n),
    row(
      'GUEST_MEMFD with LOG_DIRTY_PAGES or READONLY',
      EINVAL,
      (_ctx, mem) => asGmem(mem) && (mem.flags & (KVM_MEM_LOG_DIRTY_PAGES | KVM_MEM_READONLY)) !== 0n,
    ),
    row(
      'READONLY, VM whose state is protected (SNP, TDX)',
      EINVAL,
      (ctx, { flags }) => ctx.has_private_mem && (flags & KVM_MEM_READONLY) !== 0n,
    ),
    row('memory_size not a multiple of PAGE_SIZE', EINVAL, (_ctx, mem) => isUnaligned(mem.memory_size)),
    row('guest_phys_addr not a multiple of PAGE_SIZE', EINVAL, (_ctx, mem) =>
      isUnaligned(mem.guest_phys_addr),
    ),
    row('userspace_addr not a multiple of PAGE_SIZE', EINVAL, (_ctx, mem) => isUnaligned(mem.userspace_addr)),
    row(
      'userspace_addr + memory_size beyond user space',
      EINVAL,
      (_ctx, mem) => mem.userspace_addr + mem.memory_size > TASK_SIZE_MAX,
    ),
    row(
      'guest_memfd_offset not a multiple of PAGE_SIZE',
      EINVAL,
      (_ctx, mem) => asGmem(mem) && isUnaligned(mem.guest_memfd_offset),
    ),
    row(
      'guest_memfd_offset + memory_size over ULONG_MAX',
      EINVAL,
      (_ctx, mem) => asGmem(mem) && fileEnd(mem) > ULONG_MAX,
    ),
    row('no such address space', EINVAL, (ctx, mem) => addressSpace(mem) > (ctx.has_private_mem ? 0n : 1n)),
    row(
      'guest_phys_addr + memory_size over ULONG_MAX',
      EINVAL,
      (_ctx, mem) => mem.guest_phys_addr + mem.memory_size > ULONG_MAX,
    ),
    row('more than KVM_MEM_MAX_NR_PAGES', EINVAL, (_ctx, mem) => npages(mem) > KVM_MEM_MAX_NR_PAGES),
    row(
      'size 0: delete, and there is no such slot',
      EINVAL,
      (ctx, mem) => npages(mem) === 0n && isNew(ctx, mem),
    ),
    row(
      'size 0: delete, no memory',
      '-ENOMEM',
      (ctx, mem) => npages(mem) === 0n && ctx.allocations !== 'succeed',
    ),
    row('size 0: delete', 0, (_ctx, mem) => npages(mem) === 0n),
    row('the slot is there, and GUEST_MEMFD is given', EINVAL, (ctx, mem) => !isNew(ctx, mem) && asGmem(mem)),
    row('the slot is there, with another userspace_addr', EINVAL, (ctx, mem) =>
      modifies(ctx, mem, (old) => old.userspace_addr !== mem.userspace_addr),
    ),
    row('the slot is there, with another size', EINVAL, (ctx, mem) =>
      modifies(ctx, mem, (old) => old.npages !== npages(mem)),
    ),
    row('the slot is there, and READONLY changes', EINVAL, (ctx, mem) =>
      modifies(ctx, mem, ({ flags }) => ((flags ^ mem.flags) & KVM_MEM_READONLY) !== 0n),
    ),
    row(
      'the slot is there with GUEST_MEMFD, which is to be cleared',
      EINVAL,
      (ctx, mem) => modifies(ctx, mem, ({ flags }) => (flags & KVM_MEM_GUEST_MEMFD) !== 0n),
      {
        'rfc-v2': {
          says: 'accepted before the fix of late 2025, and the old binding stayed: use after free (docs/objections.md D2)',
        },
      },
    ),
    row('the slot is there, and nothing changes', 0, (ctx, mem) =>
      modifies(ctx, mem, (old) => old.base_gfn === gfn(mem) && old.flags === mem.flags),
    ),
    row(
      'create or move: the gfns are taken by another slot',
      '-EEXIST',
      (ctx, mem) => (isNew(ctx, mem) || moves(ctx, mem)) && collides(ctx, mem),
    ),
    row('no memory', '-ENOMEM', (ctx) => ctx.allocations === 'fail'),
    row('bind: no such file descriptor', '-EBADF', (ctx, mem) => asGmem(mem) && ctx.fd === 'none'),
    row('bind: not a guest_memfd', EINVAL, (ctx, mem) => asGmem(mem) && ctx.fd === 'another file'),
    row(
      'bind: guest_memfd of another VM',
      EINVAL,
      (ctx, mem) => asGmem(mem) && ctx.fd === 'gmem of another VM',
    ),
    row(
      'bind: guest_memfd_offset over LLONG_MAX',
      EINVAL,
      (_ctx, mem) => asGmem(mem) && mem.guest_memfd_offset > LLONG_MAX,
    ),
    row(
      'bind: guest_memfd_offset + memory_size over LLONG_MAX',
      EINVAL,
      (_ctx, mem) => asGmem(mem) && fileEnd(mem) > LLONG_MAX,
      {
        'rfc-v2': {
          says: 'loff_t: the sum is negative, so that a binding outside the file is made (docs/objections.md D3)',
        },
      },
    ),
    {
      says: 'bind: guest_memfd_offset + memory_size beyond i_size',
      ret: { 'linux-7.2': EINVAL, 'rfc-v2': EINVAL, v8: EINVAL },
      /* what wrapped was the row above */
      when: (ctx, mem) => asGmem(mem) && fileEnd(mem) > ctx.i_size && fileEnd(mem) <= LLONG_MAX,
    },
    rowIn(
      'bind: SUPPORT_SHARED, and userspace_addr does not map this file at this offset',
      { 'rfc-v2': EINVAL },
      (ctx, mem) => asGmem(mem) && (ctx.flags & 1n) !== 0n && mem.userspace_addr !== 0n && !mem.maps_gmem,
    ),
    rowIn(
      'bind: a slot is bound to a part of this range of the file',
      { 'linux-7.2': '-EEXIST', 'rfc-v2': EINVAL, v8: '-EEXIST' },
      (ctx, mem) =>
        asGmem(mem) && overlaps(ctx.bindings, mem.guest_memfd_offset / PAGE_SIZE, fileEnd(mem) / PAGE_SIZE),
    ),
    row('move: no memory', '-ENOMEM', (ctx, mem) => ctx.allocations === 'fail later' && moves(ctx, mem)),
    row(
      'create or move: beyond the guest physical address space',
      EINVAL,
      (ctx, mem) => (isNew(ctx, mem) || moves(ctx, mem)) && gfn(mem) + npages(mem) > MAX_GFN_END,
    ),
    row('create: no memory', '-ENOMEM', (ctx, mem) => ctx.allocations === 'fail later' && isNew(ctx, mem)),
    row('otherwise', 0, () => true),
  ],
  notes: [
    'An overlap in the file was -EINVAL before Linux 7.2 (docs/objections.md D4).',
    'rfc-v2 is read in its guest_memfd.c; the rest of the memslot code is that of Linux 7.2, but for docs/objections.md D2.',
    'v8 does not touch the bind of Linux 7.2. A later tree splits it in a prepare and a commit part: not here.',
  ],
};
