// Each call alone, before any search: a call that takes too many steps, throws, or steps out of its range does so here,
// at once, and not after a search of everything else. Throws PolicyError by way of the engine's limits.

import { type System, withPlaceBits } from '../engine/system.ts';
import { type Model, freeEnvironment } from './system.ts';

/** Run the call on from `m` for as long as its thread, or an agent, can go on; `before` each step of the thread. */
export function runOut(system: System, m: Int32Array, thread: number, before?: () => void): void {
  const { threads, actors } = system;
  for (;;) {
    if (m[system.placeAt[thread]] === 0) return;
    before?.();
    if (system.step(m, system.continueMove(thread))) continue;
    let helped = false;
    for (let agent = 0; agent < actors - threads && !helped; agent++)
      helped = system.domain.stuck?.helps(agent) === true && system.step(m, system.agentMove(agent));
    if (!helped) return;
  }
}

export function runEachCallAlone(model: Model): void {
  withPlaceBits(
    (bits) => model.system(freeEnvironment(model, 1), bits),
    (system) => {
      for (const initial of system.initial)
        system.environment.offers.forEach((offers, thread) => {
          offers.forEach((_, offer) => {
            const m = initial.slice();
            if (system.step(m, system.startMove(thread, offer))) runOut(system, m, thread);
          });
        });
    },
  );
}
