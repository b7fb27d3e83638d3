// A domain (fields, steps, agents, properties) and an environment (who may start which call) make a system:
// one graph of states, the same for every search, walk and replay.

import { type Calls, makeCalls } from './calls.ts';
import { SuiteError, assert } from './errors.ts';
import { recompiled } from './recompiled.ts';
import { type FieldSpec, type Layout, type State, makeLayout } from './layout.ts';
import { OFFERS_MAX, bitsFor, countersOf, initialOf, preparedOf } from './prepared.ts';
import type { Selection } from './selection.ts';
import { type Prepared, type Stepper, stepperOf } from './stepper.ts';
import { type LastKept, type Successors, successorsOf } from './successors.ts';
import { type Language, type Plain, type Proc, type Tries, makeTries } from './tries.ts';

export const BLOCKED = -1;

/** What is explored. Supplied by the suite, or by a benchmark; the engine knows nothing about it. */
export interface Domain extends Language {
  readonly fields: readonly FieldSpec[];
  /** Initial states, as unpacked slots of `fields`; more slots follow them in a state. */
  readonly initial: (fresh: () => State) => readonly State[];
  readonly threads: readonly { readonly name: string; readonly kind: string }[];
  /** Execute a step. An answer, or BLOCKED with `m` untouched. */
  readonly apply: (m: State, thread: number, op: number) => number;
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
  /** A call has returned; runs inside its last step. */
  readonly finish?: (m: State, thread: number, call: CallOffer, result: Plain) => void;
  /**
   * A call has started; runs inside its first step, after it, so that a step that is not enabled leaves no
   * trace.
   */
  readonly starting?: (m: State, thread: number, call: CallOffer) => void;
  /** Hardware that acts by itself. */
  readonly agents: readonly string[];
  /** Let an agent act: true when it did, false with `m` untouched when it could not. */
  readonly act: (m: State, agent: number) => boolean;
  /** Properties, by number: what `judge` and `events` speak of. */
  readonly properties: readonly string[];
  /** Append the properties hit in this state; with the slots of the threads' places, 0 where a thread is idle. */
  readonly judge: (m: State, hits: number[], placeAt: readonly number[]) => void;
  /**
   * The property that is hit where a call is in flight and nobody can go on: no thread, and no agent that
   * `helps` one.
   * `unless` says of a pending step that waiting on it for ever is judged elsewhere.
   */
  readonly stuck?: {
    readonly property: number;
    readonly helps: (agent: number) => boolean;
    readonly unless: (op: number) => boolean;
  };
  /** Properties hit by the last move; the domain appends, the engine empties. */
  readonly events: number[];
  /** Nothing happens any more in this state. */
  readonly isTerminal?: (m: State) => boolean;
}

/** A call that a thread may start. */
export interface CallOffer {
  readonly name: string;
  readonly fn: Proc;
  readonly args: readonly Plain[];
}

/**
 * `free`: an idle thread starts any of its offers, until `calls` calls were started.
 * `budgets`: the same, until that thread has started `calls[thread]` of them.
 * `scenario`: each thread runs its list.
 * `selected`: as `free`, but only calls that are known to lead somewhere together, see selection.ts.
 */
export type Environment =
  | { readonly kind: 'free'; readonly calls: number; readonly offers: readonly (readonly CallOffer[])[] }
  | {
      readonly kind: 'budgets';
      readonly calls: readonly number[];
      readonly offers: readonly (readonly CallOffer[])[];
    }
  | { readonly kind: 'scenario'; readonly offers: readonly (readonly CallOffer[])[] }
  | {
      readonly kind: 'selected';
      readonly selection: Selection;
      readonly offers: readonly (readonly CallOffer[])[];
    };

/** A move: an actor, and which call it starts when it starts one. Small integers, see `moveOf`. */
export type Move = number;

export interface System {
  readonly domain: Domain;
  readonly layout: Layout;
  readonly calls: Calls;
  readonly initial: readonly State[];
  readonly environment: Environment;
  /** Threads come first, then agents. */
  readonly actors: number;
  readonly threads: number;
  /** Slot of a thread's place: 0 idle. */
  readonly placeAt: readonly number[];
  /** The earlier threads that each of them stands for as well. */
  readonly twins: readonly (readonly number[])[];
  /** Slot that counts the calls that a thread has started; one for all of them in a free environment. */
  readonly counterAt: readonly number[];
  /** Calls started so far. */
  readonly started: (m: State) => number;
  /**
   * How many offers an idle thread may start, from `firstOffer` on; none where another idle thread stands for
   * it.
   */
  readonly starts: (m: State, thread: number, last: number) => number;
  readonly firstOffer: (m: State, thread: number) => number;
  /** Make the move in place. False, with `m` untouched, when it is not enabled. Fills `domain.events`. */
  readonly step: (m: State, move: Move) => boolean;
  /** The same functions compiled for this system alone: twice as fast, where there are many steps to make. */
  readonly stepper: () => Stepper;
  /** Layout of the packed states of a search: with a last slot for the last actor if that is kept. */
  readonly rowLayout: (kept: LastKept) => Layout;
  /** `alone`: compiled for one search, which takes a millisecond and then runs twice as fast. */
  readonly successors: (rows: Layout, kept: LastKept, alone?: boolean) => Successors;
  readonly continueMove: (thread: number) => Move;
  readonly startMove: (thread: number, offer: number) => Move;
  readonly agentMove: (agent: number) => Move;
  readonly actorOf: (move: Move) => number;
  /** The offer that the move starts, or -1. */
  readonly offerOf: (move: Move) => number;
  /** Pending step of a thread is a release. */
  readonly releases: (m: State, thread: number) => boolean;
}

