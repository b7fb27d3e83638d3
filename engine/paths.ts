// Paths of a search, made again from its table: which moves lead from each state to the next, with what was run on.

import { SuiteError } from './errors.ts';
import type { State } from './layout.ts';
import type { Store } from './store.ts';
import type { Successors } from './successors.ts';
import type { Move, System } from './system.ts';

/** Replayable: the number of the initial state, then one move a step. */
export interface Path {
  readonly initial: number;
  readonly moves: readonly Move[];
}

/** Which thread stands where, after exchanges of interchangeable ones. */
export type Standing = number[];

/** A move of who stands there, and the steps that were run on with it. */
export function withFollowers(
  system: System,
  successors: Successors,
  index: number,
  standing: Standing,
): Move[] {
  const move = successors.moves[index];
  const actor = system.actorOf(move);
  const offer = system.offerOf(move);
  const thread = standing[actor] ?? actor;
  const { domain, threads } = system;
  const first =
    actor >= threads
      ? system.agentMove(domain.reduction?.agentFor?.(actor - threads, standing) ?? actor - threads)
      : offer < 0
        ? system.continueMove(thread)
        : system.startMove(thread, offer);
  const followers = successors.followers[index] ?? [];
  return [first, ...followers.map((each) => system.continueMove(standing[each] ?? each))];
}

/** Exchanges as the search has made them after the move. */
function exchange(standing: Standing, swaps: readonly number[]): void {
  for (let k = 0; k < swaps.length; k += 2) {
    const kept = standing[swaps[k]];
    standing[swaps[k]] = standing[swaps[k + 1]];
    standing[swaps[k + 1]] = kept;
  }
}

/** The moves that lead from each state of a chain of parents to the next one; leaves `standing` as it is at the end. */
export function pathThrough(
  system: System,
  store: Store,
  chain: readonly number[],
  eager: boolean,
  standing: Standing,
): Move[] {
  const { layout } = system;
  const successors = system.successors(layout, 'never');
  const base: State = new Int32Array(layout.length);
  return chain.slice(1).flatMap((state, k) => {
    store.load(chain[k], base);
    const count = successors.from(base, -1, eager);
    for (let s = 0; s < count; s++)
      if (layout.same(successors.rows, s * layout.words, store.rows, state * layout.words)) {
        const moves = withFollowers(system, successors, s, standing);
        exchange(standing, successors.swaps[s] ?? []);
        return moves;
      }
    throw new SuiteError('a state is not among the successors of its parent');
  });
}

export function chainTo(store: Store, state: number): number[] {
  const chain: number[] = [];
  for (let s = state; s >= 0; s = store.parents[s]) chain.push(s);
  return chain.reverse();
}
