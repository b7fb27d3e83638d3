// What a definition looks at: one move, the states around it, and small questions about both.

import type { LockName, Step } from '../../api/index.ts';
import type { Call } from '../../models/calls.ts';
import { CONTENT } from '../../models/machine.ts';
import type { Op, StepOf } from '../../models/steps/row.ts';
import type { Questions } from './questions.ts';

type M = Int32Array;

export interface Made {
  readonly before: M;
  /** Null where an agent acted, and where a call returned without any step. */
  readonly step: Step | null;
  /** -1 for an agent. */
  readonly thread: number;
  readonly after: M;
  /** Of the step; -1 without one. */
  readonly answer: number;
  /** Set where a call returned with the move. */
  readonly returned: { readonly call: Call; readonly result: unknown } | null;
}

/** The rule that an event stands for, stated over one move: it knows nothing of who notes the event. */
export type Definition = (q: Questions, made: Made) => boolean;

/** The rule is about steps of this kind. */
export const on =
  <K extends Op>(op: K, rule: (q: Questions, step: StepOf<K>, made: Made) => boolean): Definition =>
  (q, made) =>
    made.step?.op === op && rule(q, made.step as StepOf<K>, made);

export const either =
  (...rules: readonly Definition[]): Definition =>
  (q, made) =>
    rules.some((rule) => rule(q, made));

/** Is there one in the half-open range? */
export function some({ start, end }: { start: number; end: number }, asks: (k: number) => boolean): boolean {
  for (let k = start; k < end; k++) if (asks(k)) return true;
  return false;
}
export const somePage = (q: Questions, asks: (page: number) => boolean): boolean =>
  some({ start: 0, end: q.machine.pages }, asks);
export const somePfn = (q: Questions, asks: (pfn: number) => boolean): boolean =>
  some({ start: 0, end: q.machine.pool }, asks);

export const holdsForWrite = (q: Questions, m: M, thread: number, lock: LockName): boolean =>
  m[q.machine.lockAt[lock].writer] === thread + 1;
export const holds = (q: Questions, m: M, thread: number, lock: LockName): boolean =>
  holdsForWrite(q, m, thread, lock) || ((m[q.machine.lockAt[lock].readers] >> thread) & 1) === 1;

/** What guest or device has written. */
export const hasData = (q: Questions, m: M, pfn: number): boolean =>
  m[q.at.content + pfn] === CONTENT.guest || m[q.at.content + pfn] === CONTENT.device;
export const isStale = (q: Questions, m: M, pfn: number): boolean => m[q.at.content + pfn] === CONTENT.stale;
/** The step has zeroed what guest or device had written. */
export const zeroes = (q: Questions, { before, after }: Made, pfn: number): boolean =>
  hasData(q, before, pfn) && after[q.at.content + pfn] === CONTENT.zero;

/** What a call returned, as its errnos are listed: `0`, `-EAGAIN`. */
export function resultText(result: unknown): string {
  if (result === null || result === undefined || result === 0) return '0';
  if (typeof result === 'object' && 'errno' in result) return String(result.errno);
  return typeof result === 'string' ? result : JSON.stringify(result);
}

/** pfn in the page cache at the index, or -1. */
export const cachedAt = (q: Questions, m: M, index: number): number => m[q.at.page_cache + index] - 1;
