// The three conversion ioctls.

import {
  type Context,
  KVM_MEMORY_ATTRIBUTE_PRIVATE,
  PAGE_SIZE,
  ULONG_MAX,
  covers,
  has,
  overlaps,
} from '../model/context.ts';
import type { ConvertArgs } from '../model/convert-range.ts';
import type { AttributesArgs } from '../model/set-memory-attributes.ts';
import type { Attributes2Args } from '../model/set-memory-attributes2.ts';
import { type Table, isUnaligned, row, rowIn } from './table.ts';

const ALL = ['linux-7.2', 'rfc-v2', 'v8'] as const;

export const attributesTable: Table<AttributesArgs> = {
  call: 'KVM_SET_MEMORY_ATTRIBUTES',
  source: 'virt/kvm/kvm_main.c: kvm_vm_ioctl_set_mem_attributes(); v8 10/46',
  bases: ALL,
  rows: [
    row('the structure cannot be read', '-EFAULT', (ctx) => ctx.argp === 'unreadable'),
    row('flags != 0', '-EINVAL', (_ctx, { flags }) => flags !== 0n),
    row(
      'an attribute other than PRIVATE',
      '-EINVAL',
      (_ctx, { attributes }) => attributes !== 0n && attributes !== KVM_MEMORY_ATTRIBUTE_PRIVATE,
    ),
    row(
      'PRIVATE, VM without private memory',
      '-EINVAL',
      (ctx, { attributes }) => attributes !== 0n && !ctx.has_private_mem,
    ),
    rowIn(
      'PRIVATE, in-place conversion is on: the file keeps it',
      { v8: '-EINVAL' },
      (ctx, { attributes }) => attributes !== 0n && ctx.gmem_in_place_conversion,
    ),
    row('size 0', '-EINVAL', (_ctx, { size }) => size === 0n),
    row('address + size over ULONG_MAX', '-EINVAL', (_ctx, { address, size }) => address + size > ULONG_MAX),
    row('address not a multiple of PAGE_SIZE', '-EINVAL', (_ctx, { address }) => isUnaligned(address)),
    row('size not a multiple of PAGE_SIZE', '-EINVAL', (_ctx, { size }) => isUnaligned(size)),
    row('every gfn has the attributes already', 0, (ctx, { address, size, attributes }) => {
      const [start, end] = [address / PAGE_SIZE, (address + size) / PAGE_SIZE];
      if (attributes !== 0n) return covers(ctx.private_gfns, start, end);
      return !ctx.has_private_mem || ctx.gmem_in_place_conversion || !overlaps(ctx.private_gfns, start, end);
    }),
    row('no memory for the xarray', '-ENOMEM', (ctx) => ctx.allocations !== 'succeed'),
    row('otherwise, also where no memslot is, and beyond the file', 0, () => true),
  ],
  notes: [
    'Attributes 0 on a VM without private memory is 0, not -EINVAL; v8 refuses it in KVM_SET_MEMORY_ATTRIBUTES2.',
    'v8 without CONFIG_KVM_VM_MEMORY_ATTRIBUTES does not know this ioctl: not here.',
  ],
};

/** Pages of the range that do not yet have what is asked for. */
const isUnchanged = (ctx: Context, start: bigint, end: bigint, toPrivate: boolean): boolean =>
  toPrivate ? covers(ctx.private_indices, start, end) : !overlaps(ctx.private_indices, start, end);
const isConvert = ({ cmd }: ConvertArgs): boolean => cmd !== 'another';
const toPrivate = ({ cmd }: ConvertArgs): boolean => cmd === 'KVM_GMEM_CONVERT_PRIVATE';
const rangeOf = ({ offset, size }: { offset: bigint; size: bigint }): [bigint, bigint] => [
  offset / PAGE_SIZE,
  (offset + size) / PAGE_SIZE,
];
const isRefused = ({ offset, size, error_offset }: ConvertArgs, i_size: bigint): boolean =>
  error_offset !== 0n ||
  (size !== 0n && (offset + size > i_size || isUnaligned(offset) || isUnaligned(size)));

