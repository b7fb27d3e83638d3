// What a domain tells the search, so that it need not look at every interleaving (`eager`). Each member says what is
// true of the steps and agents; the search decides what to make of it, and tests hold it against the plain search.

import type { State } from './layout.ts';

export interface Reduction {
  /** True for steps that only let others go on (releasing a lock): taken at once where `eager` is on. */
  readonly isRelease?: (op: number) => boolean;
  /** Bits of what the step, once it is due, may touch in a way that others could tell. Without it: all of them. */
  readonly touches?: (op: number) => number;
  /** Steps that differ in their arguments alone have the same. */
  readonly kind?: (op: number) => number;
  /**
   * Bits that nobody else may touch any more for the step to be taken at once where no call will be started any
   * more; 0: it never is. Asked before the step. Where the step may wait, whoever makes it wait touches one of them.
   */
  readonly meets?: (op: number, m: State) => number;
  /**
   * Clears what nobody will look at any more, where no call will be started and those in flight touch no more than
   * these bits.
   */
  readonly forget?: (m: State, touched: number) => void;
  /** Bits that calls hardly ever touch once they are in flight: relied on without finding out first. */
  readonly rare?: number;
  /** The bits that `forget` looks at. */
  readonly forgets?: number;
  /**
   * True for steps after which nobody else sees a difference until the next one (taking a lock): that one
   * follows at once. Asked after the step.
   */
  readonly isAcquire?: (op: number, m: State, thread: number) => boolean;
  /**
   * True for steps that wait for others: they never follow an acquiring one at once, so that no deadlock is
   * lost.
   */
  readonly mayWait?: (op: number) => boolean;
  /**
   * False where the agent's move may as well be made later: it commutes with every pending step, and no
   * property can see it.
   * `pending` has the step of each thread, then those of `mayForbid` that a call may start with; -1 where it
   * is not so. Asked where `eager` is on.
   */
  readonly isTimely?: (m: State, agent: number, pending: Int32Array) => boolean;
  /** For `isTimely` it matters whether this step comes next. */
  readonly mayForbid?: (op: number) => boolean;
  /**
   * False for kinds of threads that hold state of their own between calls: they do not stand for one another.
   */
  readonly areTwins?: (kind: string) => boolean;
  /**
   * Exchange two threads of one kind in all that is written down of them, their places excepted: states that
   * differ by that alone are one where `eager` is on.
   */
  readonly swap?: (m: State, a: number, b: number) => void;
  /** The agent that does the same for who stands where the thread is that it acts for; itself if for none. */
  readonly agentFor?: (agent: number, standing: readonly number[]) => number;
}
