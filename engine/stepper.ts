// The inner loop of every search and walk: one move in place, and all moves from one state.

import type { Calls } from './calls.ts';
import type { Layout, State } from './layout.ts';
import type { CallOffer, Domain, Move } from './system.ts';

/** What `makeSystem` works out once for the inner loop. */
export interface Parts {
  readonly domain: Domain;
  readonly calls: Calls;
  readonly placeAt: readonly number[];
  readonly counterAt: readonly number[];
  readonly callsMax: readonly number[];
  /** Each thread runs its list in order. */
  readonly inOrder: boolean;
  readonly offers: readonly (readonly CallOffer[])[];
  /** First place of each offer. */
  readonly roots: readonly (readonly number[])[];
  /**
   * The earlier threads of the same kind with the same offers: only the lowest idle one of them starts calls.
   */
  readonly twins: readonly (readonly number[])[];
  readonly placeMax: number;
  readonly placeOverflow: (place: number) => Error;
  /** Tell the domain that a call has returned. */
  readonly returned: (m: State, thread: number, place: number, offer: number) => void;
  readonly tooWide: (layout: Layout, m: State) => Error;
}

/** Makes one move in place. Each returns false, with `m` untouched, when the move is not enabled. */
export interface Stepper {
  /** An idle thread starts a call, or a thread goes on, or an agent acts. Fills `domain.events`. */
  readonly step: (m: State, move: Move) => boolean;
  readonly proceed: (m: State, thread: number) => boolean;
  readonly start: (m: State, thread: number, offer: number) => boolean;
  /**
   * How many offers an idle thread may start, from `firstOffer` on; none where another idle thread stands for
   * it.
   */
  readonly starts: (m: State, thread: number, last: number) => number;
  readonly firstOffer: (m: State, thread: number) => number;
}

/**
 * Which actor moved last, as part of a state: not at all, always, or only while it is inside a call and able
 * to go on.
 */
export type LastKept = 'never' | 'always' | 'able';

/** The enabled moves from one state and the states they lead to, packed side by side. */
export interface Successors {
  /**
   * Fills the arrays below and returns how many successors there are. With `eager`, steps that commute are
   * run on with the move.
   */
  readonly from: (base: State, last: number, eager: boolean) => number;
  readonly moves: Int32Array;
  readonly rows: Int32Array;
  readonly hashes: Int32Array;
  /**
   * Further steps of threads that were run on with the move: their threads, in order. Empty without `eager`.
   */
  readonly followers: readonly (readonly number[])[];
  /**
   * Threads that were exchanged after the move, in pairs, so that interchangeable ones stand in the order of their
   * places. Empty without `eager`.
   */
  readonly swaps: readonly (readonly number[])[];
  /** Properties hit by the moves: pairs of a successor's index and a property. */
  readonly events: readonly number[];
}

/** Uses nothing from outside, see fresh.ts. */
export function stepperOf(parts: Parts): Stepper {
  const { domain, calls, placeAt, counterAt, callsMax, inOrder, offers, roots, twins, placeMax } = parts;
  const { events } = domain;
  const threads = placeAt.length;

  const settle = (m: State, thread: number, place: number, offer: number): void => {
    if (calls.op[place] < 0) {
      m[placeAt[thread]] = 0;
      if (domain.finish !== undefined) parts.returned(m, thread, place, offer);
      return;
    }
    if (place > placeMax) throw parts.placeOverflow(place);
    m[placeAt[thread]] = place;
  };
  const proceed = (m: State, thread: number): boolean => {
    if (events.length !== 0) events.length = 0;
    const place = m[placeAt[thread]];
    if (place === 0) return false;
    const answer = domain.apply(m, thread, calls.op[place]);
    if (answer < 0) return false;
    settle(m, thread, calls.next(place, answer), -1);
    return true;
  };
  const start = (m: State, thread: number, offer: number): boolean => {
    if (events.length !== 0) events.length = 0;
    const used = m[counterAt[thread]];
    if (
      m[placeAt[thread]] !== 0 ||
      used >= callsMax[thread] ||
      (inOrder && used !== offer) ||
      offer >= roots[thread].length
    )
      return false;
    const root = roots[thread][offer];
    const op = calls.op[root];
    /* A call that returns at once takes no step at all. */
    const answer = op < 0 ? 0 : domain.apply(m, thread, op);
    if (answer < 0) return false;
    m[counterAt[thread]] = used + 1;
    domain.starting?.(m, thread, offers[thread][offer]);
    settle(m, thread, op < 0 ? root : calls.next(root, answer), offer);
    return true;
  };
  return {
    proceed,
    start,
    starts: (m, thread, last) => {
      if (m[counterAt[thread]] >= callsMax[thread]) return 0;
      if (thread !== last) for (const twin of twins[thread]) if (m[placeAt[twin]] === 0) return 0;
      return inOrder ? 1 : roots[thread].length;
    },
    firstOffer: (m, thread) => (inOrder ? m[counterAt[thread]] : 0),
    step: (m, move) => {
      const actor = move >> 10;
      const offer = (move & 1023) - 1;
      if (actor < threads) return offer < 0 ? proceed(m, actor) : start(m, actor, offer);
      if (events.length !== 0) events.length = 0;
      return domain.act(m, actor - threads);
    },
  };
}

/**
 * Uses nothing from outside, see fresh.ts. `layout` has a last slot for the last actor unless `kept` is
 * 'never'.
 */
