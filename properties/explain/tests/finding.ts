// Findings for the tests of what is said about them: certified within a few calls, made once a file.

import { certify } from '../../../engine/minimise.ts';
import { type Config, assumptions, boundsOf } from '../../../models/bounds.ts';
import { POLICIES } from '../../../policies/index.ts';
import { KEYS, type Key } from '../../spec/keys.ts';
import type { Finding } from '../../finding.ts';
import { type Model, freeEnvironment, makeModel } from '../../system.ts';

export function configOf(given: Partial<Config>): Config {
  return {
    base: 'rfc-v2',
    platform: 'sev-snp',
    vmm: 'adversarial',
    bounds: boundsOf('quick'),
    device: null,
    assumptions: assumptions(),
    fail: null,
    ...given,
  };
}

export function modelOf(policy: string, given: Partial<Config>): Model {
  const found = POLICIES.find(({ name }) => name === policy);
  if (found === undefined) throw new Error(`there is no policy ${policy}`);
  return makeModel(configOf(given), found);
}

export function keyNamed(name: string): Key {
  const key = KEYS.find((each) => each.name === name);
  if (key === undefined) throw new Error(`there is no key ${name}`);
  return key;
}

/** The lowest way to break the key, with at most two calls. */
export function find(model: Model, name: string, initial?: number): Finding {
  const key = keyNamed(name);
  const { certificate } = certify(
    (calls, bits) => model.system(freeEnvironment(model, calls), bits, initial),
    key.property,
    2,
    { statesMax: 500_000 },
  );
  if (certificate === null) throw new Error(`${name} is not broken here`);
  return { key, ...certificate, certifiedStates: certificate.states };
}
