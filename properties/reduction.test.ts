// The search that runs commuting steps on against the plain one, on the real models: the same keys, the same races.

import { describe, expect, test } from 'vitest';
import type { Policy } from '../api/index.ts';
import { explore } from '../engine/explore.ts';
import { withPlaceBits } from '../engine/system.ts';
import { type Config, PLATFORMS, assumptions, boundsOf } from '../models/bounds.ts';
import { EVENT } from '../models/events.ts';
import { BROKEN } from '../policies/broken/index.ts';
import { POLICIES } from '../policies/index.ts';
import { SOMETIMES } from './invariants.ts';
import { freeEnvironment, makeModel } from './system.ts';

interface Seen {
  readonly keys: readonly string[];
  readonly races: readonly string[];
  readonly states: number;
}

function seen(config: Config, policy: Policy, eager: boolean): Seen {
  const model = makeModel(config, policy);
  const { hits, states } = withPlaceBits(
    (bits) => model.system(freeEnvironment(model, config.bounds.calls), bits),
    (system) => explore(system, { eager }),
  );
  return {
    keys: model.keys.filter(({ property }) => hits[property] > 0).map(({ name }) => name),
    races: SOMETIMES.filter(({ event }) => hits[EVENT[event]] > 0).map(({ name }) => name),
    states,
  };
}

const DELICATE =
  /flush|unpin-before|mutex|recheck|snapshot|callback-at-end|end-before-commit|zap-without|pin-after|lru-not/;

const onePage = { ...boundsOf('quick'), name: 'custom', pages: 1, hugePages: 1 };

const configOf = (
  policy: Policy,
  platform: Config['platform'],
  vmm: Config['vmm'],
  bounds: Config['bounds'],
): Config => ({
  base: policy.base,
  platform,
  vmm,
  bounds,
  device: null,
  assumptions: assumptions(),
  fail: null,
});

/** One page: every interleaving of two calls on it. */
const cases = [
  ...POLICIES.flatMap((policy) =>
    PLATFORMS.map((platform) => ({ policy, config: configOf(policy, platform, 'adversarial', onePage) })),
  ),
  /* LRU batches, which are drained by themselves */
  ...POLICIES.map((policy) => ({
    policy: { ...policy, base: 'v8' as const },
    config: configOf({ ...policy, base: 'v8' }, 'bare', 'adversarial', onePage),
  })),
  /* those that need a fill, a lock or a race at a certain point */
  ...BROKEN.filter(({ name }) => DELICATE.test(name)).map((policy) => ({
    policy,
    config: configOf(policy, policy.planted?.platform as Config['platform'], 'adversarial', onePage),
  })),
  ...POLICIES.map((policy) => ({
    policy,
    config: configOf(policy, 'sev-snp', 'cooperative', boundsOf('quick')),
  })),
];

describe('the reduced search sees what the plain one sees, in fewer states', () => {
  test.each(
    cases.map(
      ({ policy, config }) =>
        [`${policy.name}, ${config.base}, ${config.platform}, ${config.vmm}`, policy, config] as const,
    ),
  )('%s', (_name, policy, config) => {
    const plain = seen(config, policy, false);
    const reduced = seen(config, policy, true);
    expect({ keys: reduced.keys, races: reduced.races }).toEqual({ keys: plain.keys, races: plain.races });
    expect(reduced.states).toBeLessThan(plain.states);
  });
});
