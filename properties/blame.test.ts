// What the base is blamed for, with what is known of the policy and without.

import { describe, expect, test } from 'vitest';
import { explore } from '../engine/explore.ts';
import { withPlaceBits } from '../engine/system.ts';
import { BASES, type Config, PLATFORMS, assumptions, boundsOf } from '../models/bounds.ts';
import { invalidateCallback } from '../policies/invalidate-callback.ts';
import { none } from '../policies/none.ts';
import { vmmRemap } from '../policies/vmm-remap.ts';
import { type CheckOptions, build, search } from './search.ts';
import { type BaseFindings, hasIommu, makeBaseFindings, needsIommu } from './blame.ts';
import { check } from './check.ts';
import { KEYS, PROPERTIES } from './spec/keys.ts';
import { makeModel } from './system.ts';

const configOf = (base: Config['base'], platform: Config['platform'], bounds: Config['bounds']): Config => ({
  base,
  platform,
  vmm: 'adversarial',
  bounds,
  device: null,
  assumptions: assumptions(),
  fail: null,
});
const options: CheckOptions = { seed: 'x', runs: 0, explain: 'none', flip: false, hasTokens: false };

describe('without a consumer nothing of the IOMMU is broken', () => {
  const keys = KEYS.filter(needsIommu);

  test('which are these', () => {
    expect(keys.map(({ name }) => name)).toMatchSnapshot();
  });

  test.each(BASES.flatMap((base) => PLATFORMS.map((platform) => [base, platform] as const)))(
    '%s, %s',
    (base, platform) => {
      const onePage = { ...boundsOf('quick'), name: 'custom', pages: 1, hugePages: 1 };
      const model = makeModel(configOf(base, platform, onePage), none);
      expect(hasIommu(model)).toBe(false);
      const { hits } = withPlaceBits(build(model, 2), (system) => explore(system, { eager: true }));
      expect(keys.filter(({ property }) => hits[property] > 0)).toEqual([]);
    },
  );
});

test('with dma-bufs something is mapped without a consumer of guest_memfd', () => {
  const config = { ...configOf('linux-7.2', 'bare', boundsOf('quick')), cast: ['dmabuf'] as const };
  expect(hasIommu(makeModel(config, none))).toBe(true);
});

test('the calls that break it under a policy are tried on the base, and tell the same as all of it', () => {
  const bounds = { ...boundsOf('quick'), name: 'custom', calls: 3, vmmThreads: 1, devices: 0 };
  const config = configOf('v8', 'tdx', bounds);
  const model = makeModel(config, invalidateCallback);
  const { hits, culprits } = search(model, options);
  const keys = model.keys.filter(({ property }) => hits[property] > 0);
  expect(keys.map(({ name }) => name)).toEqual(['neighbour-content-survives (zapped with the range)']);
  expect(keys.map(({ property }) => culprits.get(property)?.calls)).toEqual([3]);
  const blamed = (leads: boolean) => {
    let searched = 0;
    const stop = (): boolean => {
      searched++;
      return false;
    };
    const from = leads ? { model, culprits } : undefined;
    const found = makeBaseFindings().of(config, { ...options, stop }, keys, from).hits;
    return { searched, keys: keys.filter(({ property }) => found[property] > 0) };
  };
  const [all, some] = [blamed(false), blamed(true)];
  expect([all.keys, some.keys]).toEqual([keys, keys]);
  expect(some.searched).toBeLessThan(all.searched);
});

describe('a base that was not searched to its end', () => {
  const bounds = { ...boundsOf('quick'), name: 'custom' as const, calls: 3, vmmThreads: 1, devices: 0 };
  const config: Config = { ...configOf('v8', 'tdx', bounds), vmm: 'cooperative' };
  const model = makeModel(config, invalidateCallback);
  const keys = model.keys.filter(({ name }) => name === 'neighbour-content-survives (zapped with the range)');

  test('is not known to do what it was not seen to do', () => {
    const stopped = makeBaseFindings().of(config, { ...options, stop: () => true }, keys);
    expect(keys.map(({ property }) => stopped.hits[property])).toEqual([0]);
    expect(stopped.unknown).toEqual(keys.map(({ property }) => property));
    const few = { ...config, bounds: { ...bounds, maxStates: 10 } };
    expect(makeBaseFindings().of(few, options, keys).unknown).toEqual(stopped.unknown);
  });

  test('is known to do what two calls do, also where time is up', () => {
    const found = makeBaseFindings();
    const all = makeModel(config, none).keys;
    const known = found.of(config, { ...options, stop: () => true }, all).hits;
    const quick = search(makeModel({ ...config, bounds: { ...bounds, calls: 2 } }, none), options).hits;
    const broken = all.filter(({ property }) => quick[property] > 0);
    expect(broken.filter(({ property }) => known[property] === 0)).toEqual([]);
  });

  test('says so in the report', () => {
    const onePage = { ...boundsOf('quick'), name: 'custom' as const, pages: 1, hugePages: 1 };
    const hits = new Float64Array(PROPERTIES.length);
    const base: BaseFindings = {
      of: (_config, _options, asked) => ({ hits, unknown: asked.map(({ property }) => property) }),
    };
    const { violations } = check(configOf('rfc-v2', 'bare', onePage), vmmRemap, base, options);
    expect(violations.map(({ blame, baseSearched }) => [blame, baseSearched])).toEqual([['policy', false]]);
  });
});
