// The differences between the bases, one plain call each; error_offset, which no table of errnos has; and
// docs/uapi.md.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { BaseName } from '../api/index.ts';
import { attributes2Cases, convertCases } from './arbitraries/calls.ts';
import { packageRoot } from '../cli/root.ts';
import { type Context, LLONG_MAX, type Slot } from './model/context.ts';
import { type ConvertArgs, kvm_gmem_ioctl as convert } from './model/convert-range.ts';
import { type CreateArgs, kvm_vm_ioctl_create_guest_memfd as create } from './model/create.ts';
import { ksys_fallocate as fallocate } from './model/fallocate.ts';
import { kvm_gmem_fault as fault } from './model/fault.ts';
import { kvm_vcpu_run_fault as run } from './model/get-pfn.ts';
import { type MemoryRegionArgs, kvm_vm_ioctl_set_memory_region as setRegion } from './model/memory-region.ts';
import { sys_mmap as mmap } from './model/mmap.ts';
import { kvm_vm_ioctl_set_memory_attributes as setAttributes } from './model/set-memory-attributes.ts';
import { type Attributes2Args, kvm_gmem_ioctl as setAttributes2 } from './model/set-memory-attributes2.ts';
import { snp_launch_update as launchUpdate } from './model/snp-launch-update.ts';
import { tdx_vcpu_init_mem_region as initMemRegion } from './model/tdx-init-mem-region.ts';
import { uapiPage } from './doc.ts';
import { PLAIN } from './show.ts';

const on = (base: BaseName, more: Partial<Context> = {}): Context => ({
  ...PLAIN,
  base,
  gmem_in_place_conversion: base === 'v8',
  ...more,
});
const PAGE = 0x1000n;
const END = PLAIN.i_size;

const attributes = { address: 0n, size: PAGE, attributes: 8n, flags: 0n };
const convertArgs: ConvertArgs = {
  cmd: 'KVM_GMEM_CONVERT_PRIVATE',
  offset: 0n,
  size: PAGE,
  error_offset: 0n,
  reserved: 0n,
};
const attributes2: Attributes2Args = {
  cmd: 'KVM_SET_MEMORY_ATTRIBUTES2',
  offset: 0n,
  size: PAGE,
  attributes: 8n,
  flags: 0n,
  error_offset: 0n,
  reserved: [],
};
/** The three conversions with the same range. */
const conversions = (offset: bigint, size: bigint, more: Partial<Context> = {}) => [
  setAttributes(on('linux-7.2', more), { ...attributes, address: offset, size }).ret,
  convert(on('rfc-v2', more), { ...convertArgs, offset, size }).ret,
  setAttributes2(on('v8', more), { ...attributes2, offset, size }).ret,
];

