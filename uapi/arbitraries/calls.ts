// Arguments of each call of the UAPI.

import fc from 'fast-check';
import { type Edge, GMEM, PAGE, cases, edge, lengthOf, mostly, placeOf, spoiled, u64 } from './contexts.ts';

const ATTRIBUTES = [8n, 0n, 0n, 0n, 1n, 9n, 1n << 63n];
const FLAGS = [0n, 1n, 1n << 63n];

export const createCases = cases(
  fc.record({ size: edge, rest: spoiled({ flags: [1n, 0n, 2n, 3n, 4n, 1n << 63n], reserved: [0n, 1n] }) }),
  ({ size, rest }, i_size) => ({ ...rest, size: placeOf(size, i_size) }),
);

/** One range in three lies in the file, but for odd bytes. */
const range = { offset: edge, size: edge, inside: fc.nat(2) };
interface Range {
  readonly offset: Edge;
  readonly size: Edge;
  readonly inside: number;
}
const rangeOf = ({ offset, size, inside }: Range, i_size: bigint) => {
  const filePages = i_size / PAGE;
  if (inside === 1) {
    const first = BigInt(Math.abs(offset.pages)) % filePages;
    const count = 1n + (BigInt(Math.abs(size.pages)) % (filePages - first));
    return { offset: first * PAGE + BigInt(offset.bytes), size: count * PAGE + BigInt(size.bytes) };
  }
  const start = placeOf(offset, i_size);
  return { offset: start, size: lengthOf(size, start, i_size) };
};

export const fallocateCases = cases(
  fc.record({ ...range, mode: fc.oneof(fc.constantFrom(1, 3, 1, 3, 0, 2), fc.nat(0x1ff)) }),
  ({ mode, ...drawn }, i_size) => {
    const { offset, size } = rangeOf(drawn, i_size);
    return { mode, offset, len: size };
  },
);

export const attributesCases = cases(
  fc.record({ ...range, rest: spoiled({ attributes: ATTRIBUTES, flags: FLAGS }) }),
  ({ rest, ...drawn }, i_size) => {
    const { offset, size } = rangeOf(drawn, i_size);
    return { ...rest, address: offset, size };
  },
);

export const convertCases = cases(
  fc.record({
    ...range,
    rest: spoiled({
      cmd: ['KVM_GMEM_CONVERT_PRIVATE', 'KVM_GMEM_CONVERT_SHARED', 'KVM_GMEM_CONVERT_SHARED', 'another'],
      error_offset: [0n, 1n, PAGE],
      reserved: [0n, 1n],
    } as const),
  }),
  ({ rest, ...drawn }, i_size) => ({ ...rest, ...rangeOf(drawn, i_size) }),
);

const words = (at: number): readonly bigint[] => Array.from({ length: 11 }, (_, k) => (k === at ? 1n : 0n));

export const attributes2Cases = cases(
  fc.record({
    ...range,
    rest: spoiled({
      cmd: ['KVM_SET_MEMORY_ATTRIBUTES2', 'another'] as const,
      attributes: ATTRIBUTES,
      flags: FLAGS,
      error_offset: [0n, 1n, PAGE],
      reserved: [words(-1), words(0), words(10)],
    }),
  }),
  ({ rest, ...drawn }, i_size) => ({ ...rest, ...rangeOf(drawn, i_size) }),
);

const FAR = [(1n << 40n) - 2n, (1n << 52n) - 2n, 1n << 51n];
const HUGE = [1n << 31n, (1n << 31n) - 1n, 1n << 51n, (1n << 52n) - 1n];

const flagsOf = (drawn: bigint, how: string, old: bigint | undefined): bigint => {
  if (old === undefined || how === 'drawn') return drawn;
  return how === 'kept' ? old & ~GMEM : (old & ~GMEM) ^ 2n;
};

