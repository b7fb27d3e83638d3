// Each event that a breach names is noted exactly where its definition holds: on random walks of every planted fault,
// and on the paths to all that some searches find. The traces of the planted faults, of corpus/ and of the findings are
// asked where they are run; known/faults.test.ts says which definitions are not reached by the first.

import { expect, test } from 'vitest';
import type { Policy } from '../../api/index.ts';
import { explore } from '../../engine/explore.ts';
import { replay } from '../../engine/replay.ts';
import { type System, withPlaceBits } from '../../engine/system.ts';
import { walk } from '../../engine/walk.ts';
import { type Config, assumptions, boundsOf } from '../../models/bounds.ts';
import { BROKEN } from '../../policies/broken/index.ts';
import { POLICIES } from '../../policies/index.ts';
import { faultConfig } from '../known/faults.ts';
import { type Model, freeEnvironment, makeModel } from '../system.ts';
import { DEFINED, disagreements } from './tests/definitions.ts';

const WALKS = 40;
const STEPS_MAX = 120;
const CALLS = 3;

const policyOf = (name: string): Policy => {
  const policy = [...POLICIES, ...BROKEN].find((each) => each.name === name);
  if (policy === undefined) throw new RangeError(`there is no policy ${name}`);
  return policy;
};
const onFree = <T>(model: Model, calls: number, run: (system: System) => T): T =>
  withPlaceBits((bits) => model.system(freeEnvironment(model, calls), bits), run);

/** Natural numbers below 2^31: xorshift32. */
function numbersOf(seed: number): () => number {
  let random = seed;
  return () => {
    random ^= random << 13;
    random ^= random >>> 17;
    random ^= random << 5;
    return random >>> 1;
  };
}

test('on random walks of a planted fault of each configuration', () => {
  const walked = (model: Model): string[] =>
    onFree(model, model.config.bounds.calls, (system) =>
      Array.from({ length: WALKS }, (_, k) => k).flatMap((k) => {
        const initial = k % system.initial.length;
        const { path } = walk(system, numbersOf(k + 1), { stepsMax: STEPS_MAX, initial });
        return disagreements(model, system, replay(system, path).steps);
      }),
    );
  const chosen = new Map(BROKEN.map((policy) => [JSON.stringify(faultConfig(policy)), policy]));
  const differ = [...chosen.values()].flatMap((policy) =>
    walked(makeModel(faultConfig(policy), policy)).map((what) => `${policy.name}: ${what}`),
  );
  expect(differ.slice(0, 20)).toEqual([]);
});

const QUICK: Config = {
  base: 'linux-7.2',
  platform: 'bare',
  vmm: 'adversarial',
  bounds: boundsOf('quick'),
  device: null,
  assumptions: assumptions(),
  fail: null,
};
type Searched = readonly [policy: string, given: Partial<Config>, reaches: readonly string[]];
const SEARCHED: readonly Searched[] = [
  ['vmm-remap', { fail: 'kvm_gmem_get_folio' }, ['access.leak', 'err-ptr-followed']],
  ['vmm-remap', { platform: 'tdx', cast: ['access'] }, ['private-page-copied']],
  ['vmm-remap', { base: 'rfc-v2' }, ['data-wiped', 'unset-pointer-followed']],
  [
    'iova-freed-before-unmap',
    { platform: 'tdx' },
    ['access.host-fatal', 'access.host-corruption', 'data-cleared'],
  ],
];
test.each(SEARCHED)('on the paths to what a search of %s finds, %j', (name, given, reaches) => {
  const policy = policyOf(name);
  const config: Config = { ...(policy.planted === undefined ? QUICK : faultConfig(policy, CALLS)), ...given };
  const model = makeModel(config, policy);
  const reached = new Set<string>();
  const differ = onFree(model, config.bounds.calls, (system) => {
    const { pathTo } = explore(system, { eager: true });
    return [...new Set(DEFINED.map(({ property }) => property))].flatMap((property) => {
      const path = pathTo(property);
      return path === null ? [] : disagreements(model, system, replay(system, path).steps, reached);
    });
  });
  expect(differ).toEqual([]);
  expect([...reached]).toEqual(expect.arrayContaining([...reaches]));
});
