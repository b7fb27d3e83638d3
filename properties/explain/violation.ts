// A finding as a report says it: trace, consequence, reasons, assumptions it depends on, token.

import type { Policy } from '../../api/index.ts';
import { type System, withPlaceBits } from '../../engine/system.ts';
import {
  type Assumptions,
  type AssumptionName,
  type Config,
  assumptions,
  relevantAssumptions,
} from '../../models/bounds.ts';
import type { Blame, Violation } from '../../models/results.ts';
import { consequenceOf } from './consequence.ts';
import { toCorpus } from '../corpus/corpus.ts';
import { explain } from './explain.ts';
import { judgementOf } from '../spec/index.ts';
import type { Finding } from '../finding.ts';
import { type Model, makeModel } from '../system.ts';
import { encodeFinding } from '../token/token.ts';
import { doesTheSame } from '../blame.ts';
import { searchHalves } from '../halves.ts';
import { type CheckOptions, build, modelOptions, stopOf } from '../search.ts';
import { whyOf } from './why.ts';

/** Sentences of why. */
const WHY_MAX = 3;

/** The path of the finding hits its key here as well. False says nothing: another path may. */
function hitsAgain(system: System, { key, path, system: foundIn }: Finding): boolean {
  /* moves are numbers of offers: those of any other environment mean something else here */
  if (foundIn.environment.kind !== 'free') return false;
  const { domain, placeAt } = system;
  const m = system.initial[path.initial]?.slice();
  if (m === undefined) return false;
  const found: number[] = [];
  domain.judge(m, found, placeAt);
  for (const move of path.moves) {
    if (found.includes(key.property)) return true;
    if (domain.isTerminal?.(m) === true || !system.step(m, move)) return false;
    found.push(...domain.events);
    domain.judge(m, found, placeAt);
  }
  return found.includes(key.property);
}

/** With the same moves, with the same calls in any order, or with any calls as many. Null: that search did not end. */
function isHit(model: Model, finding: Finding, options: CheckOptions): boolean | null {
  const { key, calls } = finding;
  if (withPlaceBits(build(model, calls), (system) => hitsAgain(system, finding))) return true;
  if (doesTheSame(model, finding)) return true;
  const until = [key.property];
  const { otherCore } = options;
  const how = { until, stop: stopOf(options, calls), otherCore, meanwhile: () => {} };
  const { hits, complete } = searchHalves(model, calls, how);
  return hits[key.property] > 0 || (complete ? false : null);
}

/**
 * Assumptions of this platform that change whether the key is hit, and those that were tried without effect.
 */
function flips(
  config: Config,
  policy: Policy,
  finding: Finding,
  options: CheckOptions,
): { on: string[]; without: string[] } {
  const on: string[] = [];
  const without: string[] = [];
  for (const { name } of relevantAssumptions(config)) {
    if (options.stop?.() === true) break;
    const flipped = flip(config, name as AssumptionName);
    const model = makeModel(flipped, policy, modelOptions(options));
    const hit = isHit(model, finding, options);
    if (hit === true) without.push(name);
    /* with its value in force: the other one makes the finding go away */
    else if (hit === false) on.push(`${name}=${String(config.assumptions[name as AssumptionName])}`);
  }
  return { on, without };
}

export function flip(config: Config, name: AssumptionName): Config {
  const changed: Assumptions = { ...config.assumptions, [name]: !config.assumptions[name] };
  return { ...config, assumptions: assumptions(changed) };
}

/** A finding as a report says it; with traces and reasons where it is explained. */
export function toViolation(
  model: Model,
  finding: Finding,
  blame: Blame,
  options: CheckOptions,
  explained: boolean,
): Violation {
  const { key, calls, switches, steps, certified, certifiedStates } = finding;
  const { invariant, breach } = key;
  const { trace, initially, witness, state, why } = explain(model, finding);
  const token = options.hasTokens ? encodeFinding(model, finding, { blame }) : null;
  const depends =
    explained && options.flip ? flips(model.config, model.policy, finding, options) : { on: [], without: [] };
  return {
    invariant: invariant.name,
    outcome: breach.outcome,
    says: invariant.says,
    source: invariant.source,
    witness,
    severity: judgementOf(invariant.name, model.config) === 'flag' ? 'flag' : 'axiom',
    blame,
    calls,
    switches,
    steps,
    certified,
    certifiedStates,
    token,
    ...(token === null ? { replay: toCorpus(model, finding, `${model.policy.title}: ${witness}`) } : {}),
    trace,
    initially,
    consequence: explained ? consequenceOf(model, finding) : null,
    state,
    why: explained ? [...why, ...whyOf(model, finding)].slice(0, WHY_MAX) : [],
    dependsOn: depends.on,
    assumedWithoutEffect: depends.without,
  };
}
