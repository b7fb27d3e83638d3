// Findings as tokens and back: the same policy, configuration, key and path; and what a token of another model says.

import { describe, expect, test } from 'vitest';
import type { Policy } from '../../api/index.ts';
import { replay } from '../../engine/replay.ts';
import {
  ASSUMPTIONS,
  BOUND_LIMITS,
  CASTS,
  type Config,
  FAILABLE,
  assumptions,
  boundsOf,
} from '../../models/bounds.ts';
import { POLICIES } from '../../policies/index.ts';
import { makeModel } from '../../properties/system.ts';
import { decodeFinding, encodeFinding, findingOf } from '../../properties/token/token.ts';
import { readConfig, writeConfig } from '../../properties/token/config.ts';
import { modelFingerprint, policyFingerprint } from '../../properties/token/fingerprint.ts';
import { encodeToken } from '../../reports/token.ts';
import { configOf, find, modelOf } from '../../properties/explain/tests/finding.ts';

const TOKEN_MAX = 60;
const FREED = 'no-mapping-to-freed-page (IOPTE)';

/** What most of this file is about. */
const bare = modelOf('vmm-remap', { platform: 'bare' });
const freed = find(bare, FREED);

describe.each([
  ['vmm-remap', 'bare', 'no-mapping-to-freed-page (IOPTE)'],
  ['vmm-remap', 'sev-snp', 'zeroed-before-first-use (stale data)'],
  ['vmm-remap', 'tdx', 'no-mapping-to-freed-page (IOTLB)'],
  ['folio-pin', 'sev-snp', 'no-unbounded-retry (spin)'],
  ['none', 'tdx', 'neighbour-content-survives (wiped by a hole)'],
] as const)('%s on %s, %s', (policy, platform, name) => {
  const model = modelOf(policy, { platform });
  const finding = find(model, name);

  test('comes back as it was', () => {
    const token = encodeFinding(model, finding, { blame: 'policy' }) ?? 0n;
    expect(token).toBeGreaterThan(0n);
    expect(encodeToken(token).length).toBeLessThanOrEqual(TOKEN_MAX);
    const decoded = decodeFinding(token, POLICIES);
    expect(decoded.stale).toEqual([]);
    expect(decoded.policy?.name).toBe(policy);
    expect(decoded.config).toEqual(model.config);
    expect(decoded.key?.name).toBe(name);
    expect(decoded.blame).toBe('policy');
    expect(decoded.path).toEqual(finding.path);
    const again = findingOf(decoded, 16);
    if (again === null) throw new Error('the token has no path');
    expect([again.calls, again.switches, again.steps]).toEqual([
      finding.calls,
      finding.switches,
      finding.steps,
    ]);
    const hit = replay(again.system, again.path).steps.at(-1)?.properties;
    expect(hit).toContain(finding.key.property);
  });
});

describe.each(['bare', 'sev-snp', 'tdx'] as const)('the hole of vmm-remap on %s', (platform) => {
  const model = modelOf('vmm-remap', { platform });

  test.each([0, 1, 2])('from initial state %i', (initial) => {
    const finding = find(model, FREED, initial);
    const token = encodeFinding(model, finding, { blame: 'base' }) ?? 0n;
    const decoded = decodeFinding(token, POLICIES);
    expect([finding.calls, finding.steps >= 17, encodeToken(token).length <= TOKEN_MAX]).toEqual([
      2,
      true,
      true,
    ]);
    expect(decoded.stale).toEqual([]);
    expect(decoded.path).toEqual({ initial, moves: finding.path.moves });
    expect(decoded.scenario.flat().map(({ name }) => name)).toHaveLength(2);
  });
});

test('numbers of their own, changed assumptions and a failing step are kept', () => {
  const changed = { 'iommu.sync-drains-dma': false, 'snp.io-read-of-private-faults': false };
  const bounds = { ...boundsOf('quick'), name: 'custom', vcpus: 2, preemptions: 1, maxStates: 123_456 };
  const model = modelOf('vmm-remap', {
    base: 'linux-7.2',
    vmm: 'adversarial',
    device: 'T1',
    fail: 'iommu_map',
    assumptions: assumptions(changed),
    bounds,
  });
  const token = encodeFinding(model, find(model, FREED), { blame: 'policy' }) ?? 0n;
  expect(decodeFinding(token, POLICIES).config).toEqual(model.config);
});

