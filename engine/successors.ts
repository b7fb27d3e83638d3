// All moves from one state, and the states they lead to.

import type { Layout, State } from './layout.ts';
import type { Prepared, Stepper } from './stepper.ts';
import type { Move } from './system.ts';

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

/**
 * Uses nothing from outside, see recompiled.ts. `layout` has a last slot for the last actor unless `kept` is
 * 'never'.
 */
export function successorsOf(ready: Prepared, stepper: Stepper, layout: Layout, kept: LastKept): Successors {
  const { domain, calls, placeAt, roots, counterAt, callsMax, twins } = ready;
  const { reduction = {} } = domain;
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
  const swap = kept === 'never' ? reduction.swap : undefined;
  const none: number[] = [];
  const rare = reduction.rare ?? 0;
  /* a loop that meets nobody would never end */
  const FOLLOWERS_MAX = 100;
  /* first steps of calls that may be started, where it matters to an agent that they come next */
  const firsts = roots.flatMap((list, thread) =>
    list
      .map((root) => calls.op[root])
      .filter((op, k, all) => op >= 0 && all.indexOf(op) === k && reduction.mayForbid?.(op) === true)
      .map((op) => ({ thread, op })),
  );
  const pending = new Int32Array(threads + firsts.length);
  let count = 0;
  /* what a step is to the others, by its number, asked once a step */
  let natures = new Uint8Array(1 << 8);
  const KNOWN = 1;
  const RELEASES = 2;
  const WAITS = 4;
  /* counters of threads that have calls to start, and where they end */
  const counters = placeAt.flatMap((_, thread) =>
    roots[thread].length > 0 ? [{ at: counterAt[thread], max: callsMax[thread] }] : [],
  );
  const budgets = counters.filter(
    ({ at, max }, k) => counters.findIndex((other) => other.at === at && other.max === max) === k,
  );

  const empty = (list: number[]): void => {
    while (list.length !== 0) list.pop();
  };
  const natureOf = (op: number): number => {
    if (op < natures.length && natures[op] !== 0) return natures[op];
    if (op >= natures.length) {
      const wider = new Uint8Array(op * 2);
      wider.set(natures);
      natures = wider;
    }
    natures[op] =
      KNOWN |
      (reduction.isRelease?.(op) === true ? RELEASES : 0) |
      (reduction.mayWait?.(op) === true ? WAITS : 0);
    return natures[op];
  };
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
    if (!pack(m, rows, row)) throw ready.tooWide(layout, m);
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
      empty(events);
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
    for (let k = 0; k < budgets.length; k++) if (m[budgets[k].at] < budgets[k].max) return false;
    return true;
  };
  /** Those of the bits that another thread may still touch; where it is none of them, that is relied on. */
  const touchedByOthers = (thread: number, bits: number): number => {
    const { touched, asked } = calls.mayTouch;
    let found = 0;
    for (let other = 0; other < threads; other++) if (other !== thread) found |= touched[m[placeAt[other]]];
    const free = bits & ~found;
    if (free !== 0)
      for (let other = 0; other < threads; other++) if (other !== thread) asked[m[placeAt[other]]] |= free;
    return found & bits;
  };
  /** What the step looks at nobody else in flight may change, and what it changes nobody else may look at. */
  const meetsNobody = (thread: number, op: number): boolean => {
    const bits = reduction.meets?.(op, m) ?? 0;
    if (bits === 0 || (!calls.mayTouch.trusted && (bits & ~rare) !== 0)) return false;
    return touchedByOthers(thread, bits) === 0;
  };
  /** Releases of any thread, and the step after an acquiring one of this thread. */
  const runOn = (actor: number, op: number): void => {
    let tail = none;
    const atEnd = noneToStart();
    let acquired = op >= 0 && reduction.isAcquire?.(op, m, actor) === true;
    for (let again = true; again;) {
      again = false;
      for (let thread = 0; thread < threads; thread++) {
        const next = opOf(thread);
        if (next < 0) continue;
        const nature = natureOf(next);
        const goesOn =
          (nature & RELEASES) !== 0 ||
          (atEnd && meetsNobody(thread, next)) ||
          (thread === actor && acquired && (nature & WAITS) === 0);
        if (!goesOn || tail.length === FOLLOWERS_MAX || !follow(thread)) continue;
        if (tail === none) tail = [];
        tail.push(thread);
        if (thread === actor) acquired = reduction.isAcquire?.(next, m, thread) === true;
        again = true;
      }
    }
    followers[count] = tail;
    if (atEnd && calls.mayTouch.trusted) reduction.forget?.(m, touchedByOthers(-1, reduction.forgets ?? 0));
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
      empty(hit);
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
        empty(events);
        if (eager && reduction.isTimely?.(m, agent, pending) === false) continue;
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
