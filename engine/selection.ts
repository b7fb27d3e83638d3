// An environment in which only certain calls are started, from certain initial states: those of which it is known that
// they can lead to a hit, see culprits.ts. In any order, and by any of the threads that stand for one another.

import type { Culprits } from './culprits.ts';
import type { System } from './system.ts';

/**
 * What may still be started is a number, which a state has in place of the number of calls started. Where the same may
 * still be started the number is the same.
 */
export interface Selection {
  /** By initial state: what may be started from there; -1 where nothing may. */
  readonly roots: readonly number[];
  /** The initial states from which something may be started. */
  readonly initials: readonly number[];
  /** Nothing more may be started. The highest of the numbers. */
  readonly end: number;
  /** By number: how many calls are started already. */
  readonly started: readonly number[];
  /** Of thread t and offer k at number n: next[n * width + at[t] + k] is what may be started then, or -1. */
  readonly next: Int32Array;
  readonly width: number;
  readonly at: readonly number[];
}

interface Node {
  readonly started: number;
  /** By column: the node after it. */
  readonly next: Map<number, number>;
}

/** Collections of columns in ascending order, none of them twice. */
type Collections = readonly (readonly number[])[];

function without(collections: Collections, column: number): Collections {
  const rest = new Map<string, readonly number[]>();
  for (const collection of collections) {
    const at = collection.indexOf(column);
    if (at < 0) continue;
    const others = collection.filter((_, k) => k !== at);
    rest.set(others.join(), others);
  }
  return [...rest.values()];
}

/** The calls of `culprits`, out of all those of a system. */
export function makeSelection(
  { calls, rows }: Culprits,
  { environment, twins, actorOf, offerOf }: System,
): Selection {
  const { offers } = environment;
  const at: number[] = [];
  let width = 0;
  offers.forEach((list, thread) => {
    const [first] = twins[thread];
    at.push(first === undefined ? width : at[first]);
    if (first === undefined) width += list.length;
  });
  const nodes: Node[] = [];
  const numbers = new Map<string, number>();
  const END = -2;
  const numberOf = (collections: Collections, started: number): number => {
    if (started === calls) return END;
    const key = collections
      .map((each) => each.join())
      .sort()
      .join(' ');
    const known = numbers.get(key);
    if (known !== undefined) return known;
    const next = new Map<number, number>();
    const number = nodes.push({ started, next }) - 1;
    numbers.set(key, number);
    for (const column of new Set(collections.flat()))
      next.set(column, numberOf(without(collections, column), started + 1));
    return number;
  };
  const byInitial = new Map<number, number[][]>();
  for (let row = 0; row < rows.length; row += 1 + calls) {
    const columns = Array.from(rows.subarray(row + 1, row + 1 + calls), (move) => {
      return at[actorOf(move)] + offerOf(move);
    });
    const list = byInitial.get(rows[row]) ?? [];
    byInitial.set(rows[row], list);
    list.push(columns.sort((a, b) => a - b));
  }
  const roots = Array.from({ length: Math.max(-1, ...byInitial.keys()) + 1 }, (_, initial) => {
    const collections = byInitial.get(initial);
    return collections === undefined ? -1 : numberOf(collections, 0);
  });
  const end = nodes.length;
  const next = new Int32Array((end + 1) * width).fill(-1);
  nodes.forEach((node, number) => {
    for (const [column, then] of node.next) next[number * width + column] = then === END ? end : then;
  });
  const initials = [...roots.keys()].filter((initial) => roots[initial] >= 0);
  return { roots, initials, end, started: [...nodes.map(({ started }) => started), calls], next, width, at };
}
