// A domain (fields, steps, agents, properties) and an environment (who may start which call) make a system:
// one graph of states, the same for every search, walk and replay.

import { CALL_LIMITS, type CallLimits, type Calls, type Guard, type Language, type Plain, type Proc, makeCalls } from './calls.ts';
import { SuiteError, assert } from './errors.ts';
import { type FieldSpec, type Layout, type State, makeLayout } from './layout.ts';

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
  /** A call has returned; runs inside its last step. */
  readonly finish?: (m: State, thread: number, call: CallOffer, result: Plain) => void;
  /** A call starts; runs before its first step. Must be undone by nobody: it runs only when that step is enabled. */
  readonly starting?: (m: State, thread: number, call: CallOffer) => void;
  /** Hardware that acts by itself. */
  readonly agents: readonly string[];
  /** Let an agent act: true when it did, false with `m` untouched when it could not. */
  readonly act: (m: State, agent: number) => boolean;
  /** Properties, by number: what `judge` and `events` speak of. */
  readonly properties: readonly string[];
  /** Append the properties hit in this state. */
  readonly judge: (m: State, hits: number[]) => void;
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
 * `free`: an idle thread starts any of its offers, until `calls` calls were started (or `callsPerThread` by that thread).
 * `scenario`: each thread runs its list.
 */
export type Environment =
  | { readonly kind: 'free'; readonly calls: number; readonly offers: readonly (readonly CallOffer[])[] }
  | { readonly kind: 'budgets'; readonly calls: readonly number[]; readonly offers: readonly (readonly CallOffer[])[] }
  | { readonly kind: 'scenario'; readonly offers: readonly (readonly CallOffer[])[] };

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
  /** Calls started so far. */
  readonly started: (m: State) => number;
  /** First and number of starting moves of an idle thread; none where another idle thread of its kind stands for it. */
  readonly starts: (m: State, thread: number, last: number) => number;
  /** Make the move in place. False, with `m` untouched, when it is not enabled. Fills `domain.events`. */
  readonly step: (m: State, move: Move) => boolean;
  readonly continueMove: (thread: number) => Move;
  readonly startMove: (thread: number, offer: number) => Move;
  readonly agentMove: (agent: number) => Move;
  readonly actorOf: (move: Move) => number;
  /** The offer that the move starts, or -1. */
  readonly offerOf: (move: Move) => number;
  /** Pending step of a thread is a release. */
  readonly releases: (m: State, thread: number) => boolean;
}

const OFFERS_MAX = 1023;
const MOVE_SPAN = OFFERS_MAX + 1;

const bitsFor = (max: number): number => Math.max(1, 32 - Math.clz32(max));

export interface SystemOptions {
  readonly limits?: CallLimits;
  readonly guard?: Guard;
  /** Bits of a thread's place: the search widens them by itself. */
  readonly placeBits?: number;
}

/** Thrown when a place does not fit its field: build the system again with more bits. */
export class PlaceOverflow extends SuiteError {
  readonly bitsNeeded: number;
  constructor(bitsNeeded: number) {
    super(`a place needs ${bitsNeeded} bits`);
    this.bitsNeeded = bitsNeeded;
  }
}

function countersOf(environment: Environment): FieldSpec[] {
  switch (environment.kind) {
    case 'free':
      return [{ name: 'calls', bits: bitsFor(environment.calls) }];
    case 'budgets':
      return environment.calls.map((calls, thread) => ({ name: `calls.${thread}`, bits: bitsFor(calls) }));
    case 'scenario':
      return environment.offers.map((list, thread) => ({ name: `position.${thread}`, bits: bitsFor(list.length) }));
  }
}

