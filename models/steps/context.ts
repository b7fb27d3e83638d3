// What the subjects of the steps share. The folders models/steps and models/exec are the only writers of machine state.

import type { EventName } from '../events.ts';
import type { Machine } from '../machine.ts';
import type { PlatformTables } from '../platforms/arch.ts';
import type { Platform, Rmp } from '../platforms/row.ts';
import type { View } from '../view.ts';

/** The unpacked state of the engine. */
export type State = Int32Array;

export const BLOCKED = -1;

/** A step number without a step: the policy yielded something else. */
export class NotAStep extends Error {
  override readonly name = 'NotAStep';
}
/** A lock released by somebody who does not hold it. */
export class NotHeld extends Error {
  override readonly name = 'NotHeld';
}

export interface Exec {
  readonly machine: Machine;
  readonly view: View;
  readonly platform: Platform;
  readonly tables: PlatformTables;
  readonly rmp: Rmp | null;
  /** Say what the current step was seen doing. */
  readonly note: (event: EventName) => void;
}

/** Does this call of the step fail? Once in a run, and only the step that the run is about. */
export const makeFailsNow =
  ({ at, config }: Machine) =>
  (m: State, step: string): boolean => {
    if (config.fail !== step || m[at.fail_next] === 0) return false;
    m[at.fail_next] = 0;
    m[at.fail_used] = 1;
    return true;
  };

export const kindBit = (to: 'private' | 'shared'): number => (to === 'private' ? 1 : 0);

/** Bits `start .. end - 1`. */
export const maskOf = (start: number, end: number): number => ((1 << end) - 1) & ~((1 << start) - 1);

/** The smallest half-open range that covers both masks: KVM's convex union. */
export function hull(mask: number): number {
  if (mask === 0) return 0;
  const first = 31 - Math.clz32(mask & -mask);
  const last = 31 - Math.clz32(mask);
  return maskOf(first, last + 1);
}
