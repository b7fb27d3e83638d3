// Speed of the search on the machine of this suite: invalidate-callback on sev-snp, VMM adversarial.

import { explore } from '../engine/explore.ts';
import { withPlaceBits } from '../engine/system.ts';
import { type BoundName, assumptions, boundsOf } from '../models/bounds.ts';
import { invalidateCallback } from '../policies/invalidate-callback.ts';
import { freeEnvironment, makeModel } from '../properties/system.ts';

export interface SizeFigures {
  readonly bounds: string;
  /** Distinct states of the reduced search; where not complete, as many as the cap allowed. */
  readonly states: number;
  readonly complete: boolean;
}

export interface MachineFigures {
  readonly statesPerCpuSecond: number;
  readonly bytesPerState: number;
  readonly sizes: readonly SizeFigures[];
}

/** `medium` does not end in memory: said so by `complete`. */
const CAPS = { small: 20_000_000, medium: 3_000_000 } as const;

export function measureMachine(): MachineFigures | null {
  let states = 0;
  let seconds = 0;
  let bytes = 0;
  const sizes = (['small', 'medium'] as const satisfies readonly BoundName[]).map((bounds): SizeFigures => {
    const model = makeModel(
      {
        base: 'rfc-v2',
        platform: 'sev-snp',
        vmm: 'adversarial',
        bounds: boundsOf(bounds),
        device: null,
        assumptions: assumptions(),
        fail: null,
      },
      invalidateCallback,
    );
    const before = process.cpuUsage();
    const found = withPlaceBits(
      (bits) => model.system(freeEnvironment(model, model.config.bounds.calls), bits),
      (system) => {
        /* packed row, parent, and the slots of the hash table that it takes at its usual fill */
        bytes = system.layout.words * 4 + 4 + 8;
        return explore(system, { eager: true, statesMax: CAPS[bounds] });
      },
    );
    const { user, system } = process.cpuUsage(before);
    states += found.states;
    seconds += (user + system) / 1e6;
    return { bounds, states: found.states, complete: found.complete };
  });
  return { statesPerCpuSecond: Math.round(states / seconds), bytesPerState: bytes, sizes };
}
