// A growing table of packed states, each with the number of the state it was first reached from.

import { SuiteError } from './errors.ts';
import type { Layout, State } from './layout.ts';
import { slotName } from './layout.ts';

export interface Store {
  /** Packed states, row by row. Grows: read it again after `add`. */
  rows: Int32Array;
  /** The state it was first reached from; -1 for initial ones. */
  parents: Int32Array;
  readonly count: () => number;
  /** Number of the state when it is new, else -1 - number. */
  readonly add: (m: State, parent: number) => number;
  readonly load: (state: number, m: State) => void;
}

const FIRST_CAPACITY = 1 << 12;
const FILL_MAX = 0.6;

export function makeStore(layout: Layout): Store {
  const { words, pack, unpack, hash, same, overflow } = layout;
  let capacity = FIRST_CAPACITY;
  let count = 0;
  let table = new Int32Array(capacity * 2);
  let mask = table.length - 1;

  const grow = (): void => {
    capacity *= 2;
    const rows = new Int32Array(capacity * words);
    rows.set(store.rows);
    store.rows = rows;
    const parents = new Int32Array(capacity);
    parents.set(store.parents);
    store.parents = parents;
  };
  const rehash = (): void => {
    table = new Int32Array(table.length * 2);
    mask = table.length - 1;
    for (let state = 0; state < count; state++) {
      let slot = hash(store.rows, state * words) & mask;
      while (table[slot] !== 0) slot = (slot + 1) & mask;
      table[slot] = state + 1;
    }
  };

  const store: Store = {
    rows: new Int32Array(capacity * words),
    parents: new Int32Array(capacity),
    count: () => count,
    add: (m, parent) => {
      if (count === capacity) grow();
      const row = count * words;
      const { rows } = store;
      pack(m, rows, row);
      let slot = hash(rows, row) & mask;
      for (;;) {
        const entry = table[slot];
        if (entry === 0) break;
        if (same(rows, row, (entry - 1) * words)) return -entry;
        slot = (slot + 1) & mask;
      }
      const wide = overflow(m);
      if (wide >= 0) throw new SuiteError(`field ${slotName(layout, wide)} overflows with ${m[wide]}`);
      table[slot] = count + 1;
      store.parents[count] = parent;
      count++;
      if (count > table.length * FILL_MAX) rehash();
      return count - 1;
    },
    load: (state, m) => unpack(store.rows, state * words, m),
  };
  return store;
}
