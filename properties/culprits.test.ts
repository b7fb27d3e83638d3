// Certificates that start only the calls that the reduced search found to lead to a hit, against those that start all,
// on the real models: the same calls, switches and steps.

import { describe, expect, test } from 'vitest';
import type { Policy } from '../api/index.ts';
import { explore } from '../engine/explore.ts';
import { certifyAll } from '../engine/minimise.ts';
import { replay } from '../engine/replay.ts';
import { withPlaceBits } from '../engine/system.ts';
import { type Config, assumptions, boundsOf } from '../models/bounds.ts';
import { EVENT } from '../models/events.ts';
import { BROKEN } from '../policies/broken/index.ts';
import { POLICIES } from '../policies/index.ts';
import { build } from './search.ts';
import { makeModel } from './system.ts';

const quick = boundsOf('quick');
const onePage = { ...quick, name: 'custom', pages: 1, hugePages: 1 };
const threeCalls = { ...onePage, calls: 3 };

type Case = readonly [policy: string, Config['base'], Config['platform'], Config['vmm'], Config['bounds']];

const CASES: readonly Case[] = [
  ['vmm-remap', 'rfc-v2', 'sev-snp', 'adversarial', onePage],
  ['vmm-remap', 'linux-7.2', 'tdx', 'adversarial', onePage],
  ['revoke-on-truncate', 'linux-7.2', 'tdx', 'adversarial', onePage],
  ['folio-pin', 'rfc-v2', 'bare', 'cooperative', quick],
  ['vmm-remap', 'rfc-v2', 'sev-snp', 'cooperative', quick],
  ['vmm-remap', 'v8', 'tdx', 'adversarial', onePage],
  ['none', 'rfc-v2', 'tdx', 'cooperative', quick],
  ...BROKEN.filter(({ name }) => /stale-snapshot|recheck|mutex|device-tlb/.test(name)).map(
    ({ name, base, planted }): Case => [
      name,
      base,
      planted?.platform as Config['platform'],
      'adversarial',
      onePage,
    ],
  ),
  ['revoke-on-truncate', 'linux-7.2', 'tdx', 'adversarial', { ...threeCalls, vmmThreads: 1 }],
  ['vmm-remap', 'linux-7.2', 'bare', 'cooperative', { ...threeCalls, vmmThreads: 1 }],
];

const policyOf = (wanted: string): Policy =>
  [...POLICIES, ...BROKEN].find(({ name }) => name === wanted) ?? expect.fail(`no policy ${wanted}`);

describe.each(CASES)('%s on %s, %s, VMM %s', (name, base, platform, vmm, bounds) => {
  test(`${bounds.pages} pages, ${bounds.calls} calls`, () => {
    const policy = policyOf(name);
    const config: Config = {
      base,
      platform,
      vmm,
      bounds,
      device: null,
      assumptions: assumptions(),
      fail: null,
      ...(policy.planted?.settings as Partial<Config> | undefined),
    };
    const model = makeModel(config, policy);
    const all = model.keys.map(({ property }) => property);
    const { hits, culprits } = withPlaceBits(build(model, bounds.calls), (system) => {
      const out = explore(system, { eager: true, culprits: { properties: all, callsMin: 1 } });
      return { hits: out.hits, culprits: out.culprits() };
    });
    const hit = all.filter((property) => hits[property] > 0);
    expect([hit.length > 0, hit.filter((property) => !culprits.has(property))]).toEqual([true, []]);
    const certificates = (known: typeof culprits) =>
      certifyAll((calls, bits, selection) => build(model, calls)(bits, selection), hit, bounds.calls, {
        culprits: { callsMin: 1, ready: true, of: (property) => known.get(property) ?? null },
      });
    const plain = certificates(new Map());
    for (const [property, { certificate }] of certificates(culprits)) {
      const { calls, switches, steps } = plain.get(property)?.certificate ?? expect.fail('not found');
      expect(certificate).toMatchObject({ calls, switches, steps });
      if (certificate === null || property === EVENT.stuck) continue;
      expect(replay(certificate.system, certificate.path).steps.at(-1)?.properties).toContain(property);
    }
  });
});