export function makeSystem(domain: Domain, environment: Environment, options: SystemOptions = {}): System {
  const { placeBits = 12 } = options;
  const threads = domain.threads.length;
  assert(environment.offers.length === threads, 'one list of offers a thread');
  const calls = makeCalls(domain, options.limits ?? CALL_LIMITS, options.guard);
  const layout = makeLayout([
    ...domain.fields,
    ...countersOf(environment),
    ...domain.threads.map((_, thread) => ({ name: `place.${thread}`, bits: placeBits })),
  ]);
  const at = (name: string): number => {
    const field = layout.fields.find((f) => f.name === name);
    assert(field !== undefined, `field ${name}`);
    return field.at;
  };
  const placeAt = domain.threads.map((_, thread) => at(`place.${thread}`));
  const counterAt = domain.threads.map((_, thread) =>
    environment.kind === 'free' ? at('calls') : at(`${environment.kind === 'budgets' ? 'calls' : 'position'}.${thread}`),
  );
  const callsMax = domain.threads.map((_, thread) =>
    environment.kind === 'free'
      ? environment.calls
      : environment.kind === 'budgets'
        ? environment.calls[thread] ?? 0
        : environment.offers[thread]?.length ?? 0,
  );
  const scenario = environment.kind === 'scenario';
  const roots = environment.offers.map((list) => {
    assert(list.length <= OFFERS_MAX, `at most ${OFFERS_MAX} offers a thread, given ${list.length}`);
    return list.map((offer) => calls.root(offer.fn, offer.args));
  });
  /* The earlier threads of the same kind with the same offers: only the lowest idle one of them starts calls. */
  const twins = domain.threads.map((thread, k) =>
    scenario ? [] : domain.threads.flatMap((other, j) => (j < k && other.kind === thread.kind ? [j] : [])),
  );
  const placeMax = 2 ** placeBits - 1;
  const { events } = domain;

  const settle = (m: State, thread: number, place: number, offer: CallOffer | undefined): void => {
    if (calls.op[place] >= 0) {
      if (place > placeMax) throw new PlaceOverflow(bitsFor(place) + 1);
      m[placeAt[thread]] = place;
      return;
    }
    m[placeAt[thread]] = 0;
    if (domain.finish === undefined) return;
    const { frames, result } = calls.describe(place);
    const frame = frames[0];
    assert(frame !== undefined, 'a returned call had a function');
    domain.finish(m, thread, offer ?? offerByFrame(thread, frame.fn, frame.args), result);
  };
  const offerByFrame = (thread: number, fn: Proc, args: readonly Plain[]): CallOffer => {
    const found = environment.offers[thread]?.find((o) => o.fn === fn && (o.args === args || JSON.stringify(o.args) === JSON.stringify(args)));
    assert(found !== undefined, 'a call in flight was offered');
    return found;
  };

  const start = (m: State, thread: number, offer: number): boolean => {
    const root = roots[thread]?.[offer];
    const call = environment.offers[thread]?.[offer];
    if (root === undefined || call === undefined || m[placeAt[thread]] !== 0) return false;
    const used = m[counterAt[thread]];
    if (used >= callsMax[thread] || (scenario && used !== offer)) return false;
    /* A call that returns at once takes no step at all. */
    if (calls.op[root] < 0) {
      m[counterAt[thread]]++;
      domain.starting?.(m, thread, call);
      settle(m, thread, root, call);
      return true;
    }
    const answer = domain.apply(m, thread, calls.op[root]);
    if (answer < 0) return false;
    m[counterAt[thread]]++;
    domain.starting?.(m, thread, call);
    settle(m, thread, calls.next(root, answer), call);
    return true;
  };

  const system: System = {
    domain,
    layout,
    calls,
    environment,
    threads,
    actors: threads + domain.agents.length,
    placeAt,
    initial: domain.initial(() => new Int32Array(layout.length)),
    started: (m) => {
      if (environment.kind === 'free') return m[counterAt[0]];
      let sum = 0;
      for (let thread = 0; thread < threads; thread++) sum += m[counterAt[thread]];
      return sum;
    },
    starts: (m, thread, last) => {
      const list = roots[thread];
      if (m[counterAt[thread]] >= callsMax[thread]) return 0;
      if (thread !== last) for (const twin of twins[thread]) if (m[placeAt[twin]] === 0) return 0;
      return list.length;
    },
    step: (m, move) => {
      events.length = 0;
      const actor = (move / MOVE_SPAN) | 0;
      if (actor >= threads) return domain.act(m, actor - threads);
      const offer = (move % MOVE_SPAN) - 1;
      if (offer >= 0) return start(m, actor, offer);
      const place = m[placeAt[actor]];
      if (place === 0) return false;
      const answer = domain.apply(m, actor, calls.op[place]);
      if (answer < 0) return false;
      settle(m, actor, calls.next(place, answer), undefined);
      return true;
    },
    continueMove: (thread) => thread * MOVE_SPAN,
    startMove: (thread, offer) => thread * MOVE_SPAN + 1 + offer,
    agentMove: (agent) => (threads + agent) * MOVE_SPAN,
    actorOf: (move) => (move / MOVE_SPAN) | 0,
    offerOf: (move) => (move % MOVE_SPAN) - 1,
    releases: (m, thread) => {
      const place = m[placeAt[thread]];
      return place !== 0 && domain.isRelease !== undefined && domain.isRelease(calls.op[place]);
    },
  };
  return system;
}
