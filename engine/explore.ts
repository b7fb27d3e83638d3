// Exhaustive search: every state within the environment, breadth first, equal states merged.

import { SuiteError } from './errors.ts';
import { recompiled } from './recompiled.ts';
import type { State } from './layout.ts';
import { type Culprits, allCulprits } from './culprits.ts';
import { type Path, type Standing, chainTo, pathThrough, withFollowers } from './paths.ts';
import type { Successors } from './successors.ts';
import { type Store, makeStore, storeAlone } from './store.ts';
import type { Move, System } from './system.ts';
import { type Edges, makeEdges } from './edges.ts';

export type { Path } from './paths.ts';

export interface ExploreOptions {
  /** Stop with `complete: false` beyond this many states. */
  readonly statesMax?: number;
  /**
   * Run steps on that commute with what others do (reduction.ts), so that fewer states are told apart. Shortest
   * lengths are then not exact.
   */
  readonly eager?: boolean;
  /** Asked every few thousand states; true stops the search. */
  readonly stop?: (progress: {
    readonly states: number;
    readonly transitions: number;
    readonly depth: number;
  }) => boolean;
  /** Stop when all of these properties were hit. */
  readonly until?: readonly number[];
  /** Each state in which no move is enabled, or that is terminal. */
  readonly onFinal?: (m: State, state: number) => void;
  /** Find out with what the hits of these properties begin, where they take so many calls or more. */
  readonly culprits?: { readonly properties: readonly number[]; readonly callsMin: number };
}

export interface Exploration {
  readonly states: number;
  readonly transitions: number;
  /** Longest shortest path, in steps. */
  readonly depth: number;
  /** All states within the environment were visited. */
  readonly complete: boolean;
  /** States and moves at which each property was hit. */
  readonly hits: Float64Array;
  /** Steps of a shortest path to a hit of the property, or -1. */
  readonly shortest: Int32Array;
  /** A shortest path to the first hit: the initial state, then moves. Null where never hit. */
  readonly pathTo: (property: number) => Path | null;
  /** A shortest path to a state that `onFinal` was told of. */
  readonly pathToState: (state: number) => Path;
  /** As asked for, where the search is complete; a property is not there where nothing is known of it. */
  readonly culprits: () => Map<number, Culprits>;
}

/** From this state on the search runs code of its own. */
export const ALONE_FROM = 65_536;
const CHECK_EVERY = 4096;

/**
 * A call is in flight and none of the moves enabled is a thread's or helps one. Uses nothing from outside,
 * see recompiled.ts.
 */
export function isStuck(system: System, m: State, moves: Int32Array, enabled: number): boolean {
  const { domain, threads, placeAt, calls } = system;
  if (domain.stuck === undefined) return false;
  for (let k = 0; k < enabled; k++) {
    const actor = moves[k] >> 10;
    if (actor < threads || domain.stuck.helps(actor - threads)) return false;
  }
  for (let thread = 0; thread < threads; thread++) {
    const place = m[placeAt[thread]];
    if (place !== 0 && !domain.stuck.unless(calls.op[place])) return true;
  }
  return false;
}

type Note = (property: number, state: number, move: Move, steps: number) => void;

/**
 * Visits one state: adds its successors to the store and judges the new ones. Returns how many moves were
 * enabled.
 */
type Visitor = (state: number, steps: number) => number;

type Stuck = (system: System, m: State, moves: Int32Array, enabled: number) => boolean;

/** Uses nothing from outside, see recompiled.ts. */
function visitorOf(
  system: System,
  successors: Successors,
  store: Store,
  note: Note,
  eager: boolean,
  stuck: Stuck,
  edges: Edges | null,
): Visitor {
  const { domain, layout, placeAt } = system;
  const { words, unpack } = layout;
  const { events, rows, hashes, moves } = successors;
  const base: State = new Int32Array(layout.length);
  const m: State = new Int32Array(layout.length);
  const found: number[] = [];
  return (state, steps) => {
    store.load(state, base);
    if (edges !== null) edges.open(base);
    if (domain.isTerminal?.(base) === true) return 0;
    const enabled = successors.from(base, -1, eager);
    for (let k = 0; k < events.length; k += 2) note(events[k + 1], state, moves[events[k]], steps + 1);
    for (let k = 0; k < enabled; k++) {
      const added = store.addRow(rows, k * words, hashes[k], state);
      if (edges !== null) edges.put(added < 0 ? -1 - added : added, moves[k]);
      if (added < 0) continue;
      unpack(rows, k * words, m);
      domain.judge(m, found, placeAt);
      if (found.length === 0) continue;
      for (const property of found) note(property, added, -1, steps + 1);
      found.length = 0;
    }
    if (stuck(system, base, moves, enabled)) note(domain.stuck?.property ?? -1, state, -1, steps);
    return enabled;
  };
}

/** First hits, in the order of the search. */
function makeNotes(properties: number, until: readonly number[] | undefined) {
  const missing = new Set(until);
  const notes = {
    hits: new Float64Array(properties),
    shortest: new Int32Array(properties).fill(-1),
    state: new Int32Array(properties).fill(-1),
    /** The move at which it was hit, or -1 where the state itself hits it. */
    move: new Int32Array(properties).fill(-1),
    enough: (): boolean => until !== undefined && missing.size === 0,
    note: (property: number, state: number, move: Move, steps: number): void => {
      notes.hits[property]++;
      if (notes.shortest[property] >= 0) return;
      notes.shortest[property] = steps;
      notes.state[property] = state;
      notes.move[property] = move;
      missing.delete(property);
    },
  };
  return notes;
}