export function successorsOf(parts: Parts, stepper: Stepper, layout: Layout, kept: LastKept): Successors {
  const { domain, calls, placeAt, roots, counterAt, callsMax, twins } = parts;
  const { proceed, start, starts, firstOffer } = stepper;
  const { copy, pack, hash, words } = layout;
  const { events } = domain;
  const threads = placeAt.length;
  const agents = domain.agents.length;
  const most = threads + agents + roots.reduce((sum, list) => sum + list.length, 0);
  const m: State = new Int32Array(layout.length);
  const probe: State = new Int32Array(layout.length);
  const lastAt = layout.length - 1;
  const moves = new Int32Array(most);
  const rows = new Int32Array(most * words);
  const hashes = new Int32Array(most);
  const hit: number[] = [];
  const followers: number[][] = [];
  const swaps: number[][] = [];
  const swap = kept === 'never' ? domain.swap : undefined;
  const none: number[] = [];
  /* first steps of calls that may be started, where it matters to an agent that they come next */
  const firsts = roots.flatMap((list, thread) =>
    list
      .map((root) => calls.op[root])
      .filter((op, k, all) => op >= 0 && all.indexOf(op) === k && domain.mayForbid?.(op) === true)
      .map((op) => ({ thread, op })),
  );
  const pending = new Int32Array(threads + firsts.length);
  let count = 0;

  const ableToGoOn = (thread: number): boolean => {
    if (m[placeAt[thread]] === 0) return false;
    copy(m, probe);
    return proceed(probe, thread);
  };
  const emit = (move: Move): void => {
    for (let k = 0; k < events.length; k++) hit.push(count, events[k]);
    if (kept === 'always') m[lastAt] = (move >> 10) + 1;
    else if (kept === 'able')
      m[lastAt] = move >> 10 < threads && ableToGoOn(move >> 10) ? (move >> 10) + 1 : 0;
    const row = count * words;
    if (!pack(m, rows, row)) throw parts.tooWide(layout, m);
    moves[count] = move;
    hashes[count] = hash(rows, row);
    count++;
  };
  const opOf = (thread: number): number => {
    const place = m[placeAt[thread]];
    return place === 0 ? -1 : calls.op[place];
  };
  /** Twins in the order of their places: an insertion sort, with few threads to sort. */
  const order = (): void => {
    let done = none;
    for (let thread = 1; thread < threads; thread++) {
      const earlier = twins[thread];
      for (let k = earlier.length - 1, at = thread; k >= 0; at = earlier[k], k--) {
        const before = earlier[k];
        const place = m[placeAt[at]];
        if (m[placeAt[before]] <= place) break;
        m[placeAt[at]] = m[placeAt[before]];
        m[placeAt[before]] = place;
        swap?.(m, before, at);
        if (done === none) done = [];
        done.push(before, at);
      }
    }
    swaps[count] = done;
  };
  /** One more step of the thread, as part of the move that is being made. */
  const follow = (thread: number): boolean => {
    for (let k = 0; k < events.length; k++) hit.push(count, events[k]);
    if (!proceed(m, thread)) {
      events.length = 0;
      return false;
    }
    return true;
  };
  const findPending = (base: State, last: number): void => {
    for (let thread = 0; thread < threads; thread++) pending[thread] = opOf(thread);
    for (let k = 0; k < firsts.length; k++) {
      const { thread, op } = firsts[k];
      const may = base[placeAt[thread]] === 0 && starts(base, thread, last) > 0;
      pending[threads + k] = may ? op : -1;
    }
  };
  const noneToStart = (): boolean => {
    for (let thread = 0; thread < threads; thread++)
      if (m[counterAt[thread]] < callsMax[thread] && roots[thread].length > 0) return false;
    return true;
  };
  /** Releases of any thread, and the step after an acquiring one of this thread. */
  const runOn = (actor: number, op: number): void => {
    let tail = none;
    const atEnd = domain.isReleaseAtEnd !== undefined && noneToStart();
    let acquired = op >= 0 && domain.isAcquire?.(op, m, actor) === true;
    for (let again = true; again;) {
      again = false;
      for (let thread = 0; thread < threads; thread++) {
        const next = opOf(thread);
        if (next < 0) continue;
        const goesOn =
          domain.isRelease?.(next) === true ||
          (atEnd && domain.isReleaseAtEnd?.(next, m) === true) ||
          (thread === actor && acquired && domain.mayWait?.(next) !== true);
        if (!goesOn || !follow(thread)) continue;
        if (tail === none) tail = [];
        tail.push(thread);
        if (thread === actor) acquired = domain.isAcquire?.(next, m, thread) === true;
        again = true;
      }
    }
    followers[count] = tail;
  };

  return {
    moves,
    rows,
    hashes,
    followers,
    swaps,
    events: hit,
    from: (base, last, eager) => {
      count = 0;
      if (hit.length !== 0) hit.length = 0;
      copy(base, m);
      if (eager) findPending(base, last);
      for (let thread = 0; thread < threads; thread++) {
        if (base[placeAt[thread]] !== 0) {
          if (!proceed(m, thread)) continue;
          if (eager) runOn(thread, pending[thread]);
          if (eager && swap !== undefined) order();
          emit(thread << 10);
          copy(base, m);
          continue;
        }
        const first = firstOffer(base, thread);
        const end = first + starts(base, thread, last);
        for (let offer = first; offer < end; offer++) {
          if (!start(m, thread, offer)) continue;
          if (eager) runOn(thread, calls.op[roots[thread][offer]]);
          if (eager && swap !== undefined) order();
          emit((thread << 10) + 1 + offer);
          copy(base, m);
        }
      }
      for (let agent = 0; agent < agents; agent++) {
        if (events.length !== 0) events.length = 0;
        if (eager && domain.isTimely?.(m, agent, pending) === false) continue;
        if (!domain.act(m, agent)) continue;
        if (eager) runOn(-1, -1);
        if (eager && swap !== undefined) order();
        emit((threads + agent) << 10);
        copy(base, m);
      }
      return count;
    },
  };
}
