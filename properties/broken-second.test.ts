// The canaries, the other half: each planted fault is caught by the invariant that it names in as few calls as pinned,
// and not by the base alone. Rates and lengths are pinned in faults.json (npm run faults-baseline).

import { describe, expect, test } from 'vitest';
import { HALVES, judgeCanary, pinnedFault } from '../tests/canaries.ts';
import { SEEDS } from './faults.ts';
import { BROKEN } from '../policies/broken/index.ts';

describe.each(HALVES[1].map((policy) => [policy.name, policy] as const))('%s', (name, policy) => {
  test(`is caught by ${policy.planted?.invariant ?? 'nothing'}`, () => {
    expect(pinnedFault(name)?.caught).toBe(true);
    expect(judgeCanary(policy)).toEqual({ atCalls: true, below: false, base: false });
  });
});

test('what is pinned covers the canaries, and is what they must be', () => {
  const pinned = BROKEN.map(({ name }) => pinnedFault(name));
  expect(pinned.filter((fault) => fault === undefined)).toEqual([]);
  expect(pinned.length).toBeGreaterThanOrEqual(12);
  expect(pinned.filter((fault) => fault?.certified !== true)).toEqual([]);
  expect(pinned.filter((fault) => fault?.needsRace === true).length).toBeGreaterThanOrEqual(4);
  const always = pinned.filter((fault) => fault?.seeds === SEEDS && fault.seedsCaught === SEEDS);
  expect(always.length / pinned.length).toBeGreaterThanOrEqual(0.75);
});