export const memoryRegionCases = cases(
  fc.record({
    drawn: spoiled({
      slot: [2n, 0n, 1n, 0x7ffbn, 0x7ffcn, 0xffffn, 1n << 16n, (1n << 16n) + 1n, 2n << 16n],
      flags: [GMEM, 0n, 1n, 2n, 5n, 6n, 8n],
      gfn: [64n, 0n, 32n, 3n, 34n, 0n, 32n, ...FAR],
      gpaBytes: [0n, 1n],
      size: [4n, 2n, 1n, 0n, 0n, 0n, ...HUGE],
      sizeBytes: [0n, 1n],
      userspace_addr: [0n, 1n << 20n, 1n << 20n, 1n, (1n << 47n) - 2n * PAGE, 1n << 63n],
      /* Where the call is about a slot that is there. */
      oldFlags: ['kept', 'READONLY toggled', 'READONLY toggled', 'drawn'],
      oldPlace: [true, false, false, false],
    }),
    offset: edge,
    maps_gmem: fc.boolean(),
    likeOld: fc.boolean(),
  }),
  ({ drawn, offset, maps_gmem, likeOld }, i_size, { slots }) => {
    const old = likeOld ? slots[0] : undefined;
    const gfn = drawn.oldPlace ? (old?.base_gfn ?? drawn.gfn) : drawn.gfn;
    return {
      slot: old?.id ?? drawn.slot,
      flags: flagsOf(drawn.flags, drawn.oldFlags, old?.flags),
      guest_phys_addr: gfn * PAGE + drawn.gpaBytes,
      memory_size:
        (old !== undefined && drawn.size === 4n ? old.npages : drawn.size) * PAGE + drawn.sizeBytes,
      /* 0 means the old one */
      userspace_addr: drawn.userspace_addr === 0n ? (old?.userspace_addr ?? 0n) : drawn.userspace_addr,
      guest_memfd_offset: placeOf(offset, i_size),
      maps_gmem,
    };
  },
);

export const mmapCases = cases(
  fc.record({
    ...range,
    rest: spoiled({ exec: [false, true], map_type: [1, 3, 2, 0, 8], unknown_flag: [false, true] }),
    longest: fc.nat(15),
  }),
  ({ rest, longest, ...drawn }, i_size) => {
    const { offset, size } = rangeOf(drawn, i_size);
    return { ...rest, offset, length: longest === 15 ? u64(-1n - size) : size };
  },
);

export const faultCases = cases(fc.record({ offset: edge }), ({ offset }, i_size) => ({
  pgoff: (placeOf(offset, i_size) & ((1n << 63n) - 1n)) / PAGE,
}));

const gfn = fc.oneof(
  { arbitrary: fc.constantFrom(0n, 1n, 2n, 3n, 32n, 33n), weight: 6 },
  { arbitrary: fc.constantFrom(4n, 35n, 36n), weight: 1 },
);

export const guestFaultCases = cases(fc.record({ gfn, is_private: fc.boolean() }), (drawn) => drawn, 'guest');

export const preFaultCases = cases(
  fc.record({ gfn, near: edge, bytes: mostly(0n, 1n), size: edge, flags: mostly(0n, ...FLAGS) }),
  (drawn, i_size) => {
    const gpa = drawn.near.near === 'nothing' ? drawn.gfn * PAGE + drawn.bytes : placeOf(drawn.near, i_size);
    return { gpa, size: lengthOf(drawn.size, gpa, i_size), flags: drawn.flags };
  },
  'guest',
);

export const snpCases = cases(
  fc.record({
    gfn_start: gfn,
    rest: spoiled({
      uaddr: [PAGE, 0n, 0n, 1n, PAGE + 1n],
      len: [2n * PAGE, PAGE, 0n, 1n, 8n * PAGE, 1n << 63n],
      type: [1, 3, 4, 5, 6, 0, 2, 7],
      flags: FLAGS,
    }),
  }),
  ({ gfn_start, rest }) => ({ ...rest, gfn_start }),
  'launch',
);

export const tdxCases = cases(
  fc.record({
    gfn,
    rest: spoiled({
      source_addr: [PAGE, 0n, 0n, 1n],
      gpa: [0n, 1n, 1n << 47n, (1n << 47n) - 34n * PAGE, (1n << 64n) - 34n * PAGE],
      nr_pages: [1n, 2n, 8n, 0n, 1n << 52n, (1n << 52n) + 1n, 1n << 51n],
      flags: [0n, 1n, 2n],
      hw_error: [0n, 1n],
    }),
  }),
  ({ gfn: from, rest: { gpa, ...rest } }) => ({ ...rest, gpa: u64(from * PAGE + gpa) }),
  'launch',
);
