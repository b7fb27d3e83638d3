// Which assumptions a finding depends on.

import { expect, test } from 'vitest';
import { type Config, assumptions, boundsOf } from '../../models/bounds.ts';
import { invalidateCallback } from '../../policies/invalidate-callback.ts';
import { type CheckOptions, minimised, search } from '../search.ts';
import { makeModel } from '../system.ts';
import { toViolation } from './violation.ts';

const config: Config = {
  base: 'v8',
  platform: 'tdx',
  vmm: 'adversarial',
  bounds: { ...boundsOf('quick'), name: 'custom', calls: 3, vmmThreads: 1, devices: 0 },
  device: null,
  assumptions: assumptions(),
  fail: null,
};
const options: CheckOptions = { seed: 'x', runs: 0, explain: 'all', flip: true, hasTokens: false };
const model = makeModel(config, invalidateCallback);
const { hits, culprits } = search(model, options);
const keys = model.keys.filter(({ property }) => hits[property] > 0);
const [finding] = minimised(model, keys, options, undefined, undefined, culprits);
const dependsOn = (more: Partial<CheckOptions>): readonly string[] =>
  toViolation(model, finding, 'policy', { ...options, ...more }, true).dependsOn;

test('those whose flip makes it go away, if the search for it ended', () => {
  expect(finding.key.name).toBe('neighbour-content-survives (zapped with the range)');
  expect(dependsOn({})).toEqual(['v8.conversion-zaps-one-kind=false']);
  /* time is up as soon as that search has begun */
  let isUp = false;
  const stop = (): boolean => isUp;
  const progress = (): void => {
    isUp = true;
  };
  expect(dependsOn({ stop, progress })).toEqual([]);
  expect(isUp).toBe(true);
});
