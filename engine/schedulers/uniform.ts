// Every candidate is as likely as every other one, at each step.

import type { Scheduler } from '../walk.ts';

/** `random` gives numbers in [0, 1). */
export function uniform(random: () => number): Scheduler {
  return { choose: (count) => Math.floor(random() * count) };
}