describe('conversions, Linux 7.2, RFC v2, v8', () => {
  test('size 0', () => {
    expect(conversions(0n, 0n)).toEqual(['-EINVAL', 0, '-EINVAL']);
    expect(conversions(END + 1n, 0n)).toEqual(['-EINVAL', 0, '-EINVAL']);
  });
  test('from i_size on, and beyond it', () => {
    expect(conversions(END, PAGE)).toEqual([0, '-EINVAL', '-EINVAL']);
    expect(conversions(END - PAGE, 2n * PAGE)).toEqual([0, '-EINVAL', '-EINVAL']);
    expect(conversions(END - PAGE, PAGE)).toEqual([0, 0, 0]);
  });
  test('a wrap, an unaligned offset, an unaligned size', () => {
    expect(conversions(2n ** 64n - PAGE, PAGE)).toEqual(['-EINVAL', '-EINVAL', '-EINVAL']);
    expect(conversions(1n, PAGE)).toEqual(['-EINVAL', '-EINVAL', '-EINVAL']);
    expect(conversions(0n, PAGE + 1n)).toEqual(['-EINVAL', '-EINVAL', '-EINVAL']);
  });
  test('a reference', () => {
    expect(conversions(0n, END, { referenced: 1n })).toEqual([0, '-EAGAIN', '-EAGAIN']);
  });
  test('a reference to what is private already: RFC v2 looks at what is to be converted, v8 at the range', () => {
    const more = { referenced: 1n, private_indices: { start: 1n, end: 2n } };
    expect(conversions(0n, END, more)).toEqual([0, 0, '-EAGAIN']);
  });
  test('the VM ioctl of v8: no attribute is supported while the file keeps them', () => {
    expect(setAttributes(on('v8'), attributes).ret).toBe('-EINVAL');
    expect(setAttributes(on('v8'), { ...attributes, attributes: 0n }).ret).toBe(0);
    expect(setAttributes(on('v8', { gmem_in_place_conversion: false }), attributes).ret).toBe(0);
  });
  test('VM without private memory', () => {
    expect(conversions(0n, PAGE, { has_private_mem: false })).toEqual(['-EINVAL', 0, '-EINVAL']);
    const more = { has_private_mem: false };
    expect(setAttributes(on('linux-7.2', more), { ...attributes, attributes: 0n }).ret).toBe(0);
    expect(setAttributes2(on('v8', more), { ...attributes2, attributes: 0n }).ret).toBe('-EINVAL');
  });
  test('error_offset != 0 on entry', () => {
    expect(convert(on('rfc-v2'), { ...convertArgs, error_offset: 1n }).ret).toBe('-EINVAL');
    expect(convert(on('rfc-v2'), { ...convertArgs, error_offset: 1n, size: 0n }).ret).toBe('-EINVAL');
    expect(setAttributes2(on('v8'), { ...attributes2, error_offset: 1n }).ret).toBe(0);
  });
  test('reserved[] is looked at by v8 alone', () => {
    expect(convert(on('rfc-v2'), { ...convertArgs, reserved: 1n }).ret).toBe(0);
    expect(setAttributes2(on('v8'), { ...attributes2, reserved: [0n, 1n] }).ret).toBe('-EINVAL');
  });
  test('a structure that cannot be written back', () => {
    const more = { argp: 'read-only', referenced: 0n } as const;
    expect(conversions(0n, PAGE, more)).toEqual([0, '-EFAULT', '-EFAULT']);
    /* a refused argument is written back by RFC v2 alone */
    expect(conversions(1n, PAGE, more)).toEqual(['-EINVAL', '-EFAULT', '-EINVAL']);
    expect(conversions(0n, PAGE, { argp: 'read-only' })).toEqual([0, 0, 0]);
  });
  test('-ENOTTY', () => {
    expect(convert(on('linux-7.2'), convertArgs).ret).toBe('-ENOTTY');
    expect(convert(on('v8'), convertArgs).ret).toBe('-ENOTTY');
    expect(setAttributes2(on('rfc-v2'), attributes2).ret).toBe('-ENOTTY');
    const off = { gmem_in_place_conversion: false, argp: 'unreadable' } as const;
    expect(setAttributes2(on('v8', off), attributes2).ret).toBe('-ENOTTY');
  });
  test('no memory: RFC v2 loses it (docs/objections.md D12)', () => {
    expect(conversions(0n, PAGE, { allocations: 'fail' })).toEqual(['-ENOMEM', 0, '-ENOMEM']);
    expect(conversions(0n, PAGE, { allocations: 'fail later' })).toEqual(['-ENOMEM', '-ENOMEM', '-ENOMEM']);
  });
});

test('v8: `>` for `>=` in the first half of the check of i_size is the same check (docs/objections.md D37)', () => {
  const property = fc.property(attributes2Cases('v8'), ({ ctx: { i_size }, args: { offset, size } }) => {
    fc.pre(size !== 0n && offset + size < 2n ** 64n);
    expect(offset > i_size || offset + size > i_size).toBe(offset >= i_size || offset + size > i_size);
  });
  fc.assert(property, { seed: 37, numRuns: 1000 });
});

describe('error_offset', () => {
  test('RFC v2: in the range, a page, or never assigned (docs/objections.md D13)', () => {
    const property = fc.property(convertCases('rfc-v2'), ({ ctx, args }) => {
      const { ret, error_offset } = convert(ctx, args);
      if (ret === '-EAGAIN' && typeof error_offset === 'bigint') {
        expect(error_offset % PAGE).toBe(0n);
        expect(error_offset >= args.offset && error_offset < args.offset + args.size).toBe(true);
      } else if (ret === '-EINVAL') expect(error_offset).toBe(args.error_offset);
      else expect(error_offset).toBe(ret === '-ENOMEM' ? 'garbage' : undefined);
    });
    fc.assert(property, { seed: 13, numRuns: 1000 });
  });
  test('v8: written with -EAGAIN and -ENOMEM, and then in the range', () => {
    const property = fc.property(attributes2Cases('v8'), ({ ctx, args }) => {
      const { ret, error_offset } = setAttributes2(ctx, args);
      if (ret === '-ENOMEM') expect(error_offset).toBe(args.offset);
      else if (ret === '-EAGAIN' && typeof error_offset === 'bigint') {
        expect(error_offset % PAGE).toBe(0n);
        expect(error_offset >= args.offset && error_offset < args.offset + args.size).toBe(true);
      } else expect(error_offset).toBeUndefined();
    });
    fc.assert(property, { seed: 13, numRuns: 1000 });
  });
});