export const convertTable: Table<ConvertArgs> = {
  call: 'KVM_GMEM_CONVERT_SHARED, KVM_GMEM_CONVERT_PRIVATE',
  source: 'RFC v2, 14 May 2025: kvm_gmem_ioctl(), kvm_gmem_ioctl_convert_range()',
  bases: ALL,
  rows: [
    rowIn('no such ioctl on a guest_memfd', { 'linux-7.2': '-ENOTTY', v8: '-ENOTTY' }, () => true),
    rowIn('another ioctl', { 'rfc-v2': '-ENOTTY' }, (_ctx, args) => !isConvert(args)),
    rowIn('the structure cannot be read', { 'rfc-v2': '-EFAULT' }, (ctx) => ctx.argp === 'unreadable'),
    rowIn(
      'refused by a check below, and the structure cannot be written back',
      { 'rfc-v2': '-EFAULT' },
      (ctx, args) => ctx.argp === 'read-only' && isRefused(args, ctx.i_size),
    ),
    rowIn(
      'error_offset != 0 on entry',
      { 'rfc-v2': '-EINVAL' },
      (_ctx, { error_offset }) => error_offset !== 0n,
    ),
    rowIn('size 0, whatever offset is', { 'rfc-v2': 0 }, (_ctx, { size }) => size === 0n),
    rowIn(
      'offset + size over ULONG_MAX',
      { 'rfc-v2': '-EINVAL' },
      (_ctx, { offset, size }) => offset + size > ULONG_MAX,
    ),
    rowIn('offset == i_size', { 'rfc-v2': '-EINVAL' }, (ctx, { offset }) => offset === ctx.i_size),
    rowIn(
      'range ends beyond i_size',
      { 'rfc-v2': '-EINVAL' },
      (ctx, { offset, size }) => offset + size > ctx.i_size,
    ),
    rowIn('offset not a multiple of PAGE_SIZE', { 'rfc-v2': '-EINVAL' }, (_ctx, { offset }) =>
      isUnaligned(offset),
    ),
    rowIn('size not a multiple of PAGE_SIZE', { 'rfc-v2': '-EINVAL' }, (_ctx, { size }) => isUnaligned(size)),
    rowIn(
      'the file is not SUPPORT_SHARED: nothing is tracked',
      { 'rfc-v2': 0 },
      (ctx) => (ctx.flags & 1n) === 0n,
    ),
    rowIn('every index is what is asked for', { 'rfc-v2': 0 }, (ctx, args) =>
      isUnchanged(ctx, ...rangeOf(args), toPrivate(args)),
    ),
    {
      says: 'no memory for the list of work',
      ret: { 'rfc-v2': '-ENOMEM' },
      when: (ctx) => ctx.allocations === 'fail',
      departs: {
        'rfc-v2': {
          ret: 0,
          says: 'kvm_gmem_convert_compute_work() loses the errno in an inner `ret`: 0, and nothing or a part is converted (docs/objections.md D12, by reading)',
        },
      },
    },
    rowIn(
      'fails for one of the reasons below, and the structure cannot be written back',
      { 'rfc-v2': '-EFAULT' },
      (ctx, args) => ctx.argp === 'read-only' && (isHeld(ctx, args) || ctx.allocations === 'fail later'),
    ),
    rowIn(
      'to private, somebody holds a reference to a folio that is to be converted',
      { 'rfc-v2': '-EAGAIN' },
      (ctx, args) => isHeld(ctx, args),
    ),
    rowIn(
      'no memory for the shareability',
      { 'rfc-v2': '-ENOMEM' },
      (ctx) => ctx.allocations === 'fail later',
    ),
    rowIn('otherwise', { 'rfc-v2': 0 }, () => true),
  ],
  notes: [
    '`error_offset`: in, 0 or -EINVAL; out, byte offset of the first folio with a reference on -EAGAIN.',
    'On -ENOMEM rfc-v2 copies an `error_index` to user space that was never assigned (docs/objections.md D13, by reading).',
    '`reserved[5]` is looked at by nobody.',
  ],
};

