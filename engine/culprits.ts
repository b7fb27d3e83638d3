// Which calls bring a hit about, from which initial states, whatever their order.

import type { System } from './system.ts';
import type { Edges, KnownHits } from './edges.ts';

/**
 * All ways in which a property is hit with the fewest calls. Each is an initial state and the calls that are started,
 * as moves in ascending order, where those of twins are written as those of the first of them.
 */
export interface Culprits {
  readonly calls: number;
  /** States of the search that has found it out. */
  readonly states: number;
  /** One after the other: the number of an initial state, then as many moves as there are calls. */
  readonly rows: Int32Array;
}

/* Beyond it nothing is known. */
const ELEMENTS_MAX = 2 ** 22;
const PAIR = 2 ** 26;

/** Sets of collections of calls, each written down once and known by its number. */
function makeSets() {
  const collections: (readonly number[])[] = [[]];
  const collectionNumbers = new Map<string, number>([['', 0]]);
  /* no collection; the empty one */
  const sets: (readonly number[])[] = [[], [0]];
  const setNumbers = new Map<string, number>([
    ['', 0],
    ['0', 1],
  ]);
  const unions = new Map<number, number>();
  const sums = new Map<number, number>();
  let elements = 0;
  const numberOfSet = (members: readonly number[]): number => {
    const key = members.join();
    const known = setNumbers.get(key);
    if (known !== undefined) return known;
    elements += members.length;
    setNumbers.set(key, sets.length);
    return sets.push(members) - 1;
  };
  const numberOf = (collection: readonly number[]): number => {
    const key = collection.join();
    const known = collectionNumbers.get(key);
    if (known !== undefined) return known;
    collectionNumbers.set(key, collections.length);
    return collections.push(collection) - 1;
  };
  const ascending = (a: number, b: number): number => a - b;
  return {
    none: 0,
    /** Nothing more is started. */
    empty: 1,
    tooMany: (): boolean => elements > ELEMENTS_MAX,
    union: (a: number, b: number): number => {
      if (a === b || b === 0) return a;
      if (a === 0) return b;
      const pair = a * PAIR + b;
      const known = unions.get(pair);
      if (known !== undefined) return known;
      const set = numberOfSet([...new Set([...sets[a], ...sets[b]])].sort(ascending));
      unions.set(pair, set);
      return set;
    },
    /** The call besides, in each of them. */
    plus: (set: number, call: number): number => {
      if (set === 0) return 0;
      const pair = set * PAIR + call;
      const known = sums.get(pair);
      if (known !== undefined) return known;
      const members = sets[set].map((each) => numberOf([...collections[each], call].sort(ascending)));
      const sum = numberOfSet(members.sort(ascending));
      sums.set(pair, sum);
      return sum;
    },
    members: (set: number): (readonly number[])[] => sets[set].map((each) => collections[each]),
  };
}

/** By state: bits of the goals that can be reached from there. */
function reachOf(graph: Edges, goals: readonly KnownHits[]): Int32Array {
  const edges = graph.edges();
  const from = graph.from();
  const reach = new Int32Array(graph.states());
  goals.forEach(({ states }, bit) => {
    for (const state of states) reach[state] |= 1 << bit;
  });
  /* most edges lead to a later state: backwards there is little to do again */
  for (let changed = true; changed;) {
    changed = false;
    for (let state = reach.length - 1; state >= 0; state--) {
      let bits = reach[state];
      for (let edge = from[state]; edge < from[state + 1]; edge++)
        if (edges[edge] >= 0) bits |= reach[edges[edge]];
      if (bits === reach[state]) continue;
      reach[state] = bits;
      changed = true;
    }
  }
  return reach;
}

/** The ways of one goal. */
function culpritsOf(
  system: System,
  graph: Edges,
  initials: readonly number[],
  goal: KnownHits,
  reaches: (state: number) => boolean,
): Culprits | null {
  const edges = graph.edges();
  const from = graph.from();
  const started = graph.started();
  const sets = makeSets();
  const callOf = (move: number): number => {
    const thread = system.actorOf(move);
    return system.startMove(system.twins[thread][0] ?? thread, system.offerOf(move));
  };
  /* by state: what is still to be started from there; those that have started all of them are not in it */
  const open = new Int32Array(graph.states());
  const openIn = (state: number): number =>
    started[state] < goal.calls ? open[state] : reaches(state) ? sets.empty : sets.none;
  goal.states.forEach((state, k) => {
    if (started[state] < goal.calls)
      open[state] = sets.union(open[state], sets.plus(sets.empty, callOf(goal.moves[k])));
  });
  const relevant: number[] = [];
  for (let state = open.length - 1; state >= 0; state--)
    if (started[state] < goal.calls && reaches(state)) relevant.push(state);
  for (let changed = true; changed && !sets.tooMany();) {
    changed = false;
    for (const state of relevant) {
      let set = open[state];
      for (let edge = from[state]; edge < from[state + 1]; edge++) {
        const starts = edges[edge] < 0 ? -1 - edges[edge++] : -1;
        const then = openIn(edges[edge]);
        if (then !== 0) set = sets.union(set, starts < 0 ? then : sets.plus(then, callOf(starts)));
      }
      if (set === open[state]) continue;
      open[state] = set;
      changed = true;
    }
  }
  if (sets.tooMany()) return null;
  const rows = initials.flatMap((state, initial) =>
    sets.members(openIn(state)).flatMap((calls) => [initial, ...calls]),
  );
  return { calls: goal.calls, states: graph.states(), rows: Int32Array.from(rows) };
}

const BITS = 30;

/**
 * By property: with what its hits with the fewest calls begin. Of a search that is complete and has written down its
 * edges. A property is not there where nothing is known of it.
 */
export function allCulprits(
  system: System,
  graph: Edges,
  initials: readonly number[],
  properties: readonly number[],
): Map<number, Culprits> {
  const out = new Map<number, Culprits>();
  if (graph.full()) return out;
  const goals = properties.flatMap((property) => {
    const hits = graph.hits(property);
    return hits === null ? [] : [{ property, hits }];
  });
  for (let first = 0; first < goals.length; first += BITS) {
    const some = goals.slice(first, first + BITS);
    const reach = reachOf(
      graph,
      some.map(({ hits }) => hits),
    );
    some.forEach(({ property, hits }, bit) => {
      const culprits = culpritsOf(
        system,
        graph,
        initials,
        hits,
        (state) => (reach[state] & (1 << bit)) !== 0,
      );
      if (culprits !== null) out.set(property, culprits);
    });
  }
  return out;
}
