// The canaries: each planted fault is caught by the invariant that it names, and not by the base alone; the
// measured rate of
// sampling and the length of the shortest trace are pinned in faults.json (npm run faults-baseline).

import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { FaultResult } from '../models/results.ts';
import { BROKEN } from '../policies/broken/index.ts';
import { SEEDS, isCaught } from './faults.ts';

const pinned = JSON.parse(readFileSync(new URL('./faults.json', import.meta.url), 'utf8')) as FaultResult[];

describe.each(BROKEN.map((policy) => [policy.name, policy] as const))('%s', (name, policy) => {
  const known = pinned.find((fault) => fault.name === name);
  test(`is caught by ${policy.planted?.invariant ?? 'nothing'} in as few calls as pinned`, () => {
    expect(known?.caught).toBe(true);
    expect(isCaught(policy, known?.calls ?? 0)).toEqual({ atCalls: true, below: false, base: false });
  });
});

test('what is pinned is what the issue asks of the canaries', () => {
  expect(pinned.map(({ name }) => name).sort()).toEqual(BROKEN.map(({ name }) => name).sort());
  expect(pinned.length).toBeGreaterThanOrEqual(12);
  expect(pinned.filter(({ certified }) => !certified)).toEqual([]);
  expect(pinned.filter(({ needsRace }) => needsRace).length).toBeGreaterThanOrEqual(4);
  const always = pinned.filter(({ seedsCaught, seeds }) => seeds === SEEDS && seedsCaught === seeds);
  expect(always.length / pinned.length).toBeGreaterThanOrEqual(0.75);
});
