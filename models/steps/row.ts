// What is known of a step: one row, read by the interpreter, by the reports, by the reduction and by lockdep.

import { AREA_END_BITS, type LockName, type Step } from '../../api/index.ts';
import type { Cast } from '../bounds.ts';
import type { Machine } from '../machine.ts';
import type { MachineState } from '../view.ts';
import type { Exec, State } from './context.ts';

export type Op = Step['op'];
/** The member of Step that has this op: some share one. */
export type StepOf<K extends Op> = Step extends infer S
  ? S extends { op: infer O }
    ? K extends O
      ? S
      : never
    : never
  : never;

/** A step bound to its subjects. */
export type Run = (m: State, thread: number) => number;

/** What is done, and how an answer reads. */
export type Words = readonly [text: string, answer?: (answer: number) => string];
export interface Context {
  readonly machine: Machine;
  /** What the step was made in, where it is known: a DMA says which page it found. */
  readonly seen: Seen | null;
}
export interface Seen {
  readonly thread: number;
  readonly before: MachineState;
  readonly after: MachineState;
}

/**
 * Lipton's movers: what a step does to the freedom of the others. Under mmu_lock: an acquire only where the thread
 * holds it for write by then; a bracket with no slot bound takes nothing, a zap may be misplaced outside the lock.
 */
export type Mover =
  | 'release'
  | 'acquire'
  | 'acquire under mmu_lock'
  | 'acquire under mmu_lock or wait'
  | 'acquire or wait'
  | 'wait'
  | 'none';

/** A lock, or what is held and waited for like one: an SRCU read section, and synchronize_srcu(). */
export type Taken = LockName | 'folio lock' | 'srcu';

/*
 * What steps may touch in a way that others could tell. A bit says no more than what some row's `commutes` asks for:
 * who adds one there looks through all rows.
 */
export const ATTRIBUTES = 1 << 0; /* changes them */
export const POISON = 1 << 1; /* sets it */
export const SEQ = 1 << 2; /* changes mmu_invalidate_seq */
export const SEQ_READ = 1 << 3;
export const BRACKET = 1 << 4; /* needs mmu_invalidate_in_progress or the range */
export const GMEM_SEQ = 1 << 5; /* changes the inode's seq */
export const GMEM_SEQ_READ = 1 << 6;
export const REFS = 1 << 7; /* counts references, or drops the one of the page cache */
export const SLOTS = 1 << 8; /* changes memslots or bindings while the file is open */
export const HUGE = 1 << 9; /* reads whether the inode is huge */
export const CLOSE = 1 << 10; /* takes the fd away */
export const RELEASE = 1 << 11; /* takes slots from the file, once nobody has it */
export const MMU_LOCK = 1 << 12; /* takes it and may keep it */
/** Every bit: nobody has looked which. */
export const ANYTHING = -1;

/** S: the step. X: what its run() needs of the subjects, see index.ts. */
export interface Row<S, X> {
  readonly words: (step: S, context: Context) => Words;
  /** The number of different answers: 0 up to below it. */
  readonly answers: number | ((machine: Machine, step: S) => number);
  /** Bits. */
  readonly touches: number | ((step: S) => number);
  /**
   * What nobody else may touch any more for the step to be taken at once; 0 where that depends on the state and it may
   * not. Null: never.
   */
  readonly commutes: number | ((exec: Exec, step: S, m: State) => number) | null;
  readonly mover: Mover;
  /** The class that it takes, or waits for, when its answer is not "nothing there". */
  readonly takes: Taken | ((step: S) => Taken) | null;
  /** Answer 0 says that nothing was there to take. */
  readonly mayFindNothing: boolean;
  /** might_sleep(): mutexes, rwsems, the folio lock, allocations with GFP_KERNEL, waits. */
  readonly sleeps: boolean | ((step: S) => boolean);
  /** An IOTLB fill at this iova, of a leaf to this pfn, comes in before the step or not any more. */
  readonly forbidsFill: ((step: S, iova: number, pfn: number) => boolean) | null;
  /** It would use what an IOTLB fill at this iova has left. */
  readonly usesFill: ((step: S, iova: number) => boolean) | null;
  /** It counts the references of the page at this index: an LRU batch is drained before it or never. */
  readonly countsRefs: ((step: S, index: number) => boolean) | null;
  /** --fail can name it. */
  readonly fails: boolean;
  /** It waits for a user of the host, who may let go at any time: no-unbounded-retry speaks of that. */
  readonly waitsForUser: boolean;
  /** The cast that it came with: the tokens of runs without that one do not hold it. */
  readonly cast: Cast | null;
  /** Asked once for each distinct step. Throws NotAStep where it names something that is not there. */
  readonly check: ((x: X, step: S) => void) | null;
  /** Answer, or BLOCKED with the machine untouched. */
  readonly run: (x: X, step: S, m: State, thread: number) => number;
}

export type Rows<X> = { readonly [K in Op]?: Row<StepOf<K>, X> };

/**
 * A row that begins with this says: it answers yes, no or nothing; the reduction takes it for what may meet others, and
 * runs it in its turn; it takes no lock, cannot sleep, is not about an IOTLB fill or a count of references, does not
 * fail, is there in every run, and names nothing that may be missing. What it touches is said by each row.
 */
export const PLAIN = {
  answers: 2,
  commutes: null,
  mover: 'none',
  takes: null,
  mayFindNothing: false,
  sleeps: false,
  forbidsFill: null,
  usesFill: null,
  countsRefs: null,
  fails: false,
  waitsForUser: false,
  cast: null,
  check: null,
} as const;

export const pagesOrNone = ({ pages }: Machine): number => pages + 1;
export const pfnsOrNone = ({ pfns }: Machine): number => pfns + 1;
/** Answers of a few numbers, then those of an area: first iova and last side by side. */
export const AREA_ANSWERS = 2 ** (2 * AREA_END_BITS) + 3;