/* See OFFERS_MAX in prepared.ts. */
const MOVE_SHIFT = 10;

export function actorOf(move: Move): number {
  return move >> MOVE_SHIFT;
}

export interface SystemOptions {
  /** Those of other systems of the same domain. */
  readonly tries?: Tries;
  /** Bits of a thread's place: the search widens them by itself. */
  readonly placeBits?: number;
}

/* Too few cost a search twice, from its start: a state of 128 slots takes as many words with 12 bits. */
const PLACE_BITS = 16;

/** Thrown when a place does not fit its field: build the system again with more bits. */
export class PlaceOverflow extends SuiteError {
  readonly bitsNeeded: number;
  constructor(bitsNeeded: number) {
    super(`a place needs ${bitsNeeded} bits`);
    this.bitsNeeded = bitsNeeded;
  }
}

/** Build and run, again with wider places for as long as there are more of them than fit. */
export function withPlaceBits<T>(
  build: (placeBits: number) => System,
  run: (system: System) => T,
  placeBits = PLACE_BITS,
): T {
  for (let bits = placeBits; ;) {
    try {
      return run(build(bits));
    } catch (error) {
      if (!(error instanceof PlaceOverflow) || error.bitsNeeded <= bits) throw error;
      bits = error.bitsNeeded;
    }
  }
}

export function makeSystem(domain: Domain, environment: Environment, options: SystemOptions = {}): System {
  const { placeBits = PLACE_BITS } = options;
  const threads = domain.threads.length;
  assert(environment.offers.length === threads, 'one list of offers a thread');
  const calls = makeCalls(domain, options.tries ?? makeTries(domain));
  const specs = [
    ...domain.fields,
    ...countersOf(environment),
    ...domain.threads.map((_, thread) => ({ name: `place.${thread}`, bits: placeBits })),
  ];
  const layout = makeLayout(specs);
  const prepared: Prepared = {
    ...preparedOf(domain, environment, calls, layout),
    placeMax: 2 ** placeBits - 1,
    placeOverflow: (place) => new PlaceOverflow(bitsFor(place) + 1),
  };
  const { placeAt, counterAt } = prepared;
  const stepper = stepperOf(prepared);

  const system: System = {
    domain,
    layout,
    calls,
    environment,
    threads,
    actors: threads + domain.agents.length,
    placeAt,
    counterAt,
    twins: prepared.twins,
    initial: initialOf(domain, environment, () => new Int32Array(layout.length), counterAt[0]),
    started: (m) => {
      if (environment.kind === 'free') return m[counterAt[0]];
      if (environment.kind === 'selected') return environment.selection.started[m[counterAt[0]]];
      let sum = 0;
      for (let thread = 0; thread < threads; thread++) sum += m[counterAt[thread]];
      return sum;
    },
    starts: stepper.starts,
    firstOffer: stepper.firstOffer,
    step: stepper.step,
    stepper: () => recompiled(stepperOf)(prepared),
    rowLayout: (kept) =>
      kept === 'never'
        ? layout
        : makeLayout([...specs, { name: 'last actor', bits: bitsFor(threads + domain.agents.length) }]),
    successors: (rows, kept, alone = false) =>
      alone
        ? recompiled(successorsOf)(prepared, recompiled(stepperOf)(prepared), rows, kept)
        : successorsOf(prepared, stepper, rows, kept),
    continueMove: (thread) => thread << MOVE_SHIFT,
    startMove: (thread, offer) => (thread << MOVE_SHIFT) + 1 + offer,
    agentMove: (agent) => (threads + agent) << MOVE_SHIFT,
    actorOf,
    offerOf: (move) => (move & OFFERS_MAX) - 1,
    releases: (m, thread) => {
      const place = m[placeAt[thread]];
      return place !== 0 && domain.isRelease !== undefined && domain.isRelease(calls.op[place]);
    },
  };
  return system;
}
