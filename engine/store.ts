// A growing table of packed states, each with the number of the state it was first reached from.

import { recompiled } from './recompiled.ts';
import { SuiteError } from './errors.ts';
import { type Layout, type State, slotName } from './layout.ts';

export interface Store {
  /** Packed states, row by row. Grows: read it again after `add`. */
  rows: Int32Array;
  /** The state it was first reached from; -1 for initial ones. */
  parents: Int32Array;
  readonly count: () => number;
  /** Number of the state when it is new, else -1 - number. */
  readonly add: (m: State, parent: number) => number;
  /** The same for a state packed at `from[i ..]`, whose hash is known. */
  readonly addRow: (from: Int32Array, i: number, hash: number, parent: number) => number;
  readonly load: (state: number, m: State) => void;
}

const FILL_MAX = 0.6;

/** Thrown when a value does not fit its field. */
export function overflowError(layout: Layout, m: State): SuiteError {
  const slot = layout.overflow(m);
  return new SuiteError(`field ${slotName(layout, slot)} overflows with ${m[slot]}`);
}

/** Uses nothing from outside, see recompiled.ts. */
function storeOf(layout: Layout, tooWide: (m: State) => Error, fillMax: number): Store {
  const { words, pack, unpack, hash, same } = layout;
  const packed = new Int32Array(words);
  let capacity = 1 << 10;
  let count = 0;
  /*
   * Open addressing. An entry is a state's number plus one in the bits under `mask`, its hash in those above.
   */
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
      const h = hash(store.rows, state * words);
      let slot = h & mask;
      while (table[slot] !== 0) slot = (slot + 1) & mask;
      table[slot] = (h & ~mask) | (state + 1);
    }
  };

  const store: Store = {
    rows: new Int32Array(capacity * words),
    parents: new Int32Array(capacity),
    count: () => count,
    add: (m, parent) => {
      if (!pack(m, packed, 0)) throw tooWide(m);
      return store.addRow(packed, 0, hash(packed, 0), parent);
    },
    addRow: (from, i, h, parent) => {
      const { rows } = store;
      let slot = h & mask;
      for (;;) {
        const entry = table[slot];
        if (entry === 0) break;
        if (((entry ^ h) & ~mask) === 0) {
          const state = (entry & mask) - 1;
          if (same(from, i, rows, state * words)) return -1 - state;
        }
        slot = (slot + 1) & mask;
      }
      if (count === capacity) grow();
      const row = count * words;
      for (let word = 0; word < words; word++) store.rows[row + word] = from[i + word];
      store.parents[count] = parent;
      table[slot] = (h & ~mask) | (count + 1);
      count++;
      if (count > table.length * fillMax) rehash();
      return count - 1;
    },
    load: (state, m) => unpack(store.rows, state * words, m),
  };
  return store;
}

export function makeStore(layout: Layout): Store {
  return storeOf(layout, (m) => overflowError(layout, m), FILL_MAX);
}

/** The same states under the same numbers, with code compiled for this table alone. */
export function storeAlone(layout: Layout, store: Store): Store {
  const alone = recompiled(storeOf)(layout, (m) => overflowError(layout, m), FILL_MAX);
  for (let state = 0; state < store.count(); state++) {
    const row = state * layout.words;
    alone.addRow(store.rows, row, layout.hash(store.rows, row), store.parents[state]);
  }
  return alone;
}
