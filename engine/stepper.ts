// The inner loop of every search and walk: one move in place.

import type { Calls } from './calls.ts';
import type { Layout, State } from './layout.ts';
import type { Selection } from './selection.ts';
import type { CallOffer, Domain, Move } from './system.ts';

/** What `makeSystem` works out once for the inner loop. */
export interface Prepared {
  readonly domain: Domain;
  readonly calls: Calls;
  readonly placeAt: readonly number[];
  readonly counterAt: readonly number[];
  readonly callsMax: readonly number[];
  /** Each thread runs its list in order. */
  readonly inOrder: boolean;
  /** What may be started, in place of a number of calls. */
  readonly selection: Selection | null;
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

/** Uses nothing from outside, see recompiled.ts. */
export function stepperOf(prepared: Prepared): Stepper {
  const { domain, calls, placeAt, counterAt, callsMax, inOrder, offers, roots, twins, placeMax } = prepared;
  const { selection } = prepared;
  const { events } = domain;
  const threads = placeAt.length;

  /* to set the length makes V8 throw the store of the list away */
  const empty = (list: number[]): void => {
    while (list.length !== 0) list.pop();
  };
  const settle = (m: State, thread: number, place: number, offer: number): void => {
    if (calls.op[place] < 0) {
      m[placeAt[thread]] = 0;
      if (domain.finish !== undefined) prepared.returned(m, thread, place, offer);
      return;
    }
    if (place > placeMax) throw prepared.placeOverflow(place);
    m[placeAt[thread]] = place;
  };
  const proceed = (m: State, thread: number): boolean => {
    empty(events);
    const place = m[placeAt[thread]];
    if (place === 0) return false;
    const answer = domain.apply(m, thread, calls.op[place]);
    if (answer < 0) return false;
    settle(m, thread, calls.next(place, answer), -1);
    return true;
  };
  const start = (m: State, thread: number, offer: number): boolean => {
    empty(events);
    const used = m[counterAt[thread]];
    if (
      m[placeAt[thread]] !== 0 ||
      used >= callsMax[thread] ||
      (inOrder && used !== offer) ||
      offer >= roots[thread].length
    )
      return false;
    const then =
      selection === null ? used + 1 : selection.next[used * selection.width + selection.at[thread] + offer];
    if (then < 0) return false;
    const root = roots[thread][offer];
    const op = calls.op[root];
    /* A call that returns at once takes no step at all. */
    const answer = op < 0 ? 0 : domain.apply(m, thread, op);
    if (answer < 0) return false;
    m[counterAt[thread]] = then;
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
      empty(events);
      return domain.act(m, actor - threads);
    },
  };
}
