// What every function of this level is given: the memory, what is to fail, and where breaches are noted. A
// breach (a wild pointer, a write outside of an array, a refcount below zero, a WARN of the kernel's own) is
// noted and the run goes on, as the kernel does after a WARN; what would stop a kernel is an oops.

import type { Functions } from './functions.ts';
import type { Memory } from './memory.ts';
import type { iommu_domain } from './iommu.ts';

export const PAGE_SHIFT = 12;
export const PAGE_SIZE = 4096;
// MODEL: an unsigned long of iommufd has 53 bits here, as many as a number holds exactly.
export const ULONG_MAX = Number.MAX_SAFE_INTEGER;
export const U32_MAX = 2 ** 32 - 1;
export const GUP_PIN_COUNTING_BIAS = 1024;

export const EPERM = -1;
export const ENOENT = -2;
export const ENXIO = -6;
export const EBADF = -9;
export const ENOMEM = -12;
export const EFAULT = -14;
export const EBUSY = -16;
export const EEXIST = -17;
export const ENODEV = -19;
export const EINVAL = -22;
export const ENOSPC = -28;
export const ERANGE = -34;
export const EDEADLOCK = -35;
export const EOVERFLOW = -75;
export const EOPNOTSUPP = -95;
export const EADDRINUSE = -98;

const ERRNO: Readonly<Record<number, string>> = {
  0: '0',
  [EPERM]: '-EPERM',
  [ENOENT]: '-ENOENT',
  [ENXIO]: '-ENXIO',
  [EBADF]: '-EBADF',
  [ENOMEM]: '-ENOMEM',
  [EFAULT]: '-EFAULT',
  [EBUSY]: '-EBUSY',
  [EEXIST]: '-EEXIST',
  [ENODEV]: '-ENODEV',
  [EINVAL]: '-EINVAL',
  [ENOSPC]: '-ENOSPC',
  [ERANGE]: '-ERANGE',
  [EDEADLOCK]: '-EDEADLOCK',
  [EOVERFLOW]: '-EOVERFLOW',
  [EOPNOTSUPP]: '-EOPNOTSUPP',
  [EADDRINUSE]: '-EADDRINUSE',
};

export const errnoName = (rc: number): string => ERRNO[rc] ?? String(rc);

/** What a breach is called; iommufd/spec/invariants.ts says each in a sentence. */
export type Breach =
  | 'warn'
  | 'wild-pointer'
  | 'type-confusion'
  | 'out-of-array'
  | 'uninitialised-read'
  | 'refcount-underflow'
  | 'pincount-underflow'
  | 'use-after-free'
  | 'page-freed-while-mapped'
  | 'page-unpinned-while-mapped'
  | 'freed-page-installed'
  | 'table-freed-while-cached'
  | 'table-double-free'
  | 'table-leaked'
  | 'mmio-mapped-as-memory'
  | 'stale-iotlb-entry'
  | 'cpu-access-to-private'
  | 'unzeroed-page-read'
  | 'device-data-lost'
  | 'host-memory-corrupted'
  | 'iopte-of-shared-gfn'
  | 'iopte-larger-than-rmp'
  | 'wrong-page'
  | 'log-flood'
  | 'beyond-i_size'
  | 'divide-error'
  | 'undefined-result'
  | 'endless-loop'
  | 'pin-left'
  | 'dirty-page-lost'
  | 'dirty-page-invented'
  | 'user-memory-overwritten'
  | 'wrong-errno'
  | 'bad-iova'
  | 'wrong-areas'
  | 'not-undone';

export interface Finding {
  readonly breach: Breach;
  /** The kernel function in which it happened. */
  readonly at: string;
  readonly detail: string;
}

/** Nothing runs after it: a page fault in the kernel. */
export class KernelOops extends Error {}

/** A point of failure, in the order in which a call meets them. */
export type FailPoint = 'kmalloc' | 'pin' | 'xarray' | 'map' | 'folio' | 'charge' | 'add_pins';

