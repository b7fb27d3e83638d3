// KVM_SEV_SNP_LAUNCH_UPDATE and KVM_TDX_INIT_MEM_REGION.

import { type Context, type Ret, PAGE_SIZE, ULONG_MAX, has, u64 } from '../model/context.ts';
import type { SnpLaunchUpdateArgs } from '../model/snp-launch-update.ts';
import { TDX_SHARED_BIT, type TdxInitMemRegionArgs } from '../model/tdx-init-mem-region.ts';
import { indexAt, isGmem, slotAt } from './guest.ts';
import { type Table, isUnaligned, row } from './table.ts';

const BASES = ['linux-7.2', 'v8'] as const;

interface Page {
  readonly gfn: bigint;
  /** In the source buffer; null: there is no source. */
  readonly source: bigint | null;
}
const isPrivate = (ctx: Context, gfn: bigint): boolean =>
  ctx.gmem_in_place_conversion ? has(ctx.private_indices, indexAt(ctx, gfn)) : has(ctx.private_gfns, gfn);

/** Why a page cannot be put into the guest, in the order in which it comes out; both calls. */
const REASONS = {
  'no memslot with a guest_memfd': (ctx: Context, { gfn }: Page) => !isGmem(slotAt(ctx, gfn)),
  'the guest_memfd was closed': (ctx: Context) => ctx.file_dying,
  'signal pending': (ctx: Context) => ctx.signal_pending,
  'the source cannot be read': (ctx: Context, { source }: Page) =>
    source !== null && source >= ctx.source_pages,
  'the memslot is not bound at this index (a bug of KVM)': (ctx: Context, { gfn }: Page) =>
    !has(ctx.bindings, indexAt(ctx, gfn)),
  'the page is poisoned': (ctx: Context, { gfn }: Page) => ctx.hwpoison === indexAt(ctx, gfn),
  'no memory': (ctx: Context) => ctx.allocations !== 'succeed',
  'the page is not private': (ctx: Context, { gfn }: Page) => !isPrivate(ctx, gfn),
} as const;
type Reason = keyof typeof REASONS;
const reasonOf = (ctx: Context, page: Page): Reason | undefined => {
  const names = Object.keys(REASONS) as Reason[];
  return names.find((name) => REASONS[name](ctx, page));
};

const snpPage = ({ gfn_start, uaddr, type }: SnpLaunchUpdateArgs): Page => ({
  gfn: gfn_start,
  source: type === 3 || uaddr === 0n ? null : 0n,
});
const populates = (says: Reason) =>
  row<SnpLaunchUpdateArgs>(`first page: ${says}`, '-EIO', (ctx, args) => REASONS[says](ctx, snpPage(args)));

export const snpTable: Table<SnpLaunchUpdateArgs> = {
  call: 'KVM_SEV_SNP_LAUNCH_UPDATE',
  source: 'arch/x86/kvm/svm/sev.c: snp_launch_update(), sev_gmem_post_populate()',
  bases: BASES,
  rows: [
    row('before KVM_SEV_SNP_LAUNCH_START', '-EINVAL', (ctx) => ctx.launch === 'not started'),
    row('the structure cannot be read', '-EFAULT', (ctx) => ctx.argp === 'unreadable'),
    row('len 0', '-EINVAL', (_ctx, { len }) => len === 0n),
    row('len not a multiple of PAGE_SIZE', '-EINVAL', (_ctx, { len }) => isUnaligned(len)),
    row('flags != 0', '-EINVAL', (_ctx, { flags }) => flags !== 0n),
    row('unknown page type', '-EINVAL', (_ctx, { type }) => ![1, 3, 4, 5, 6].includes(type)),
    row(
      'uaddr not a multiple of PAGE_SIZE, page type other than ZERO',
      '-EINVAL',
      (_ctx, { uaddr, type }) => type !== 3 && isUnaligned(uaddr),
    ),
    row(
      'no memslot with a guest_memfd at gfn_start',
      '-EINVAL',
      (ctx, { gfn_start }) => !isGmem(slotAt(ctx, gfn_start)),
    ),
    populates('the guest_memfd was closed'),
    populates('signal pending'),
    populates('the source cannot be read'),
    populates('the memslot is not bound at this index (a bug of KVM)'),
    populates('the page is poisoned'),
    populates('no memory'),
    populates('the page is not private'),
    row(
      'first page: no uaddr, page type other than ZERO, no in-place conversion',
      '-EIO',
      (ctx, args) => args.type !== 3 && args.uaddr === 0n && !ctx.gmem_in_place_conversion,
    ),
    row(
      'first page: assigned in the RMP already',
      '-EIO',
      (ctx, { gfn_start }) => ctx.assigned_gfn === gfn_start,
    ),
    row('first page: the firmware refuses', '-EIO', (ctx) => ctx.firmware_fails),
    row('after KVM_SEV_SNP_LAUNCH_FINISH: the firmware refuses', '-EIO', (ctx) => ctx.launch === 'finished'),
    row(
      'the structure cannot be written back; pages were added',
      '-EFAULT',
      (ctx) => ctx.argp === 'read-only',
    ),
    row('otherwise, also where a later page fails: the rest of the range is written back', 0, () => true),
  ],
  notes: ['-EEXIST and the other errnos of populate are -EIO when they arrive.', 'rfc-v2 was not read here.'],
};

