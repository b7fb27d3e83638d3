// Threads of one kind are interchangeable: the same state with two of them the other way round.

import type { Machine } from '../machine.ts';
import type { State } from '../steps/context.ts';

/** Exchanges what is written down under the one thread with what is written down under the other. */
export function makeSwap({ fields, at, lockAt }: Machine): (m: State, a: number, b: number) => void {
  /* slots that hold a thread's number + 1 */
  const named = fields.flatMap(({ name, kind, count }) =>
    kind === 'thread' ? Array.from({ length: count }, (_, k) => at[name] + k) : [],
  );
  /* first slots of what there is one of for each thread */
  const each = fields.flatMap(({ name, per }) => (per === 'thread' ? [at[name]] : []));
  const readers = Object.values(lockAt).map((lock) => lock.readers);
  return (m, a, b) => {
    for (const slot of named) {
      if (m[slot] === a + 1) m[slot] = b + 1;
      else if (m[slot] === b + 1) m[slot] = a + 1;
    }
    for (const first of each) {
      const kept = m[first + a];
      m[first + a] = m[first + b];
      m[first + b] = kept;
    }
    for (const slot of readers) {
      const differ = ((m[slot] >> a) ^ (m[slot] >> b)) & 1;
      if (differ === 1) m[slot] ^= (1 << a) | (1 << b);
    }
  };
}
