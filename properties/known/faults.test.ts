// The canaries: each planted fault is caught by the invariant that it names in as few calls as pinned, and not by the
// base alone. Rates and lengths are pinned in faults.json (npm run faults-baseline).

import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { Policy } from '../../api/index.ts';
import { replay } from '../../engine/replay.ts';
import type { FaultResult } from '../../models/results.ts';
import { BROKEN } from '../../policies/broken/index.ts';
import { PROPERTIES, keyOf } from '../spec/keys.ts';
import { DEFINED, disagreements } from '../spec/tests/definitions.ts';
import { type Caught, SEEDS, faultConfig, isCaught, makeBaseHits } from './faults.ts';

const pinned = JSON.parse(
  readFileSync(new URL('./faults.json', import.meta.url), 'utf8'),
) as readonly FaultResult[];
const pinnedFault = (name: string): FaultResult | undefined => pinned.find((fault) => fault.name === name);
const baseHits = makeBaseHits();

/** Those of one configuration together: what their base does is searched once. */
const canaries = BROKEN.map((policy) => ({ policy, config: JSON.stringify(faultConfig(policy)) }))
  .sort((a, b) => (a.config < b.config ? -1 : a.config > b.config ? 1 : 0))
  .map(({ policy }) => [policy.name, policy] as const);

/** The fault again, by the reduced search, at the outcome and the number of calls that are pinned. */
function judgeCanary(policy: Policy): Caught & { readonly base: boolean } {
  const known = pinnedFault(policy.name);
  const key = keyOf(known?.invariant ?? '', known?.outcome ?? '');
  if (known === undefined || key === undefined)
    throw new RangeError(`${policy.name} is not pinned in faults.json`);
  return { ...isCaught(policy, key, known.calls), base: baseHits(policy, known.calls)[key.property] > 0 };
}

const defined = new Set<string>();

describe.each(canaries)('%s', (name, policy) => {
  test(`is caught by ${policy.planted?.invariant ?? 'nothing'}`, () => {
    expect(pinnedFault(name)?.caught).toBe(true);
    const { atCalls, below, base } = judgeCanary(policy);
    expect({ below, base }).toEqual({ below: false, base: false });
    if (atCalls === null) throw new Error('not caught');
    const { model, system, path } = atCalls;
    expect(disagreements(model, system, replay(system, path).steps, defined)).toEqual([]);
  });
});

test('their traces reach each definition but for these', () => {
  const all = new Set(DEFINED.map(({ property }) => PROPERTIES[property]));
  expect([...all].filter((name) => !defined.has(name))).toMatchSnapshot();
});

test('what is pinned covers the canaries, and is what they must be', () => {
  expect(pinned.map(({ name }) => name)).toEqual(BROKEN.map(({ name }) => name));
  expect(pinned.length).toBeGreaterThanOrEqual(12);
  expect(pinned.filter((fault) => !fault.certified)).toEqual([]);
  expect(pinned.filter((fault) => fault.needsRace).length).toBeGreaterThanOrEqual(4);
  const always = pinned.filter((fault) => fault.seeds === SEEDS && fault.seedsCaught === SEEDS);
  expect(always.length / pinned.length).toBeGreaterThanOrEqual(0.75);
});