describe('no token', () => {
  const [model, finding] = [bare, freed];

  test('where a number is beyond its limit', () => {
    const bounds = { ...model.config.bounds, maxStates: BOUND_LIMITS.maxStates + 2 };
    const beyond = { ...model, config: { ...model.config, bounds } };
    expect(encodeFinding(beyond, finding, { blame: 'policy' })).toBeNull();
  });

  test('where it starts from a state that is none of the initial ones', () => {
    const state = finding.system.initial[finding.path.initial].slice();
    state[model.machine.at.npinned] = 1;
    const initial = finding.system.initial.map(() => state);
    const elsewhere = { ...finding, system: { ...finding.system, initial } };
    expect(encodeFinding(model, elsewhere, { blame: 'policy' })).toBeNull();
  });
});

describe('what is stale is said', () => {
  const model = bare;
  const token = encodeFinding(model, freed, { blame: 'policy' }) ?? 0n;
  const namesake = (base: string): Policy => {
    const policy = POLICIES.find(({ name }) => name === base);
    if (policy === undefined) throw new Error(`there is no policy ${base}`);
    return { ...policy, name: 'vmm-remap' };
  };

  test('of a policy that does other steps', () => {
    const { stale, model: made } = decodeFinding(token, [namesake('folio-pin')]);
    expect(stale[0]).toMatch(/^unknown policy fingerprint: vmm-remap/);
    expect(made).not.toBeNull();
  });

  test('of a policy that has not even the calls', () => {
    const { system, ...rest } = freed;
    const device = model.machine.threads.findIndex(({ kind }) => kind === 'device');
    const path = { initial: 0, moves: [system.startMove(device, 0)] };
    const dma = encodeFinding(model, { ...rest, system, path }, { blame: 'policy' }) ?? 0n;
    expect(decodeFinding(dma, POLICIES)).toMatchObject({ path, stale: [] });
    const decoded = decodeFinding(dma, [namesake('none')]);
    expect(decoded.stale).toContain('the schedule does not fit any more: it starts a call that is not there');
    expect([decoded.path, decoded.scenario.flat()]).toEqual([null, []]);
  });

  test('of another model, and the schedule is tried all the same', () => {
    const print = modelFingerprint(model);
    const shift = 4n * 2n ** 16n * 2n ** 12n;
    const other = token - BigInt(print) * shift + BigInt(print ^ 1) * shift;
    const decoded = decodeFinding(other, POLICIES);
    expect(decoded.stale).toEqual(['made by another version of the model']);
    expect(decoded.path).toEqual(decodeFinding(token, POLICIES).path);
  });
});

test('a fingerprint is of what a policy does, not of how it is written', () => {
  const policy = POLICIES.find(({ name }) => name === 'vmm-remap');
  const map = policy?.ioas_map_file;
  if (policy === undefined || map === undefined) throw new Error('there is no policy vmm-remap');
  const print = (given: Policy): number =>
    policyFingerprint(makeModel(configOf({ platform: 'bare' }), given));
  const wrapped: Policy = {
    ...policy,
    *ioas_map_file(range, arch) {
      return yield* map(range, arch);
    },
  };
  const refusing: Policy = {
    ...policy,
    // oxlint-disable-next-line require-yield
    *ioas_map_file() {
      return '-EPERM';
    },
  };
  expect(print(wrapped)).toBe(print(policy));
  expect(print(refusing)).not.toBe(print(policy));
});

test('a token of a policy that is not here says so', () => {
  const token = encodeFinding(bare, freed, { blame: 'base' }) ?? 0n;
  const decoded = decodeFinding(
    token,
    POLICIES.filter(({ name }) => name !== 'vmm-remap'),
  );
  expect(decoded.model).toBeNull();
  expect(decoded.stale.join('\n')).toMatch(/policy/);
  expect(decoded.blame).toBe('base');
});

describe('a configuration as digits', () => {
  const plain: Config = { ...modelOf('vmm-remap', { platform: 'sev-snp' }).config, base: 'v8' };
  const roundTrip = (config: Config): Config => {
    const digits = (writeConfig(config) ?? []).map(({ value, radix }) => {
      expect(value).toBeLessThan(radix);
      return value;
    });
    return readConfig(() => digits.shift() ?? 0).config;
  };

  test.each(FAILABLE)('with %s failing', (fail) => {
    expect(roundTrip({ ...plain, fail })).toEqual({ ...plain, fail });
  });

  test.each(ASSUMPTIONS)('with $name the other way round', ({ name, default: standard }) => {
    const config = { ...plain, assumptions: assumptions({ [name]: !standard }) };
    expect(roundTrip(config)).toEqual(config);
  });

  test('with all that is not by default', () => {
    const config: Config = { ...plain, device: 'T0', ats: true, guest: 'honest', cast: [...CASTS] };
    expect(roundTrip(config)).toEqual(config);
    expect(roundTrip(plain)).toEqual(plain);
  });
});
