// A domain (fields, steps, agents, properties) and an environment (who may start which call) make a system:
// one graph of states, the same for every search, walk and replay.

import { type Calls, makeCalls } from './calls.ts';
import { SuiteError, assert } from './errors.ts';
import type { Reduction } from './reduction.ts';
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
  /** What the reduction relies on. */
  readonly reduction?: Reduction;
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
      return place !== 0 && domain.reduction?.isRelease?.(calls.op[place]) === true;
    },
  };
  return system;
}
