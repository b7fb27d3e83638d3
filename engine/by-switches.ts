// Exhaustive search in the order of (rank, steps), where rank counts switches or preemptions: a first hit is a path of
// lowest rank, and of those a shortest one. Equal states merge when the same actor moved last, as far as that matters.

import { ALONE_FROM, type Path, isStuck } from './explore.ts';
import { RANK_MAX, STEPS, makeFrontier } from './frontier.ts';
import type { State } from './layout.ts';
import { makeStore, storeAlone } from './store.ts';
import type { Move, System } from './system.ts';

export interface BySwitchesOptions {
  /**
   * `switches`: a step of another actor than the one before; the first step of a path is none.
   * `preemptions`: a switch away from a thread that is inside a call and whose pending step is enabled at
   * that point.
   */
  readonly by: 'switches' | 'preemptions';
  /** Leave out everything of a higher rank. */
  readonly rankMax?: number;
  /** Stop with `complete: false` beyond this many states. */
  readonly statesMax?: number;
  /** Asked every few thousand states; true stops the search. */
  readonly stop?: (progress: {
    readonly states: number;
    readonly transitions: number;
    readonly rank: number;
  }) => boolean;
  /** Stop when all of these properties were hit. */
  readonly until?: readonly number[];
}

export interface BySwitchesHit {
  readonly path: Path;
  readonly rank: number;
  readonly steps: number;
  /** States visited up to the hit. The same whatever else the search looks for, and wherever it ends. */
  readonly statesAtHit: number;
}

export interface BySwitches {
  /** States visited, where one state counts once for each actor that may have moved last. */
  readonly states: number;
  readonly transitions: number;
  /** All states within the environment were visited, whatever their rank. */
  readonly complete: boolean;
  /** Largest rank of which, and below which, all states were visited; -1 if none. */
  readonly rankCompleted: number;
  /** First hit of each property: minimal in (rank, steps). */
  readonly found: ReadonlyMap<number, BySwitchesHit>;
  /** States and moves at which each property was hit. */
  readonly hits: Float64Array;
}

const CHECK_EVERY = 4096;
interface Candidate {
  readonly cost: number;
  readonly state: number;
  /** The move at which the property was hit, or -1 where the state itself hits it. */
  readonly move: Move;
}

/**
 * The first hits, held back until nothing cheaper can come: a move hits at the cost of the state that it
 * leads to.
 */
function makeHits(properties: number, until: readonly number[] | undefined) {
  const counts = new Float64Array(properties);
  const best = new Map<number, Candidate>();
  const final = new Map<number, Candidate & { readonly statesAtHit: number }>();
  let missing = new Set(until).size;
  return {
    counts,
    final,
    enough: (): boolean => until !== undefined && missing === 0,
    note: (property: number, cost: number, state: number, move: Move): void => {
      counts[property]++;
      if (final.has(property)) return;
      const known = best.get(property);
      if (known === undefined || cost < known.cost) best.set(property, { cost, state, move });
    },
    /** From now on all costs are at least `cost`. */
    settle: (cost: number, states: number): void => {
      if (best.size === 0) return;
      for (const [property, candidate] of best) {
        if (candidate.cost > cost) continue;
        best.delete(property);
        final.set(property, { ...candidate, statesAtHit: states });
        if (until?.includes(property) === true) missing--;
      }
    },
  };
}

/** The search space: states told apart by who moved last, and the line of those to visit. */
function makeSpace(system: System, by: BySwitchesOptions['by']) {
  const kept = by === 'switches' ? 'always' : 'able';
  const layout = system.rowLayout(kept);
  const store = makeStore(layout);
  const frontier = makeFrontier();
  const initials: number[] = [];
  const m: State = new Int32Array(layout.length);
  for (const state of system.initial) {
    m.set(state);
    const added = store.add(m, -1);
    initials.push(added < 0 ? -1 - added : added);
    if (added >= 0) frontier.put(added, 0, -1);
  }
  const space = {
    store,
    frontier,
    layout,
    successors: system.successors(layout, kept),
    /** Run code of its own from now on. */
    alone: (): void => {
      space.successors = system.successors(layout, kept, true);
      space.store = storeAlone(layout, space.store);
    },
    /** Successor `k` of the state `from` costs `cost`. */
    arrive: (k: number, from: number, cost: number, move: Move): void => {
      const { rows, hashes } = space.successors;
      const added = space.store.addRow(rows, k * layout.words, hashes[k], from);
      if (added >= 0) {
        frontier.put(added, cost, move);
        return;
      }
      const known = -1 - added;
      if (cost >= frontier.cost(known)) return;
      space.store.parents[known] = from;
      frontier.put(known, cost, move);
    },
    pathTo: ({ state, move }: Candidate): Path => {
      const moves = move < 0 ? [] : [move];
      let at = state;
      for (; space.store.parents[at] >= 0; at = space.store.parents[at]) moves.push(frontier.move(at));
      return { initial: initials.indexOf(at), moves: moves.reverse() };
    },
  };
  return space;
}

export function searchBySwitches(system: System, options: BySwitchesOptions): BySwitches {
  const { by, rankMax = RANK_MAX, statesMax = Infinity, stop, until } = options;
  const { domain } = system;
  const space = makeSpace(system, by);
  const { frontier, layout } = space;
  const hits = makeHits(domain.properties.length, until);
  const base: State = new Int32Array(layout.length);
  const found: number[] = [];
  let states = 0;
  let transitions = 0;

  /* not made anew in each state */
  const costAfter = (cost: number, last: number, move: Move): number =>
    cost + 1 + (last < 0 || system.actorOf(move) === last ? 0 : STEPS);
  const expand = (state: number, cost: number): void => {
    const last = base[layout.length - 1] - 1;
    const count = space.successors.from(base, last, false);
    const { moves, events } = space.successors;
    transitions += count;
    for (let k = 0; k < events.length; k += 2) {
      const move = moves[events[k]];
      hits.note(events[k + 1], costAfter(cost, last, move), state, move);
    }
    for (let k = 0; k < count; k++) space.arrive(k, state, costAfter(cost, last, moves[k]), moves[k]);
    if (isStuck(system, base, moves, count)) hits.note(domain.stuck?.property ?? -1, cost, state, -1);
  };
  let exhausted = false;
  while (!hits.enough()) {
    const stopped =
      states % CHECK_EVERY === 0 && stop?.({ states, transitions, rank: frontier.rank() }) === true;
    if (stopped || space.store.count() > statesMax) break;
    const state = frontier.take();
    exhausted = state < 0;
    if (exhausted || frontier.rank() > rankMax) {
      hits.settle((rankMax + 1) * STEPS - 1, states);
      break;
    }
    if (states === ALONE_FROM) space.alone();
    states++;
    const cost = frontier.cost(state);
    space.store.load(state, base);
    domain.judge(base, found, system.placeAt);
    for (const property of found) hits.note(property, cost, state, -1);
    found.length = 0;
    hits.settle(cost, states);
    if (!hits.enough() && domain.isTerminal?.(base) !== true) expand(state, cost);
  }
  return {
    states,
    transitions,
    complete: exhausted,
    rankCompleted: frontier.rank() - 1,
    found: new Map(
      [...hits.final].map(([property, hit]) => {
        const [rank, steps] = [Math.floor(hit.cost / STEPS), hit.cost % STEPS];
        return [property, { path: space.pathTo(hit), rank, steps, statesAtHit: hit.statesAtHit }];
      }),
    ),
    hits: hits.counts,
  };
}
