// What a search writes down on its way: which states lead to which, and where properties are hit. So that it
// can be asked afterwards which calls bring a hit about, see culprits.ts.

import type { State } from './layout.ts';
import type { Move, System } from './system.ts';

/** Where a property is hit: a state, and the move at which it is, or -1 where the state itself hits it. */
export interface KnownHits {
  /** Calls started: of all its hits only those with the fewest are kept. */
  readonly calls: number;
  readonly states: readonly number[];
  readonly moves: readonly Move[];
}

export interface Edges {
  /** The edges of the next state begin. They are those of the states in the order of their numbers. */
  readonly open: (m: State) => void;
  readonly put: (to: number, move: Move) => void;
  readonly hit: (property: number, state: number, move: Move) => void;
  /** States opened. */
  readonly states: () => number;
  /** Where the edges of each state begin in `edges`. */
  readonly from: () => Int32Array;
  /** Numbers of states; before that to which a move leads that starts a call stands -1 - move. */
  readonly edges: () => Int32Array;
  /** Calls started, by state. */
  readonly started: () => Uint8Array;
  /** Null where there are none, or nothing is known of them. */
  readonly hits: (property: number) => KnownHits | null;
  /** Too much to write down: nothing is known. */
  readonly full: () => boolean;
}

/* 128 MB. */
const EDGES_MAX = 2 ** 25;
/* Of one property. */
const HITS_MAX = 2 ** 20;

interface Hits {
  calls: number;
  readonly states: number[];
  readonly moves: number[];
  full: boolean;
}

const longer = (list: Int32Array): Int32Array<ArrayBuffer> => {
  const copy = new Int32Array(list.length * 2);
  copy.set(list);
  return copy;
};

/**
 * Of a free environment. Hits of these properties, where they take no fewer calls than `callsMin`; `startedOf` says how
 * many calls were started in a state that the search knows by its number.
 */
export function makeEdges(
  system: System,
  properties: readonly number[],
  callsMin: number,
  startedOf: (state: number) => number,
): Edges {
  let edges = new Int32Array(1 << 12);
  let from = new Int32Array(1 << 10);
  let started = new Uint8Array(1 << 10);
  let count = 0;
  let states = 0;
  let full = false;
  const hits = new Map<number, Hits>(
    properties.map((property) => [property, { calls: Infinity, states: [], moves: [], full: false }]),
  );
  const push = (value: number): void => {
    if (count === edges.length) {
      full = count >= EDGES_MAX;
      /* nothing is kept of what is not wanted any more */
      edges = full ? new Int32Array(1) : longer(edges);
      if (full) return;
    }
    edges[count++] = value;
  };
  return {
    open: (m) => {
      if (full) return;
      if (states + 1 >= from.length) {
        from = longer(from);
        const more = new Uint8Array(from.length);
        more.set(started);
        started = more;
      }
      started[states] = system.started(m);
      from[states++] = count;
      from[states] = count;
    },
    put: (to, move) => {
      if (full) return;
      if (system.offerOf(move) >= 0) push(-1 - move);
      if (full) return;
      push(to);
      from[states] = count;
    },
    hit: (property, state, move) => {
      const known = hits.get(property);
      if (known === undefined || known.calls < callsMin) return;
      const calls = startedOf(state) + (move >= 0 && system.offerOf(move) >= 0 ? 1 : 0);
      if (calls > known.calls || (calls === known.calls && known.full)) return;
      if (calls < known.calls) {
        known.calls = calls;
        known.full = false;
        known.states.length = 0;
        known.moves.length = 0;
      }
      known.states.push(state);
      known.moves.push(move);
      known.full = known.states.length >= HITS_MAX;
    },
    states: () => states,
    from: () => from,
    edges: () => edges,
    started: () => started,
    hits: (property) => {
      const known = hits.get(property);
      return known === undefined || known.full || known.calls < callsMin || known.calls === Infinity
        ? null
        : known;
    },
    full: () => full,
  };
}
