// States in line for the search by switches, cheapest first. A cost is a rank and a number of steps.

import type { Move } from './system.ts';

/* rank * STEPS + steps, so that costs compare like (rank, steps). */
export const STEPS = 2 ** 16;
export const RANK_MAX = 2 ** 15 - 2;

/** Pairs of a state and a cost, in the order of their arrival. */
interface Line {
  readonly push: (state: number, cost: number) => void;
  /** Cost of the first pair; Infinity when there is none. */
  readonly cost: () => number;
  /** Remove the first pair and return its state. */
  readonly shift: () => number;
}

function makeLine(): Line {
  let pairs = new Int32Array(1 << 10);
  let from = 0;
  let to = 0;
  return {
    push: (state, cost) => {
      if (to === pairs.length) {
        /* Half used up: move the rest to the front; else double. */
        const next = from * 2 >= pairs.length ? pairs : new Int32Array(pairs.length * 2);
        next.set(pairs.subarray(from, to));
        pairs = next;
        to -= from;
        from = 0;
      }
      pairs[to++] = state;
      pairs[to++] = cost;
    },
    cost: () => (from === to ? Infinity : pairs[from + 1]),
    shift: () => {
      from += 2;
      return pairs[from - 2];
    },
  };
}

export interface Frontier {
  /** Cost and last move of each state that was put in line: the cheapest so far. */
  readonly cost: (state: number) => number;
  readonly move: (state: number) => Move;
  /** Costs must not fall below that of the state taken last. */
  readonly put: (state: number, cost: number, move: Move) => void;
  /** The cheapest state not taken yet, or -1. */
  readonly take: () => number;
  /** Of the state taken last; one more than any when all were taken. */
  readonly rank: () => number;
}

/**
 * Costs are put in ascending order within each of two lines: states of this rank, and those that wait for the next
 * one. So the cheapest is at the head of a line, and no heap is needed.
 */
export function makeFrontier(): Frontier {
  let costs = new Int32Array(1 << 10);
  let moves = new Int32Array(1 << 10);
  let rank = 0;
  const here = makeLine(); /* reached inside this rank */
  let arrived = makeLine(); /* reached from the rank below */
  let next = makeLine();

  const widen = (values: Int32Array): Int32Array<ArrayBuffer> => {
    const wider = new Int32Array(values.length * 2);
    wider.set(values);
    return wider;
  };
  return {
    cost: (state) => costs[state],
    move: (state) => moves[state],
    put: (state, cost, move) => {
      if (state >= costs.length) {
        costs = widen(costs);
        moves = widen(moves);
      }
      costs[state] = cost;
      moves[state] = move;
      (cost >= (rank + 1) * STEPS ? next : here).push(state, cost);
    },
    take: () => {
      for (;;) {
        const line = arrived.cost() <= here.cost() ? arrived : here;
        const cost = line.cost();
        if (cost === Infinity) {
          rank++;
          if (next.cost() === Infinity) return -1;
          [arrived, next] = [next, arrived];
          continue;
        }
        const state = line.shift();
        /* A pair is out of date when the cost of its state has fallen since. */
        if (costs[state] === cost) return state;
      }
    },
    rank: () => rank,
  };
}
