// What invariants ask of a machine.

import { type Machine, OWNER_NAMES, CONTENT_NAMES } from '../../models/machine.ts';
import type { View } from '../../models/view.ts';

export interface Questions {
  readonly machine: Machine;
  readonly view: View;
  readonly at: { readonly [field: string]: number };
  /** The policy's pages are pinned for as long as they are mapped. */
  readonly pins: boolean;
  /** The policy is told of invalidations, and may clear IOPTEs below an area. */
  readonly notified: boolean;
  readonly streams: readonly { readonly trusted: boolean; readonly private: boolean }[];
  /** The lock classes of a cycle, each with who takes it inside the one before. */
  readonly lockCycle: () => readonly string[];
  /** By class that is taken: a mask of those held, with which it is a step of that cycle. */
  readonly lockCloses: () => Int32Array;
}

/** The first thread of this kind. */
export const firstOf = ({ threads }: Machine, kind: string): number =>
  threads.findIndex((thread) => thread.kind === kind);

/** Pages of the pool that guest_memfd allocates from: the first ones. */
export const poolOf = ({ pool }: Machine): number => pool;

/** First page for which the question is answered yes, or -1. */
export function inEachPage(q: Questions, asks: (page: number) => boolean): number {
  for (let page = 0; page < q.machine.pages; page++) if (asks(page)) return page;
  return -1;
}
export function inEachPfn(q: Questions, asks: (pfn: number) => boolean): number {
  const pool = poolOf(q.machine);
  for (let pfn = 0; pfn < pool; pfn++) if (asks(pfn)) return pfn;
  return -1;
}
export function inEachThread(q: Questions, asks: (thread: number) => boolean): number {
  for (let thread = 0; thread < q.machine.threads.length; thread++) if (asks(thread)) return thread;
  return -1;
}

/** Slots of the threads' places: each system has its own. */
export type PlaceAt = readonly number[];
export const isIdle = (m: Int32Array, placeAt: PlaceAt, thread: number): boolean => m[placeAt[thread]] === 0;
/** With nothing going on: no call is in flight. */
export function allIdle(m: Int32Array, placeAt: PlaceAt): boolean {
  for (let thread = 0; thread < placeAt.length; thread++) if (m[placeAt[thread]] !== 0) return false;
  return true;
}
/** KVM's bracket is open and covers the gfn. */
export const inKvmBracket = (q: Questions, m: Int32Array, gfn: number): boolean =>
  m[q.at.mmu_invalidate_in_progress] > 0 && ((m[q.at.mmu_invalidate_range] >> gfn) & 1) === 1;

/** `pfn 5, which is free`; `pfn 5 (gmem, guest data)`. */
export function pfnName(q: Questions, m: Int32Array, pfn: number): string {
  if (pfn === q.machine.device_memory)
    return `pfn ${pfn} (device memory${m[q.at.dmabuf_taken] === 1 ? ', taken back by its exporter' : ''})`;
  const owner = OWNER_NAMES[m[q.at.owner + pfn]] ?? 'unknown';
  return q.view.isFree(m, pfn)
    ? `pfn ${pfn}, which is ${owner}`
    : `pfn ${pfn} (${owner}, ${CONTENT_NAMES[m[q.at.content + pfn]] ?? 'unknown'})`;
}
