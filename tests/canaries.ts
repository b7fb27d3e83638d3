// What the two halves of the canary tests share.

import { readFileSync } from 'node:fs';
import type { Policy } from '../api/index.ts';
import type { FaultResult } from '../models/results.ts';
import { BROKEN } from '../policies/broken/index.ts';
import { type Caught, faultConfig, isCaught, makeBaseHits } from '../properties/faults.ts';
import { keyOf } from '../properties/properties.ts';

const pinned = JSON.parse(
  readFileSync(new URL('../properties/faults.json', import.meta.url), 'utf8'),
) as FaultResult[];
const baseHits = makeBaseHits();

/** In two halves, with those of one configuration together: what their base does is searched once. */
const sorted = [...BROKEN]
  .map((policy) => ({ policy, config: JSON.stringify(faultConfig(policy)) }))
  .sort((a, b) => (a.config < b.config ? -1 : a.config > b.config ? 1 : 0))
  .map(({ policy }) => policy);
export const HALVES = [sorted.slice(0, sorted.length >> 1), sorted.slice(sorted.length >> 1)] as const;

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