describe('the file', () => {
  const args: CreateArgs = { size: PAGE, flags: 0n, reserved: 0n };

  test('reserved[] of create is not looked at', () => {
    expect(create(on('linux-7.2'), { ...args, reserved: 1n }).ret).toBe(0);
  });
  test('a size of 2^63 is negative; the largest one is a page less', () => {
    expect(create(on('linux-7.2'), { ...args, size: LLONG_MAX + 1n }).ret).toBe('-EINVAL');
    expect(create(on('linux-7.2'), { ...args, size: LLONG_MAX + 1n - PAGE }).ret).toBe(0);
  });
  test('INIT_SHARED with private memory: with in-place conversion alone', () => {
    expect(create(on('linux-7.2'), { ...args, flags: 2n }).ret).toBe('-EINVAL');
    expect(create(on('v8'), { ...args, flags: 2n }).ret).toBe(0);
    expect(create(on('v8', { gmem_in_place_conversion: false }), { ...args, flags: 2n }).ret).toBe('-EINVAL');
    /* the same bit is INIT_PRIVATE there */
    expect(create(on('rfc-v2'), { ...args, flags: 2n }).ret).toBe('-EINVAL');
    expect(create(on('rfc-v2'), { ...args, flags: 3n }).ret).toBe(0);
  });

  const at = (mode: number, offset: bigint, len: bigint) => fallocate(PLAIN, { mode, offset, len }).ret;
  test('fallocate beyond i_size: a hole is nothing, an allocation is refused', () => {
    expect([at(3, END, PAGE), at(3, END - PAGE, 2n * PAGE)]).toEqual([0, 0]);
    expect([at(1, END, PAGE), at(1, END - PAGE, 2n * PAGE)]).toEqual(['-EINVAL', '-EINVAL']);
    expect(at(1, END - PAGE, PAGE)).toBe(0);
  });
  test('KEEP_SIZE is always asked for, by the VFS or by guest_memfd', () => {
    expect([at(0, 0n, PAGE), at(2, 0n, PAGE), at(0x11, 0n, PAGE), at(0x09, 0n, PAGE)]).toEqual(
      Array(4).fill('-EOPNOTSUPP'),
    );
    /* the VFS looks for a wrap after its own checks of mode, and before those of guest_memfd */
    const far = LLONG_MAX + 1n - PAGE;
    expect([at(0, far, PAGE), at(0x11, far, PAGE)]).toEqual(['-EFBIG', '-EFBIG']);
    expect([at(2, far, PAGE), at(4, far, PAGE)]).toEqual(['-EOPNOTSUPP', '-EOPNOTSUPP']);
    expect(at(3, 0n, 1n)).toBe('-EINVAL');
  });

  const mapping = { length: PAGE, exec: false, map_type: 1, unknown_flag: false, offset: 0n };
  test('mmap: a file without the flag, MAP_PRIVATE, PROT_EXEC, beyond i_size', () => {
    expect(mmap(on('linux-7.2', { flags: 0n }), { ...mapping, map_type: 2 }).ret).toBe('-ENODEV');
    expect(mmap(PLAIN, { ...mapping, map_type: 2 }).ret).toBe('-EINVAL');
    expect(mmap(PLAIN, { ...mapping, exec: true }).ret).toBe('-EPERM');
    expect(mmap(PLAIN, { ...mapping, offset: END }).ret).toBe(0);
  });
  test('fault: the page at i_size, private pages, poisoned pages', () => {
    expect(fault(PLAIN, { pgoff: 4n }).ret).toBe('VM_FAULT_SIGBUS');
    expect(fault(PLAIN, { pgoff: 3n }).ret).toBe('VM_FAULT_LOCKED');
    expect(fault(on('linux-7.2', { flags: 1n }), { pgoff: 0n }).ret).toBe('VM_FAULT_SIGBUS');
    const some = { private_indices: { start: 0n, end: 1n } };
    expect(fault(on('rfc-v2', some), { pgoff: 0n }).ret).toBe('VM_FAULT_SIGBUS');
    expect(fault(on('v8', { ...some, flags: 1n }), { pgoff: 0n }).ret).toBe('VM_FAULT_SIGBUS');
    expect(fault(on('rfc-v2', { hwpoison: 0n }), { pgoff: 0n }).ret).toBe('VM_FAULT_HWPOISON');
  });
});

const slot: Slot = {
  id: 0n,
  base_gfn: 0n,
  npages: 4n,
  flags: 4n,
  userspace_addr: 0n,
  invalid: false,
  pgoff: 0n,
};

