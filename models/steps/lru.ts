// The per-CPU lru_add batches of v8: a folio that has just entered the page cache sits in one, with a reference,
// until the batch is drained. Elsewhere the models leave this reference out.

import { type Exec, type State } from './context.ts';

export type Lru = ReturnType<typeof makeLru>;

export function makeLru({ machine, note }: Exec) {
  const first = machine.at.lru_add ?? -1;
  const holds = (m: State, pfn: number): boolean => first >= 0 && m[first + pfn] === 1;
  return {
    holds,
    /** folio_add_lru() */
    add: (m: State, pfn: number): void => {
      if (first >= 0) m[first + pfn] = 1;
    },
    /** The batch gives the reference back; false where there is none. */
    drain: (m: State, pfn: number): boolean => {
      if (!holds(m, pfn)) return false;
      m[first + pfn] = 0;
      note('lru-batch-drained');
      return true;
    },
  };
}
