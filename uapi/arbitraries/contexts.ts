// Arguments and contexts for the checks of the UAPI: mostly good, and where not, at the edges, so that several
// things are wrong at once and the order of the checks decides.

import fc from 'fast-check';
import type { BaseName } from '../../api/index.ts';

export const PAGE = 4096n;
const MANY = 839; /* a multiple, less one, of every number of bad values */
export const u64 = (value: bigint): bigint => BigInt.asUintN(64, value);

/** Mostly the first; the rest evenly. */
export const mostly = <T>(first: T, ...others: readonly T[]): fc.Arbitrary<T> =>
  fc.nat(9 * others.length - 1).map((k) => others[k - 8 * others.length] ?? first);

/**
 * A record of which at most three fields are not as they should be: of each field the good value comes first,
 * then the bad ones.
 */
export function spoiled<T extends { readonly [name: string]: readonly unknown[] }>(
  fields: T,
): fc.Arbitrary<{ readonly [K in keyof T]: T[K][number] }> {
  const names = Object.keys(fields);
  const spoils = fc.array(fc.tuple(fc.nat(names.length - 1), fc.nat(MANY)), { maxLength: 3 });
  return spoils.map((bad) => {
    const found = new Map<string, unknown>(names.map((name) => [name, fields[name][0]]));
    for (const [which, choice] of bad) {
      const values = fields[names[which]];
      found.set(names[which], values[1 + (choice % (values.length - 1))]);
    }
    return Object.fromEntries(found) as { readonly [K in keyof T]: T[K][number] };
  });
}

/** A place near something that matters. */
export interface Edge {
  readonly near: 'nothing' | 'end of file' | 'LLONG_MAX' | 'ULONG_MAX' | '2^52' | '2^47';
  readonly pages: number;
  readonly bytes: number;
}
const NEAR = ['end of file', 'LLONG_MAX', 'ULONG_MAX', '2^52', '2^47'] as const;
export const edge: fc.Arbitrary<Edge> = fc
  .tuple(fc.nat(39), fc.nat(6), mostly(0, 1, 2048, 4095))
  .map(([near, pages, bytes]) => ({
    /* the end of the file five times in forty, LLONG_MAX and ULONG_MAX once or twice */
    near: near < 30 ? 'nothing' : NEAR[Math.max(0, near - 35)],
    pages: pages > 4 ? 4 - pages : pages,
    bytes,
  }));
const PLACES = {
  nothing: 0n,
  LLONG_MAX: 1n << 63n,
  ULONG_MAX: 1n << 64n,
  '2^52': 1n << 52n,
  '2^47': 1n << 47n,
};
/** Pages are not subtracted from 0 itself, or most places would be out of all bounds. */
export const placeOf = ({ near, pages, bytes }: Edge, i_size: bigint): bigint => {
  const away = near === 'nothing' ? Math.abs(pages) : pages;
  return u64((near === 'end of file' ? i_size : PLACES[near]) + BigInt(away) * PAGE + BigInt(bytes));
};
/** A length: small, none, or up to one of those places. */
export const lengthOf = (length: Edge, start: bigint, i_size: bigint): bigint =>
  length.near === 'nothing' ? placeOf(length, i_size) : u64(placeOf(length, i_size) - start);

const pages = (start: number, length: number): fc.Arbitrary<{ start: bigint; end: bigint }> =>
  fc.nat((start + 1) * (length + 1) - 1).map((k) => {
    const from = Math.floor(k / (length + 1));
    return { start: BigInt(from), end: BigInt(from + (k % (length + 1))) };
  });
/** null as often as a page. */
const place = (max: number): fc.Arbitrary<bigint | null> =>
  fc.nat(2 * max + 1).map((k) => (k <= max ? null : BigInt(k - max - 1)));

export const GMEM = 4n;
/**
 * What a call is about: the file and its slots, of any state; a guest that runs on it; a guest that is launched.
 * The latter two mostly have their memory bound, and the last mostly private.
 */
type World = 'files' | 'guest' | 'launch';

/** Slot 0 from gfn 0, slot 1 from gfn 32; both, one or none of them there. */
const slot = (id: bigint, world: World) =>
  fc.record({
    id: fc.constant(id),
    base_gfn: fc.constant(id * 32n),
    npages: fc.constantFrom(4n, 2n),
    flags: world === 'files' ? fc.constantFrom(GMEM, 0n, 1n, 2n) : mostly(GMEM, 0n, 1n),
    userspace_addr: fc.constantFrom(0n, 1n << 20n),
    invalid: mostly(false, true),
    pgoff: fc.constantFrom(0n, 2n),
  });
const slots = (world: World) =>
  fc
    .tuple(
      fc.option(slot(0n, world), { freq: world === 'files' ? 5 : 20 }),
      fc.option(slot(1n, world), { freq: 3 }),
    )
    .map((each) => each.filter((one) => one !== null));

const environment = (launch: 'started' | 'finished') =>
  spoiled({
    fd: ['gmem', 'gmem of another VM', 'another file', 'none'],
    argp: ['ok', 'unreadable', 'read-only', 'read-only'],
    file_dying: [false, true],
    allocations: ['succeed', 'fail', 'fail later', 'fail later'],
    fds_exhausted: [false, true],
    signal_pending: [false, true],
    launch: [launch, 'not started', launch === 'started' ? 'finished' : 'started'],
    firmware_fails: [false, true],
    vcpus_online: [true, false],
    source_pages: [8n, 0n, 1n],
  } as const);

const everything = { start: 0n, end: 64n };
const mostlyAll = (some: fc.Arbitrary<{ start: bigint; end: bigint }>) =>
  fc.tuple(fc.nat(3), some).map(([k, other]) => (k < 3 ? everything : other));

export const context = (base: BaseName, world: World = 'files') =>
  fc
    .record({
      around: environment(world === 'guest' ? 'finished' : 'started'),
      has_private_mem: fc.nat(2).map((k) => k < 2),
      gmem_in_place_conversion: base === 'v8' ? fc.nat(4).map((k) => k > 0) : fc.constant(false),
      i_size: fc.constantFrom(4n, 1n, 8n, 1n << 20n).map((count) => count * PAGE),
      flags: fc.constantFrom(3n, 1n, 0n),
      slots: slots(world),
      bindings: world === 'files' ? pages(6, 8) : mostlyAll(pages(6, 8)),
      private_gfns: world === 'launch' ? mostlyAll(pages(4, 40)) : pages(4, 40),
      private_indices: world === 'launch' ? mostlyAll(pages(3, 5)) : pages(3, 5),
      referenced: place(5),
      hwpoison: place(5),
      assigned_gfn: place(4),
    })
    .map(({ around, ...rest }) => ({ base, ...around, ...rest }));
export type ContextData = ReturnType<typeof context> extends fc.Arbitrary<infer C> ? C : never;

export interface Case<A> {
  readonly ctx: ContextData;
  readonly args: A;
}
/** What the numbers mean depends on the size of the file; there is no chain in between, so that it shrinks. */
export const cases =
  <D, A>(
    data: fc.Arbitrary<D>,
    argsOf: (data: D, i_size: bigint, ctx: ContextData) => A,
    world: World = 'files',
  ) =>
  (base: BaseName): fc.Arbitrary<Case<A>> =>
    fc
      .tuple(context(base, world), data)
      .map(([ctx, drawn]) => ({ ctx, args: argsOf(drawn, ctx.i_size, ctx) }));