export interface mm_struct {
  readonly name: string;
  /** Page number to pfn, and whether the CPU may write it; what is missing is a bad VMA. */
  readonly vma: Map<number, { pfn: number; writable: boolean }>;
  users: number;
  pinned_vm: number;
  locked_vm: number;
}

export interface user_struct {
  locked_vm: number;
}

export interface task_struct {
  readonly mm: mm_struct;
  readonly user: user_struct;
  /** RLIMIT_MEMLOCK, in pages. */
  rlimit: number;
  cap_ipc_lock: boolean;
}

export interface Kernel {
  readonly fn: Functions;
  readonly memory: Memory;
  readonly domains: iommu_domain[];
  readonly findings: Finding[];
  current: task_struct;
  /** TEMP_MEMORY_LIMIT, in bytes; the selftests set 16 or 32. */
  temp_memory_limit: number;
  /** MAX_NPFNS: the most pfns one run of a batch holds. */
  max_npfns: number;
  /** The point of failure, counted from 1, that fails; 0 for none. */
  fail: number;
  failPoints: number;
  /** Where folio_add_pins() may fail as well: the kernel's fails only on a broken refcount. */
  addPinsFails: boolean;
  failed: FailPoint | null;
  /** Numbers for objects, so that traces name them. */
  nextId: number;
  /** What another thread does in the middle of a call, at a place that holds no lock against it. */
  preempt: ((place: string) => void) | null;
}

export function note(k: Kernel, breach: Breach, at: string, detail: string): void {
  k.findings.push({ breach, at, detail });
}

export function oops(k: Kernel, breach: Breach, at: string, detail: string): never {
  note(k, breach, at, detail);
  throw new KernelOops(`${at}: ${detail}`);
}

/** WARN_ON(): notes, and says whether it fired. */
export function warn_on(k: Kernel, condition: boolean, at: string, detail: string): boolean {
  if (condition) note(k, 'warn', at, detail);
  return condition;
}

export function should_fail(k: Kernel, point: FailPoint): boolean {
  if (point === 'add_pins' && !k.addPinsFails) return false;
  k.failPoints++;
  if (k.fail === 0 || k.failPoints !== k.fail) return false;
  k.failed = point;
  return true;
}

/** An array of the kernel's that knows its bounds and which of its entries were ever written. */
export interface KArray<T> {
  readonly name: string;
  readonly size: number;
  readonly data: (T | undefined)[];
}

export const karray = <T>(name: string, size: number): KArray<T> => ({ name, size, data: [] });

export function load<T>(k: Kernel, array: KArray<T>, i: number, at: string): T {
  if (i < 0 || i >= array.size) oops(k, 'out-of-array', at, `reads ${array.name}[${i}] of ${array.size}`);
  const value = array.data[i];
  if (value === undefined) oops(k, 'uninitialised-read', at, `reads ${array.name}[${i}], never written`);
  return value;
}

export function store<T>(k: Kernel, array: KArray<T>, i: number, value: T, at: string): void {
  if (i < 0 || i >= array.size) oops(k, 'out-of-array', at, `writes ${array.name}[${i}] of ${array.size}`);
  array.data[i] = value;
}

/** check_add_overflow(): null where the sum does not fit. */
export function check_add(a: number, b: number): number | null {
  return a > ULONG_MAX - b ? null : a + b;
}

export const isAligned = (value: number, alignment: number): boolean => value % alignment === 0;

/** `1 << __ffs64(value)`: the largest power of two that divides it. */
export function lowestBit(value: number): number {
  let bit = 1;
  while (value % (bit * 2) === 0 && bit < 2 ** 52) bit *= 2;
  return bit;
}

export function roundup_pow_of_two(value: number): number {
  let power = 1;
  while (power < value) power *= 2;
  return power;
}
