// Probabilistic concurrency testing (Burckhardt and others, 2010): the actor of the highest priority runs, and a few
// times it drops to the lowest. Finds a bug of depth d among n actors and k steps with probability at least
// 1 / (n * k^(d-1)).

import { actorOf } from '../system.ts';
import type { Scheduler } from '../walk.ts';

/**
 * `random` gives numbers in [0, 1). Depth: how many orderings must hold for the bug to show; there are depth
 * - 1 drops.
 */
export function pct(random: () => number, depth: number, stepsMax: number): Scheduler {
  const drops = Array.from({ length: depth - 1 }, () => Math.floor(random() * stepsMax));
  const priorities = new Map<number, number>();
  let step = 0;

  const priority = (actor: number): number => {
    const known = priorities.get(actor);
    if (known !== undefined) return known;
    const drawn = depth + random();
    priorities.set(actor, drawn);
    return drawn;
  };
  const highest = (count: number, moves: Int32Array): number => {
    let best = actorOf(moves[0]);
    for (let k = 1; k < count; k++)
      if (priority(actorOf(moves[k])) > priority(best)) best = actorOf(moves[k]);
    return best;
  };
  /** Any of the moves of that actor: an idle thread may have many calls to start. */
  const moveOf = (actor: number, count: number, moves: Int32Array): number => {
    const own: number[] = [];
    for (let k = 0; k < count; k++) if (actorOf(moves[k]) === actor) own.push(k);
    return own[Math.floor(random() * own.length)];
  };
  return {
    choose: (count, moves) => {
      /* The i-th drop goes to priority i, below all that were drawn. */
      drops.forEach((at, i) => {
        if (at === step) priorities.set(highest(count, moves), i);
      });
      step++;
      return moveOf(highest(count, moves), count, moves);
    },
    instead: (count, moves) => moveOf(highest(count, moves), count, moves),
  };
}