type Failure =
  Reason | 'no source' | 'mapped in the S-EPT already' | 'the TDX module refuses it; the VM is bugged';

/** The page that ends the loop. */
function failureOf(ctx: Context, { gpa, source_addr, nr_pages }: TdxInitMemRegionArgs): Failure | null {
  if (ctx.signal_pending) return 'signal pending';
  for (let k = 0n; k < nr_pages; k++) {
    const page = { gfn: gpa / PAGE_SIZE + k, source: source_addr === 0n ? null : k };
    const reason = reasonOf(ctx, page);
    if (reason !== undefined) return reason;
    if (page.source === null && !ctx.gmem_in_place_conversion) return 'no source';
    if (ctx.assigned_gfn === page.gfn) return 'mapped in the S-EPT already';
    if (ctx.firmware_fails) return 'the TDX module refuses it; the VM is bugged';
  }
  return null;
}
const adds = (failure: Failure, ret: Ret) =>
  row<TdxInitMemRegionArgs>(`a page: ${failure}`, ret, (ctx, args) => failureOf(ctx, args) === failure);

const sizeOf = ({ nr_pages }: TdxInitMemRegionArgs): bigint => nr_pages * PAGE_SIZE;
const last = (args: TdxInitMemRegionArgs): bigint => u64(args.gpa + sizeOf(args) - 1n);
const SHIFT_LOSES = {
  says: 'nr_pages << PAGE_SHIFT loses the upper bits: 2^52 + 1 pages pass for one, and pages are added until one fails (by reading)',
};

export const tdxTable: Table<TdxInitMemRegionArgs> = {
  call: 'KVM_TDX_INIT_MEM_REGION',
  source: 'arch/x86/kvm/vmx/tdx.c: tdx_vcpu_init_mem_region(), tdx_gmem_post_populate()',
  bases: BASES,
  rows: [
    row('hw_error != 0 on entry', '-EINVAL', (_ctx, { hw_error }) => hw_error !== 0n),
    row('a vCPU is being created', '-EBUSY', (ctx) => !ctx.vcpus_online),
    row('before KVM_TDX_INIT_VM', '-EINVAL', (ctx) => ctx.launch === 'not started'),
    row('after KVM_TDX_FINALIZE_VM', '-EINVAL', (ctx) => ctx.launch === 'finished'),
    row('a flag other than KVM_TDX_MEASURE_MEMORY_REGION', '-EINVAL', (_ctx, { flags }) => flags > 1n),
    row('the structure cannot be read', '-EFAULT', (ctx) => ctx.argp === 'unreadable'),
    row('source_addr not a multiple of PAGE_SIZE', '-EINVAL', (_ctx, { source_addr }) =>
      isUnaligned(source_addr),
    ),
    row('gpa not a multiple of PAGE_SIZE', '-EINVAL', (_ctx, { gpa }) => isUnaligned(gpa)),
    row('nr_pages 0', '-EINVAL', (_ctx, { nr_pages }) => nr_pages === 0n),
    row('a multiple of 2^64 bytes', '-EINVAL', (_ctx, args) => u64(sizeOf(args)) === 0n),
    row('2^64 bytes and more', '-EINVAL', (_ctx, args) => sizeOf(args) > ULONG_MAX, {
      'linux-7.2': SHIFT_LOSES,
      v8: SHIFT_LOSES,
    }),
    row('gpa + size over ULONG_MAX', '-EINVAL', (_ctx, args) => args.gpa + u64(sizeOf(args)) > ULONG_MAX),
    row('gpa has the shared bit', '-EINVAL', (_ctx, { gpa }) => (gpa & TDX_SHARED_BIT) !== 0n),
    row('the last page has the shared bit', '-EINVAL', (_ctx, args) => (last(args) & TDX_SHARED_BIT) !== 0n),
    row(
      'the structure cannot be written back, however many pages were added',
      '-EFAULT',
      (ctx) => ctx.argp === 'read-only',
    ),
    adds('signal pending', '-EINTR'),
    adds('no memslot with a guest_memfd', '-EINVAL'),
    adds('the guest_memfd was closed', '-EFAULT'),
    adds('the source cannot be read', '-EFAULT'),
    adds('the memslot is not bound at this index (a bug of KVM)', '-EIO'),
    adds('the page is poisoned', '-EHWPOISON'),
    adds('no memory', '-ENOMEM'),
    adds('the page is not private', '-EINVAL'),
    adds('no source', '-EOPNOTSUPP'),
    adds('mapped in the S-EPT already', '-EIO'),
    adds('the TDX module refuses it; the VM is bugged', '-EIO'),
    row('otherwise', 0, () => true),
  ],
  notes: [
    'An operand that the TDX module finds busy is tried again, and no errno.',
    'The first page that fails decides, after any number of pages; the rest of the region is written back.',
    'v8 takes the page itself where source_addr is 0, with in-place conversion. rfc-v2 was not read here.',
  ],
};