/* From so many calls on it is worth to find out first what they touch. */
const LEARN_CALLS = 3;
/* A search with fewer calls, made to that end, ends here. */
const LEARN_STATES = 100_000;

/**
 * What the calls touch is known as far as they have unfolded: a look at each function and searches with fewer calls
 * come first, and where the whole one finds that a call touches more than was relied on, it is made again.
 */
export function explore(system: System, options: ExploreOptions = {}): Exploration {
  const { eager = false, stop, until } = options;
  const { domain, environment, calls } = system;
  if (!eager || domain.reduction?.meets === undefined) return exploreOnce(system, options);
  const learns = environment.kind === 'free' && environment.calls >= LEARN_CALLS;
  calls.mayTouch.trusted = learns;
  if (learns) calls.scout();
  for (let less = learns ? environment.calls - 1 : 0; less > 0; less--) {
    const initial = system.initial.map((state) => {
      const later = state.slice();
      later[system.counterAt[0]] = less;
      return later;
    });
    exploreOnce(system, { eager, statesMax: LEARN_STATES, ...(stop === undefined ? {} : { stop }) }, initial);
  }
  for (;;) {
    const known = calls.mayTouch.surprises();
    calls.mayTouch.asked.fill(0);
    const found = exploreOnce(system, options);
    /* also where it ended at what it was to find: the path to it is made from what is known now */
    const ended = found.complete || until?.every((property) => found.hits[property] > 0) === true;
    if (calls.mayTouch.surprises() === known || !ended) return found;
  }
}

function exploreOnce(
  system: System,
  options: ExploreOptions,
  initial: readonly State[] = system.initial,
): Exploration {
  const { statesMax = Infinity, eager = false, stop, until, onFinal, culprits } = options;
  const { domain, layout } = system;
  const notes = makeNotes(domain.properties.length, until);
  let store = makeStore(layout);
  const startedIn = (state: number): number => {
    const m: State = new Int32Array(layout.length);
    store.load(state, m);
    return system.started(m);
  };
  const edges =
    culprits === undefined ? null : makeEdges(system, culprits.properties, culprits.callsMin, startedIn);
  const note: Note = (property, state, move, steps) => {
    notes.note(property, state, move, steps);
    edges?.hit(property, state, move);
  };
  const initials = initial.map((state) => {
    const added = store.add(state, -1);
    const found: number[] = [];
    if (added >= 0) domain.judge(state.slice(), found, system.placeAt);
    for (const property of found) note(property, added, -1, 0);
    return added >= 0 ? added : -1 - added;
  });
  const visitor = (make: typeof visitorOf, alone: boolean): Visitor =>
    make(system, system.successors(layout, 'never', alone), store, note, eager, isStuck, edges);
  let visit = visitor(visitorOf, false);
  let levelEnd = store.count();
  let transitions = 0;
  let depth = 0;
  let head = 0;
  while (head < store.count() && !notes.enough()) {
    if (head === levelEnd) {
      depth++;
      levelEnd = store.count();
    }
    if (
      store.count() > statesMax ||
      (head % CHECK_EVERY === 0 && stop?.({ states: store.count(), transitions, depth }) === true)
    )
      break;
    if (head === ALONE_FROM) {
      store = storeAlone(layout, store);
      visit = visitor(recompiled(visitorOf), true);
    }
    const enabled = visit(head, depth);
    transitions += enabled;
    if (enabled === 0 && onFinal !== undefined) {
      const m: State = new Int32Array(layout.length);
      store.load(head, m);
      onFinal(m, head);
    }
    head++;
  }

  /**
   * The move at which the property was hit, with what was run on with it: the hit may be in any of these
   * steps.
   */
  const lastMoves = (state: number, move: Move, standing: Standing): Move[] => {
    const base: State = new Int32Array(layout.length);
    store.load(state, base);
    const successors = system.successors(layout, 'never');
    const count = successors.from(base, -1, eager);
    const index = successors.moves.subarray(0, count).indexOf(move);
    if (index < 0) throw new SuiteError('a move is not among those of its state');
    return withFollowers(system, successors, index, standing);
  };
  const inOrder = (): Standing => Array.from({ length: system.threads }, (_, thread) => thread);
  const pathFrom = (state: number, standing: Standing): Path => {
    const chain = chainTo(store, state);
    return {
      initial: Math.max(0, initials.indexOf(chain[0])),
      moves: pathThrough(system, store, chain, eager, standing),
    };
  };
  return {
    states: store.count(),
    transitions,
    depth,
    complete: head === store.count(),
    hits: notes.hits,
    shortest: notes.shortest,
    pathToState: (state) => pathFrom(state, inOrder()),
    culprits: () =>
      edges === null || culprits === undefined || head < store.count()
        ? new Map()
        : allCulprits(system, edges, initials, culprits.properties),
    pathTo: (property) => {
      if (notes.state[property] < 0) return null;
      const standing = inOrder();
      const path = pathFrom(notes.state[property], standing);
      const { moves } = path;
      const move = notes.move[property];
      return move < 0
        ? path
        : { ...path, moves: [...moves, ...lastMoves(notes.state[property], move, standing)] };
    },
  };
}