describe('memslots', () => {
  const region: MemoryRegionArgs = {
    slot: 0n,
    flags: 4n,
    guest_phys_addr: 0n,
    memory_size: PAGE,
    userspace_addr: 0n,
    guest_memfd_offset: 0n,
    maps_gmem: true,
  };
  const old = { ...slot, id: 1n, npages: 1n };
  const all = (mem: MemoryRegionArgs, more: Partial<Context> = {}) =>
    (['linux-7.2', 'rfc-v2', 'v8'] as const).map((base) => setRegion(on(base, more), mem).ret);

  test('an overlap in the file (docs/objections.md D4)', () => {
    expect(all(region, { bindings: { start: 0n, end: 1n } })).toEqual(['-EEXIST', '-EINVAL', '-EEXIST']);
  });
  test('a sum over LLONG_MAX (docs/objections.md D3)', () => {
    const mem = { ...region, guest_memfd_offset: LLONG_MAX + 1n - PAGE };
    expect(all(mem)).toEqual(['-EINVAL', 0, '-EINVAL']);
    expect(all({ ...mem, guest_memfd_offset: LLONG_MAX + 1n })).toEqual(['-EINVAL', '-EINVAL', '-EINVAL']);
  });
  test('an overlap of gfns comes before the file, a bad offset before both', () => {
    const more = { slots: [old], fd: 'none' } as const;
    expect(all(region, more)).toEqual(['-EEXIST', '-EEXIST', '-EEXIST']);
    expect(all({ ...region, guest_memfd_offset: 1n }, more)).toEqual(['-EINVAL', '-EINVAL', '-EINVAL']);
    expect(all(region, { fd: 'none' })).toEqual(['-EBADF', '-EBADF', '-EBADF']);
  });
  test('GUEST_MEMFD of a slot cannot be cleared (docs/objections.md D2)', () => {
    expect(all({ ...region, slot: 1n, flags: 0n }, { slots: [old] })).toEqual(['-EINVAL', 0, '-EINVAL']);
    expect(all({ ...region, slot: 1n }, { slots: [old] })).toEqual(['-EINVAL', '-EINVAL', '-EINVAL']);
  });
});

describe('the guest', () => {
  const bound = {
    slots: [slot],
    bindings: { start: 0n, end: 4n },
    private_gfns: { start: 0n, end: 4n },
    private_indices: { start: 0n, end: 4n },
  };

  test('a fault of the wrong kind, and a closed file, are an exit with the errno EFAULT', () => {
    const exit = { ret: '-EFAULT', memory_fault: true };
    expect(run(on('linux-7.2', bound), { gfn: 0n, is_private: false })).toEqual(exit);
    expect(run(on('linux-7.2', { ...bound, file_dying: true }), { gfn: 0n, is_private: true })).toEqual(exit);
  });

  const update = { gfn_start: 0n, uaddr: 0n, len: PAGE, type: 1, flags: 0n };
  const region = { source_addr: 0n, gpa: 0n, nr_pages: 1n, flags: 0n, hw_error: 0n };
  test('launch without a source: with in-place conversion alone', () => {
    expect(launchUpdate(on('linux-7.2', bound), update).ret).toBe('-EIO');
    expect(launchUpdate(on('v8', bound), update).ret).toBe(0);
    expect(initMemRegion(on('linux-7.2', bound), region).ret).toBe('-EOPNOTSUPP');
    expect(initMemRegion(on('v8', bound), region).ret).toBe(0);
  });
  test('a later page that fails: SNP says 0, TDX its errno; both how far they came', () => {
    const two = { ...bound, assigned_gfn: 1n };
    expect(launchUpdate(on('v8', two), { ...update, len: 2n * PAGE })).toEqual({ ret: 0, done: 1n });
    expect(initMemRegion(on('v8', two), { ...region, nr_pages: 2n })).toEqual({ ret: '-EIO', done: 1n });
  });
  test('2^52 + 1 pages pass the checks of TDX_INIT_MEM_REGION for one, and four are added', () => {
    const many = { ...region, source_addr: PAGE, nr_pages: 2n ** 52n + 1n };
    expect(initMemRegion(on('linux-7.2', bound), many)).toEqual({ ret: '-EINVAL', done: 4n });
  });
});

test('docs/uapi.md is up to date', () => {
  const page = readFileSync(join(packageRoot(), 'docs/uapi.md'), 'utf8');
  expect(page, 'run `node --import tsx pins/uapi.ts`, and read the diff').toBe(uapiPage());
});
