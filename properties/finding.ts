// A finding: what search, sampling, corpus and replay hand to the explanations and to the reports. Types only.

import type { Path } from '../engine/explore.ts';
import type { System } from '../engine/system.ts';
import type { Key } from './spec/keys.ts';

/** A way to break a key that was found and, where `certified`, minimised. */
export interface Finding {
  readonly key: Key;
  readonly system: System;
  readonly path: Path;
  readonly calls: number;
  readonly switches: number;
  readonly steps: number;
  readonly certified: boolean;
  /** See Violation. */
  readonly certifiedStates: number;
}
