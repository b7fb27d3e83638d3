// Steps that fail in runs with `--fail` only, and are no steps in the others.

import { type Steps, fails } from '../../api/index.ts';
import type { Failable } from '../bounds.ts';

/** True: this call of the step fails. */
export type MayFail = (step: Failable) => Steps<boolean>;

export const makeMayFail = (fail: Failable | null): MayFail =>
  function* mayFail(step) {
    return step === fail && (yield* fails(step));
  };
