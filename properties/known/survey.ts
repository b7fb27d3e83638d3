// What the baseline pins of one result: a few numbers that any accidental change of meaning moves.

import type { Policy } from '../../api/index.ts';
import { explore } from '../../engine/explore.ts';
import { withPlaceBits } from '../../engine/system.ts';
import { BASES, type Config, PLATFORMS, VMMS, assumptions, boundsOf } from '../../models/bounds.ts';
import { EVENT } from '../../models/events.ts';
import { none } from '../../policies/none.ts';
import { SOMETIMES } from '../spec/index.ts';
import type { Key } from '../spec/keys.ts';
import { judgementOf } from '../spec/index.ts';
import { freeEnvironment, makeModel } from '../system.ts';
import { expectedPartners } from '../spec/index.ts';

export interface Survey {
  readonly policy: string;
  readonly base: string;
  readonly platform: string;
  readonly vmm: string;
  /** Of the search that runs commuting steps on. */
  readonly states: number;
  readonly transitions: number;
  /** Axioms that the policy breaks, and the base does not. */
  readonly policyBreaks: readonly string[];
  readonly baseBreaks: readonly string[];
  readonly flags: readonly string[];
  /** `sometimes` that no state and no step reached. */
  readonly unreached: readonly string[];
  readonly vacuous: readonly string[];
}

/** Judged on every base: what they do does not depend on how a conversion is asked for. */
const ON_ALL_BASES = ['none', 'invalidate-callback', 'revoke-on-truncate'];

/** Every platform and both kinds of VMM, on the base that the policy names or on all of them. */
export function surveyConfigs(policy: Policy, bounds = boundsOf('quick')): Config[] {
  const bases = ON_ALL_BASES.includes(policy.name) ? BASES : [policy.base];
  return bases.flatMap((base) =>
    PLATFORMS.flatMap((platform) =>
      VMMS.map((vmm) => ({
        base,
        platform,
        vmm,
        bounds,
        device: null,
        assumptions: assumptions(),
        fail: null,
      })),
    ),
  );
}

function hitsOf(config: Config, policy: Policy) {
  const model = makeModel(config, policy);
  const found = withPlaceBits(
    (bits) => model.system(freeEnvironment(model, config.bounds.calls), bits),
    (system) => explore(system, { eager: true, statesMax: config.bounds.maxStates }),
  );
  return { model, found };
}

const known = new Map<string, Float64Array>();

/** What the base does alone: searched once for each configuration. */
function baseHits(config: Config): Float64Array {
  const key = JSON.stringify(config);
  const hits = known.get(key) ?? hitsOf(config, none).found.hits;
  known.set(key, hits);
  return hits;
}

export function survey(config: Config, policy: Policy): Survey {
  const { model, found } = hitsOf(config, policy);
  if (!found.complete)
    throw new RangeError(`${policy.name}: ${found.states} states are more than the survey's bounds allow`);
  if (policy.name === none.name) known.set(JSON.stringify(config), found.hits);
  const base = baseHits(config);
  const hit = (keys: readonly Key[]): string[] => keys.map(({ name }) => name);
  const broken = model.keys.filter((key) => found.hits[key.property] > 0);
  const axioms = broken.filter((key) => judgementOf(key.invariant.name, config) === 'axiom');
  const isBase = (key: Key): boolean => policy.name === none.name || base[key.property] > 0;
  return {
    policy: policy.name,
    base: config.base,
    platform: config.platform,
    vmm: config.vmm,
    states: found.states,
    transitions: found.transitions,
    policyBreaks: hit(axioms.filter((key) => !isBase(key))),
    baseBreaks: hit(axioms.filter(isBase)),
    flags: hit(broken.filter((key) => judgementOf(key.invariant.name, config) === 'flag')),
    unreached: SOMETIMES.filter(({ event }) => found.hits[EVENT[event]] === 0).map(({ name }) => name),
    vacuous: expectedPartners(config, policy)
      .filter(({ event }) => found.hits[EVENT[event]] === 0)
      .map(({ name }) => name),
  };
}
