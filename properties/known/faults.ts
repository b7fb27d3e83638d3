// Planted faults: is each caught, by the invariant that it names, by exhaustive search and by sampling?

import type { Policy } from '../../api/index.ts';
import { type Path, explore } from '../../engine/explore.ts';
import { certifyAll } from '../../engine/minimise.ts';
import { searchBySwitches } from '../../engine/by-switches.ts';
import { type System, withPlaceBits } from '../../engine/system.ts';
import { type Config, assumptions, boundsOf } from '../../models/bounds.ts';
import type { FaultResult } from '../../models/results.ts';
import { none } from '../../policies/none.ts';
import { KEYS, type Key } from '../spec/keys.ts';
import { sampleRate } from '../sampling/sample.ts';
import type { Finding } from '../finding.ts';
import { type Model, freeEnvironment, makeModel } from '../system.ts';

export const SEEDS = 20;
/** Most calls that a planted fault may need. */
export const FAULT_CALLS = 3;
const ONE_PAGE = { pages: 1, hugePages: 1 } as const;

/** Where the fault is judged: the platform and the VMM that it names. */
export function faultConfig(policy: Policy, calls = FAULT_CALLS): Config {
  const { planted } = policy;
  if (planted === undefined) throw new RangeError(`${policy.name} is no planted fault`);
  return {
    base: policy.base,
    platform: planted.platform,
    vmm: planted.vmm,
    bounds: { ...boundsOf('small'), ...(planted.pages === 1 ? ONE_PAGE : {}), calls },
    device: null,
    assumptions: assumptions(),
    fail: null,
    ...(planted.settings as Pick<Config, 'ats' | 'guest' | 'cast' | 'fail'> | undefined),
  };
}

const keysNamed = (policy: Policy): Key[] =>
  KEYS.filter((key) => key.invariant.name === policy.planted?.invariant);

const buildFor = (model: Model) => (calls: number, bits: number) =>
  model.system(freeEnvironment(model, calls), bits);

/** The lowest path to the invariant named: of its outcomes the one with the fewest calls, switches, steps. */
export function caughtBy(policy: Policy): { readonly model: Model; readonly finding: Finding } | null {
  const model = makeModel(faultConfig(policy), policy);
  const keys = keysNamed(policy);
  for (let calls = 1; calls <= FAULT_CALLS; calls++) {
    /* without the reduction: what is pinned here is what the reduced search of the tests is held against */
    const { hits: seen } = withPlaceBits(
      (bits) => buildFor(model)(calls, bits),
      (system) => explore(system, { statesMax: model.config.bounds.maxStates }),
    );
    const hit = keys.filter((key) => seen[key.property] > 0);
    if (hit.length === 0) continue;
    const certified = certifyAll(
      buildFor(model),
      hit.map((key) => key.property),
      calls,
    );
    const findings = hit.flatMap((key) => {
      const certificate = certified.get(key.property)?.certificate;
      return certificate === undefined || certificate === null
        ? []
        : [{ ...certificate, key, certifiedStates: certificate.states }];
    });
    findings.sort((a, b) => a.calls - b.calls || a.switches - b.switches || a.steps - b.steps);
    const finding = findings[0];
    return finding === undefined ? null : { model, finding };
  }
  return null;
}

/** A path to the key by the reduced search, or null. */
function hitBy(model: Model, key: Key, calls: number): Hit | null {
  return withPlaceBits(
    (bits) => buildFor(model)(calls, bits),
    (system) => {
      const { maxStates: statesMax } = model.config.bounds;
      const { pathTo } = explore(system, { eager: true, until: [key.property], statesMax });
      const path = pathTo(key.property);
      return path === null ? null : { model, system, path };
    },
  );
}

/** No hit of the key without a preemption. */
export function needsRace(model: Model, key: Key, calls: number): boolean {
  const result = withPlaceBits(
    (bits) => buildFor(model)(calls, bits),
    (system) => searchBySwitches(system, { by: 'preemptions', rankMax: 0, until: [key.property] }),
  );
  return !result.found.has(key.property);
}

/** The base alone does the same: then the fault proves nothing. */
export function baseDoesTheSame(policy: Policy, key: Key, calls: number): boolean {
  return hitBy(makeModel(faultConfig(policy, calls), none), key, calls) !== null;
}

export function judgeFault(policy: Policy, seeds: number): FaultResult {
  const config = faultConfig(policy);
  const caught = caughtBy(policy);
  const finding = caught?.finding;
  const rate =
    seeds === 0 || caught === null ? 0 : sampleRate(caught.model, caught.finding.key, seeds).caught;
  return {
    name: policy.name,
    invariant: policy.planted?.invariant ?? '',
    outcome: finding?.key.breach.outcome ?? '',
    platform: config.platform,
    base: config.base,
    caught: finding !== undefined && caught !== null && !baseDoesTheSame(policy, finding.key, finding.calls),
    seedsCaught: rate,
    seeds,
    calls: finding?.calls ?? 0,
    switches: finding?.switches ?? 0,
    steps: finding?.steps ?? 0,
    certified: finding?.certified ?? false,
    needsRace:
      caught !== null && finding !== undefined && needsRace(caught.model, finding.key, finding.calls),
  };
}

interface Hit {
  readonly model: Model;
  readonly system: System;
  readonly path: Path;
}

export interface Caught {
  readonly atCalls: Hit | null;
  /** Also with one call fewer. */
  readonly below: boolean;
}

/** Is the key broken with so many calls, and with one fewer? By the reduced search. */
export function isCaught(policy: Policy, key: Key, calls: number): Caught {
  const model = makeModel(faultConfig(policy), policy, { only: [key] });
  return { atCalls: hitBy(model, key, calls), below: calls > 1 && hitBy(model, key, calls - 1) !== null };
}

/** What the base does alone where the fault is judged; searched once for each configuration. */
export function makeBaseHits(): (policy: Policy, calls: number) => Float64Array {
  const known = new Map<string, Float64Array>();
  return (policy, calls) => {
    const config = faultConfig(policy, calls);
    const key = JSON.stringify(config);
    const found =
      known.get(key) ??
      withPlaceBits(
        (bits) => buildFor(makeModel(config, none))(calls, bits),
        (system) => explore(system, { eager: true, statesMax: config.bounds.maxStates }).hits,
      );
    known.set(key, found);
    return found;
  };
}
