// Exhaustive search: every state within the environment, breadth first, equal states merged.

import { SuiteError } from './errors.ts';
import type { State } from './layout.ts';
import { type Store, makeStore } from './store.ts';
import type { Move, System } from './system.ts';

export interface ExploreOptions {
  /** Stop with `complete: false` beyond this many states. */
  readonly statesMax?: number;
  /** Take releasing steps at once: they only let others go on, so no state in between matters. Shortest lengths are then not exact. */
  readonly eager?: boolean;
  /** Asked every few thousand states; true stops the search. */
  readonly stop?: (progress: { readonly states: number; readonly transitions: number; readonly depth: number }) => boolean;
  /** Stop when all of these properties were hit. */
  readonly until?: readonly number[];
  /** Each state in which no move is enabled, or that is terminal. */
  readonly onFinal?: (m: State, state: number) => void;
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
}

/** Replayable: the number of the initial state, then one move a step. */
export interface Path {
  readonly initial: number;
  readonly moves: readonly Move[];
}

const CHECK_EVERY = 4096;

/** The moves that lead from each state of a chain of parents to the next one. */
function pathThrough(system: System, store: Store, chain: readonly number[], eager: boolean): Move[] {
  const { rows: layout, successors } = system.successors();
  const base: State = new Int32Array(layout.length);
  return chain.slice(1).map((state, k) => {
    store.load(chain[k], base);
    const count = successors.from(base, -1, eager);
    for (let s = 0; s < count; s++)
      if (layout.same(successors.rows, s * layout.words, store.rows, state * layout.words)) return successors.moves[s];
    throw new SuiteError('a state is not among the successors of its parent');
  });
}

function chainTo(store: Store, state: number): number[] {
  const chain: number[] = [];
  for (let s = state; s >= 0; s = store.parents[s]) chain.push(s);
  return chain.reverse();
}

export function explore(system: System, options: ExploreOptions = {}): Exploration {
  const { statesMax = Infinity, eager = false, stop, until, onFinal } = options;
  const { domain, layout } = system;
  const { judge, properties } = domain;
  const { words } = layout;
  const { successors } = system.successors();
  const store = makeStore(layout);
  const base: State = new Int32Array(layout.length);
  const m: State = new Int32Array(layout.length);
  const hits = new Float64Array(properties.length);
  const shortest = new Int32Array(properties.length).fill(-1);
  const firstState = new Int32Array(properties.length).fill(-1);
  const firstMove = new Int32Array(properties.length).fill(-1);
  const found: number[] = [];
  let missing = until?.length ?? -1;
  let transitions = 0;
  let depth = 0;
  let head = 0;

  const note = (property: number, state: number, move: Move, steps: number): void => {
    hits[property]++;
    if (shortest[property] >= 0) return;
    shortest[property] = steps;
    firstState[property] = state;
    firstMove[property] = move;
    if (until?.includes(property) === true) missing--;
  };
  const judgeNew = (state: number, steps: number): void => {
    judge(m, found);
    if (found.length === 0) return;
    for (let k = 0; k < found.length; k++) note(found[k], state, -1, steps);
    found.length = 0;
  };
  const initials = system.initial.map((state) => {
    m.set(state);
    const added = store.add(m, -1);
    if (added >= 0) judgeNew(added, 0);
    return added >= 0 ? added : -1 - added;
  });

  let levelEnd = store.count();
  let complete = true;
  while (head < store.count() && missing !== 0) {
    if (head === levelEnd) {
      depth++;
      levelEnd = store.count();
    }
    if (store.count() > statesMax || (head % CHECK_EVERY === 0 && stop?.({ states: store.count(), transitions, depth }) === true)) {
      complete = false;
      break;
    }
    store.load(head, base);
    const terminal = domain.isTerminal?.(base) === true;
    const enabled = terminal ? 0 : successors.from(base, -1, eager);
    const { events, rows, hashes, moves } = successors;
    for (let k = 0; k < events.length; k += 2) note(events[k + 1], head, moves[events[k]], depth + 1);
    for (let k = 0; k < enabled; k++) {
      const added = store.addRow(rows, k * words, hashes[k], head);
      if (added < 0) continue;
      layout.unpack(rows, k * words, m);
      judgeNew(added, depth + 1);
    }
    transitions += enabled;
    if (enabled === 0) onFinal?.(base, head);
    head++;
  }
  if (head < store.count()) complete = false;

  const pathToState = (state: number): Path => {
    const chain = chainTo(store, state);
    return { initial: Math.max(0, initials.indexOf(chain[0])), moves: pathThrough(system, store, chain, eager) };
  };
  return {
    states: store.count(),
    transitions,
    depth,
    complete,
    hits,
    shortest,
    pathToState,
    pathTo: (property) => {
      if (firstState[property] < 0) return null;
      const path = pathToState(firstState[property]);
      return firstMove[property] < 0 ? path : { ...path, moves: [...path.moves, firstMove[property]] };
    },
  };
}
