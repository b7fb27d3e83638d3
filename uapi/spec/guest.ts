// What KVM_RUN and KVM_PRE_FAULT_MEMORY say of a page.

import { type Context, KVM_MEM_GUEST_MEMFD, PAGE_SIZE, type Slot, ULONG_MAX, has } from '../model/context.ts';
import type { GuestFaultArgs } from '../model/get-pfn.ts';
import type { PreFaultArgs } from '../model/pre-fault.ts';
import { type Row, type Table, isUnaligned, row } from './table.ts';

export const slotAt = (ctx: Context, gfn: bigint): Slot | undefined =>
  ctx.slots.find(({ base_gfn, npages }) => has({ start: base_gfn, end: base_gfn + npages }, gfn));
export const isGmem = (slot: Slot | undefined): boolean =>
  slot !== undefined && (slot.flags & KVM_MEM_GUEST_MEMFD) !== 0n;
export const indexAt = (ctx: Context, gfn: bigint): bigint => {
  const slot = slotAt(ctx, gfn);
  return slot === undefined ? -1n : slot.pgoff + gfn - slot.base_gfn;
};
const hasAttribute = (ctx: Context, gfn: bigint): boolean => {
  if (!ctx.gmem_in_place_conversion) return ctx.has_private_mem && has(ctx.private_gfns, gfn);
  return isGmem(slotAt(ctx, gfn)) && !ctx.file_dying && has(ctx.private_indices, indexAt(ctx, gfn));
};
/** KVM_MEMSLOT_GMEM_ONLY: shared memory is taken from the file as well. */
const isGmemOnly = (ctx: Context, gfn: bigint): boolean =>
  isGmem(slotAt(ctx, gfn)) && (ctx.flags & 1n) !== 0n;

const BASES = ['linux-7.2', 'v8'] as const;

/** Rows about the page itself; `what` finds it, and whether it is touched as private. */
function pageRows<A>(
  what: (ctx: Context, args: A) => GuestFaultArgs,
  returns: { readonly noSlot: Row<A>['ret']; readonly deleted: Row<A>['ret']; readonly done: Row<A>['ret'] },
): Row<A>[] {
  const when =
    (so: (ctx: Context, page: GuestFaultArgs) => boolean): Row<A>['when'] =>
    (ctx, args) =>
      so(ctx, what(ctx, args));
  return [
    row(
      'private, and there is no memslot',
      '-EFAULT',
      when((ctx, { gfn, is_private }) => is_private && !slotAt(ctx, gfn)),
    ),
    { says: 'there is no memslot', ret: returns.noSlot, when: when((ctx, { gfn }) => !slotAt(ctx, gfn)) },
    {
      says: 'the memslot is being deleted',
      ret: returns.deleted,
      when: when((ctx, { gfn }) => slotAt(ctx, gfn)?.invalid ?? false),
    },
    {
      says: "shared, and the memslot takes shared memory from the VMM's mapping",
      ret: returns.done,
      when: when((ctx, { gfn, is_private }) => !is_private && !isGmemOnly(ctx, gfn)),
    },
    row(
      'private, and the memslot has no guest_memfd',
      '-EFAULT',
      when((ctx, { gfn }) => !isGmem(slotAt(ctx, gfn))),
    ),
    row(
      'the guest_memfd was closed',
      '-EFAULT',
      when((ctx) => ctx.file_dying),
    ),
    row(
      'the memslot is not bound at this index (a bug of KVM)',
      '-EIO',
      when((ctx, { gfn }) => !has(ctx.bindings, indexAt(ctx, gfn))),
    ),
    row(
      'the page is poisoned',
      '-EHWPOISON',
      when((ctx, { gfn }) => ctx.hwpoison === indexAt(ctx, gfn)),
    ),
    row(
      'no memory',
      '-ENOMEM',
      when((ctx) => ctx.allocations !== 'succeed'),
    ),
    { says: 'otherwise', ret: returns.done, when: () => true },
  ];
}
const both = <A>(ret: NonNullable<Row<A>['ret']['v8']>): Row<A>['ret'] => ({ 'linux-7.2': ret, v8: ret });

export const guestFaultTable: Table<GuestFaultArgs> = {
  call: 'KVM_RUN, fault of the guest',
  source: 'arch/x86/kvm/mmu/mmu.c: kvm_mmu_faultin_pfn(); virt/kvm/guest_memfd.c: kvm_gmem_get_pfn()',
  bases: BASES,
  rows: [
    row(
      'private, and the attribute says shared; or the other way',
      '-EFAULT',
      (ctx, { gfn, is_private }) => is_private !== hasAttribute(ctx, gfn),
    ),
    ...pageRows<GuestFaultArgs>((_ctx, args) => args, {
      noSlot: both('RET_PF_EMULATE'),
      deleted: both('RET_PF_RETRY'),
      done: both('RET_PF_CONTINUE'),
    }),
  ],
  notes: [
    'A later tree takes shared memory from every guest_memfd while in-place conversion is on: not here.',
    'Every errno comes with `exit_reason` KVM_EXIT_MEMORY_FAULT. RET_PF_* do not reach user space as such.',
  ],
};

const first = (ctx: Context, { gpa }: PreFaultArgs): GuestFaultArgs => {
  const gfn = gpa / PAGE_SIZE;
  return { gfn, is_private: ctx.has_private_mem && hasAttribute(ctx, gfn) };
};

export const preFaultTable: Table<PreFaultArgs> = {
  call: 'KVM_PRE_FAULT_MEMORY',
  source: 'virt/kvm/kvm_main.c: kvm_vcpu_pre_fault_memory(); arch/x86/kvm/mmu/mmu.c: kvm_tdp_page_prefault()',
  bases: BASES,
  rows: [
    row('the structure cannot be read', '-EFAULT', (ctx) => ctx.argp === 'unreadable'),
    row(
      'the structure cannot be written back, also after a refusal',
      '-EFAULT',
      (ctx) => ctx.argp === 'read-only',
    ),
    row('flags != 0', '-EINVAL', (_ctx, { flags }) => flags !== 0n),
    row('gpa not a multiple of PAGE_SIZE', '-EINVAL', (_ctx, { gpa }) => isUnaligned(gpa)),
    row('size not a multiple of PAGE_SIZE', '-EINVAL', (_ctx, { size }) => isUnaligned(size)),
    row('size 0', '-EINVAL', (_ctx, { size }) => size === 0n),
    row('gpa + size over ULONG_MAX', '-EINVAL', (_ctx, { gpa, size }) => gpa + size > ULONG_MAX),
    row('signal pending', '-EINTR', (ctx) => ctx.signal_pending),
    row(
      'SNP or TDX guest that is not finalized',
      '-EOPNOTSUPP',
      (ctx) => ctx.has_private_mem && ctx.launch !== 'finished',
    ),
    {
      says: 'VM without private memory, and the page is private in the file',
      ret: { v8: '-EFAULT' },
      when: (ctx, args) => !ctx.has_private_mem && hasAttribute(ctx, args.gpa / PAGE_SIZE),
    },
    ...pageRows<PreFaultArgs>(first, { noSlot: both('-ENOENT'), deleted: both('-EAGAIN'), done: both(0) }),
  ],
  notes: [
    'Rows on the memslot are about the first page: once a page is mapped the call returns 0 and the range that is left.',
  ],
};
