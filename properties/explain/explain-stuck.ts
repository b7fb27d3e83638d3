// A deadlock in words: who waits for what, in which function, and who holds it since which step.

import type { ReplayedStep } from '../../engine/replay.ts';
import type { System } from '../../engine/system.ts';
import { describeStep } from '../../models/describe.ts';
import type { Step } from '../../api/index.ts';
import type { TraceStep } from '../../models/results.ts';
import type { Model } from '../system.ts';

interface Holder {
  readonly thread: string;
  /** The step since which it is held. */
  readonly since: string;
  readonly shared: boolean;
  /** Between calls: nobody is left who would release it. */
  readonly idle: boolean;
}

interface Wait {
  readonly thread: string;
  /** The innermost function. */
  readonly fn: string;
  /** `invalidate_lock`, `folio 0`; empty where it waits for something else. */
  readonly lock: string;
  readonly mode: string;
  readonly text: string;
  readonly holders: readonly Holder[];
}

export interface Account {
  readonly state: readonly string[];
  readonly why: readonly string[];
}

export interface Stuck extends Account {
  readonly witness: string;
}

/** One holder, whoever it is. */
const MUTEX = /mutex|slots_lock|vmm_lock|dma_resv/;

/** What the step takes, as the notes of a table name it. */
function wanted(
  model: Model,
  state: Int32Array,
  step: Step,
): { readonly lock: string; readonly mode: string } {
  const { machine, view } = { machine: model.machine, view: model.interpreter.view };
  const folio = (pfn: number): string => (pfn < 0 ? '' : `folio ${view.head(state, pfn)}`);
  switch (step.op) {
    case 'lock':
      return {
        lock: step.lock,
        mode: step.mode === 'read' ? 'shared' : MUTEX.test(step.lock) ? '' : 'write',
      };
    case 'kvm_mmu_invalidate_start':
    case 'kvm_mmu_invalidate_end':
      return { lock: 'mmu_lock', mode: 'write' };
    case 'kvm_gmem_get_folio':
    case 'filemap_lock_folio':
      return { lock: folio(state[machine.at.page_cache + step.index] - 1), mode: '' };
    case 'folio_lock':
      return { lock: folio(step.pfn), mode: '' };
    default:
      return { lock: '', mode: '' };
  }
}

/** The step of one thread since which it holds what it holds in the end. */
function takenAt(own: readonly TraceStep[], name: string): number {
  let first = own.length - 1;
  while (first > 0 && own[first - 1].locks.includes(name)) first--;
  return first;
}

/** Those who hold the lock at the end of the trace, in a way that keeps the waiter out. */
function holdersOf(
  trace: readonly TraceStep[],
  lock: string,
  mode: string,
  isIdle: (thread: string) => boolean,
): Holder[] {
  const names = [lock, ...(mode === 'shared' ? [] : [`${lock} shared`])];
  return [...new Set(trace.map(({ thread }) => thread))].flatMap((thread) => {
    const own = trace.filter((step) => step.thread === thread);
    const name = names.find((each) => own.at(-1)?.locks.includes(each) === true);
    if (name === undefined || lock === '') return [];
    const since = own[takenAt(own, name)].n;
    return [{ thread, since, shared: name !== lock, idle: isIdle(thread) }];
  });
}

const held = ({ thread, since, shared, idle }: Holder): string =>
  `held${shared ? ' shared' : ''} by ${thread} since ${since}${idle ? ', which has returned' : ''}`;

function waitText({ thread, fn, lock, mode, text, holders }: Wait): string {
  const what = lock === '' ? text : `${lock}${mode === '' ? '' : ` (${mode})`}`;
  return `${thread} in ${fn}() waits for ${[what, ...holders.map(held)].join(', ')}`;
}

/** What would have to be otherwise, by how the waits hang together. */
function whyOf(waits: readonly Wait[], trace: readonly TraceStep[]): string[] {
  for (const { thread, fn, lock, holders } of waits)
    for (const holder of holders) {
      if (holder.thread === thread)
        return [`not taking ${lock} in ${fn}(), which runs with it held since ${holder.since}`];
      const last = trace.filter((step) => step.thread === holder.thread).at(-1);
      if (holder.idle && last !== undefined)
        return [`releasing ${lock} before ${holder.thread} returns at ${last.n}`];
    }
  const [a, b] = waits.filter(({ holders }) => holders.length > 0);
  return a === undefined || b === undefined || a.lock === b.lock
    ? []
    : [`taking ${a.lock} and ${b.lock} in the same order in ${a.fn}() and ${b.fn}()`];
}

/** Locks that the call of the last step has kept: where they were taken. */
export function keptOf(trace: readonly TraceStep[], steps: readonly ReplayedStep[]): Account {
  const last = trace.at(-1);
  const own = trace.filter(({ thread }) => thread === last?.thread);
  const kept = (last?.locks ?? []).map((name) => {
    const { n, thread } = own[takenAt(own, name)];
    const fn = steps[trace.findIndex((step) => step.n === n)]?.place?.frames.at(-1)?.fn.name ?? '';
    return { name, n, thread, fn };
  });
  return {
    state: kept.map(
      ({ name, n, thread, fn }) => `${name}: taken by ${thread} in ${fn}() at ${n}, never released`,
    ),
    why: kept.map(
      ({ name, n, thread, fn }) => `releasing ${name}, taken at ${n} in ${fn}(), before ${thread} returns`,
    ),
  };
}

export function stuckOf(
  model: Model,
  system: System,
  state: Int32Array,
  trace: readonly TraceStep[],
): Stuck | null {
  const { threads } = system.domain;
  const placeOf = (thread: number): number => state[system.placeAt[thread]];
  const isIdle = (name: string): boolean =>
    threads.some((thread, k) => thread.name === name && placeOf(k) === 0);
  const waits = threads.flatMap(({ name }, thread): Wait[] => {
    if (placeOf(thread) === 0) return [];
    const { frames, op } = system.calls.describe(placeOf(thread));
    const step = model.interpreter.stepOf(op);
    const { text } = describeStep(model.machine, step, 0, { thread, before: state, after: state });
    const { lock, mode } = wanted(model, state, step);
    const holders = holdersOf(trace, lock, mode, isIdle);
    return [{ thread: name, fn: frames.at(-1)?.fn.name ?? '', lock, mode, text, holders }];
  });
  if (waits.length === 0) return null;
  const locks = [...new Set(waits.filter(({ holders }) => holders.length > 0).map(({ lock }) => lock))];
  return {
    witness: waits.map(waitText).join('; '),
    state: locks.map((lock) => {
      const those = waits.filter((wait) => wait.lock === lock);
      const waiting = those.map(({ thread, fn }) => `${thread} in ${fn}()`).join(', ');
      return `${lock}: ${(those[0]?.holders ?? []).map(held).join(', ')}; waited for by ${waiting}`;
    }),
    why: whyOf(waits, trace),
  };
}
