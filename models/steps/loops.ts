// Loops without an end, in code that the compiler takes.

import { BLOCKED, type Exec } from './context.ts';
import { PLAIN, type Rows } from './row.ts';

export const LOOP_STEPS = {
  index_wraps: {
    ...PLAIN,
    words: (s) => [`the unsigned index of the loop wraps below ${s.index}`],
    touches: 0,
    run: ({ note }) => {
      note('loop-without-end');
      return 0;
    },
  },
  loops_for_ever: {
    ...PLAIN,
    words: () => ['the loop goes on'],
    touches: 0,
    run: () => BLOCKED,
  },
} satisfies Rows<Exec>;
