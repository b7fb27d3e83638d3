// What the two halves of the canary tests share.

import { readFileSync } from 'node:fs';
import type { Policy } from '../api/index.ts';
import type { FaultResult } from '../models/results.ts';
import { type Caught, isCaught, makeBaseHits } from '../properties/faults.ts';
import { keyOf } from '../properties/properties.ts';

const pinned = JSON.parse(
  readFileSync(new URL('../properties/faults.json', import.meta.url), 'utf8'),
) as FaultResult[];
const baseHits = makeBaseHits();

export const pinnedFault = (name: string): FaultResult | undefined =>
  pinned.find((fault) => fault.name === name);

/** The fault again, by the reduced search, at the outcome and the number of calls that are pinned. */
export function judgeCanary(policy: Policy): Caught & { readonly base: boolean } {
  const known = pinnedFault(policy.name);
  const key = keyOf(known?.invariant ?? '', known?.outcome ?? '');
  if (known === undefined || key === undefined)
    throw new RangeError(`${policy.name} is not pinned in faults.json`);
  return {
    ...isCaught(policy, key, known.calls),
    base: baseHits(policy, known.calls)[key.property] > 0,
  };
}