function isHeld(ctx: Context, args: ConvertArgs): boolean {
  const [start, end] = rangeOf(args);
  const { referenced } = ctx;
  if (!toPrivate(args) || referenced === null) return false;
  return has({ start, end }, referenced) && !has(ctx.private_indices, referenced);
}

const v8 = <A>(
  says: string,
  ret: '-EFAULT' | '-EINVAL' | '-EAGAIN' | '-ENOMEM' | 0,
  when: (ctx: Context, args: A) => boolean,
) => rowIn<A>(says, { v8: ret }, when);
const isHeldInRange = (ctx: Context, args: Attributes2Args): boolean => {
  const [start, end] = rangeOf(args);
  return args.attributes !== 0n && ctx.referenced !== null && has({ start, end }, ctx.referenced);
};

export const attributes2Table: Table<Attributes2Args> = {
  call: 'KVM_SET_MEMORY_ATTRIBUTES2',
  source: 'v8, 18 Jun 2026, 13/46 and 14/46: kvm_gmem_ioctl(), kvm_gmem_set_attributes()',
  bases: ALL,
  rows: [
    rowIn('no such ioctl on a guest_memfd', { 'linux-7.2': '-ENOTTY', 'rfc-v2': '-ENOTTY' }, () => true),
    rowIn('another ioctl', { v8: '-ENOTTY' }, (_ctx, { cmd }) => cmd === 'another'),
    rowIn('in-place conversion is off', { v8: '-ENOTTY' }, (ctx) => !ctx.gmem_in_place_conversion),
    v8('the structure cannot be read', '-EFAULT', (ctx) => ctx.argp === 'unreadable'),
    v8('flags != 0', '-EINVAL', (_ctx, { flags }) => flags !== 0n),
    v8('a word of reserved[] != 0', '-EINVAL', (_ctx, { reserved }) => reserved.some((word) => word !== 0n)),
    v8('VM without private memory, whatever the attributes', '-EINVAL', (ctx) => !ctx.has_private_mem),
    v8(
      'an attribute other than PRIVATE',
      '-EINVAL',
      (_ctx, { attributes }) => attributes !== 0n && attributes !== KVM_MEMORY_ATTRIBUTE_PRIVATE,
    ),
    v8('size 0', '-EINVAL', (_ctx, { size }) => size === 0n),
    v8('offset + size over ULONG_MAX', '-EINVAL', (_ctx, { offset, size }) => offset + size > ULONG_MAX),
    v8('offset not a multiple of PAGE_SIZE', '-EINVAL', (_ctx, { offset }) => isUnaligned(offset)),
    v8('size not a multiple of PAGE_SIZE', '-EINVAL', (_ctx, { size }) => isUnaligned(size)),
    v8('offset == i_size', '-EINVAL', (ctx, { offset }) => offset === ctx.i_size),
    v8('range ends beyond i_size', '-EINVAL', (ctx, { offset, size }) => offset + size > ctx.i_size),
    v8('every index has the attributes already', 0, (ctx, args) =>
      isUnchanged(ctx, ...rangeOf(args), args.attributes !== 0n),
    ),
    v8(
      'fails for one of the reasons below, and the structure cannot be written back',
      '-EFAULT',
      (ctx, args) => ctx.argp === 'read-only' && (ctx.allocations !== 'succeed' || isHeldInRange(ctx, args)),
    ),
    v8('no memory for the maple tree', '-ENOMEM', (ctx) => ctx.allocations !== 'succeed'),
    v8('to private, somebody holds a reference to a folio of the range', '-EAGAIN', isHeldInRange),
    v8('otherwise, whatever is in error_offset', 0, () => true),
  ],
  notes: [
    '`error_offset` is out only: `offset` on -ENOMEM, the first folio with a reference on -EAGAIN, not written otherwise.',
    'A refused argument is not written back: a read-only structure with a bad argument is -EINVAL here, -EFAULT on rfc-v2.',
  ],
};
