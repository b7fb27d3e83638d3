// What lockdep and might_sleep() see: which locks a thread holds where it takes another, and which steps may sleep
// under mmu_lock, a rwlock. Both look at one thread alone.

import { LOCKS, type Step } from '../../api/index.ts';
import type { Machine } from '../machine.ts';
import { BLOCKED, type Exec, type State } from '../steps/context.ts';
import { rowOf } from '../steps/index.ts';
import type { Run, Taken } from '../steps/row.ts';

/**
 * Lock classes; an SRCU read section is held like a lock, and synchronize_srcu() waits like one who takes it.
 * user_pages_mutex is of the class of pages_mutex unless that has one of its own: iopt_alloc_pages() makes both.
 */
export const LOCK_CLASSES = [...LOCKS, 'folio lock', 'srcu'] as const;
const FOLIO = LOCKS.length;
const SRCU = FOLIO + 1;

export interface Lockdep {
  /** The closure of a step, with what it takes and whether it may sleep looked at. */
  readonly watch: (step: Step, run: Run) => Run;
  /** Told of each class that is taken, and of those that are held then; for who learns the order. */
  onNested: ((held: number, taken: number) => void) | null;
  /**
   * By class that is taken: those held that make this nesting a part of the shortest cycle. Asked for when locks first
   * nest, and not before: it takes a run of each call to know.
   */
  closes: (() => Int32Array) | null;
}

const classIn = ({ ownMutexClass }: Machine, taken: Taken): number =>
  LOCK_CLASSES.indexOf(taken === 'user_pages_mutex' && !ownMutexClass ? 'pages_mutex' : taken);

export function makeLockdep({ machine, note }: Exec): Lockdep {
  const { at, lockAt, threads, pool } = machine;
  const firstVcpu = threads.findIndex((t) => t.kind === 'vcpu');
  const { writer: mmuWriter, readers: mmuReaders } = lockAt.mmu_lock;
  const { folio_lock: folioLock, srcu } = at;
  const isVcpu = threads.map(({ kind }) => kind === 'vcpu');

  const bits = machine.locks.map((name) => 1 << classIn(machine, name));
  const writerAt = machine.locks.map((name) => lockAt[name].writer);
  const readersAt = machine.locks.map((name) => lockAt[name].readers);

  const heldBy = (m: State, thread: number): number => {
    let held = 0;
    for (let k = 0; k < writerAt.length; k++)
      if (m[writerAt[k]] === thread + 1 || ((m[readersAt[k]] >> thread) & 1) === 1) held |= bits[k];
    for (let pfn = 0; pfn < pool; pfn++) if (m[folioLock + pfn] === thread + 1) held |= 1 << FOLIO;
    if (isVcpu[thread] && m[srcu + thread - firstVcpu] === 1) held |= 1 << SRCU;
    return held;
  };
  const nested = (held: number, taken: number): void => {
    if (lockdep.onNested !== null) return lockdep.onNested(held, taken);
    note('locks-nested');
    const closes = lockdep.closes?.();
    if (closes !== undefined && (closes[taken] & held) !== 0) note('lock-order-inverted');
  };

  const lockdep: Lockdep = {
    onNested: null,
    closes: null,
    watch: (step, run) => {
      const { takes, sleeps, mayFindNothing } = rowOf(step);
      const taken = takes === null ? -1 : classIn(machine, typeof takes === 'function' ? takes(step) : takes);
      const canSleep = typeof sleeps === 'function' ? sleeps(step) : sleeps;
      if (taken < 0 && !canSleep) return run;
      return (m, thread) => {
        const answer = run(m, thread);
        if (answer === BLOCKED) return answer;
        /* asked after the step, which may block: it changes no class but the one that it takes, and not mmu_lock */
        if (canSleep && (m[mmuWriter] === thread + 1 || ((m[mmuReaders] >> thread) & 1) === 1))
          note('slept-under-spinlock');
        if (taken < 0 || (mayFindNothing && answer === 0)) return answer;
        const held = heldBy(m, thread) & ~(1 << taken);
        if (held !== 0 || lockdep.onNested !== null) nested(held, taken);
        return answer;
      };
    },
  };
  return lockdep;
}
