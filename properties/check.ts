// One result: a policy on a base and a platform with one kind of VMM. Corpus first, then exhaustive search, then sampling;
// each invariant judged, blamed and minimised on its own.

import type { Policy } from '../api/index.ts';
import type { Guard } from '../engine/calls.ts';
import { type Exploration, explore } from '../engine/explore.ts';
import { certifyAll } from '../engine/minimise.ts';
import { ranked } from '../engine/ranked.ts';
import { type System, withPlaceBits } from '../engine/system.ts';
import {
  type Assumptions,
  type AssumptionName,
  type Config,
  assumptions,
  relevantAssumptions,
  shownAssumptions,
} from '../models/bounds.ts';
import { EVENT } from '../models/events.ts';
import type { Blame, InvariantResult, Result, Verdict, Violation } from '../models/results.ts';
import { none } from '../policies/none.ts';
import { consequenceOf } from './consequence.ts';
import { type CorpusEntry, runCorpus, toCorpus } from './corpus.ts';
import { explain } from './explain.ts';
import { INVARIANTS, SOMETIMES } from './invariants.ts';
import { KEYS, type Key } from './properties.ts';
import { type Sampling, sample } from './sampling.ts';
import { gravity, judgementOf } from './severity.ts';
import { runEachAlone } from './solo.ts';
import type { Finding } from './suite-types.ts';
import { type Model, freeEnvironment, makeModel } from './system.ts';
import { type TokenText, encodeFinding } from './token.ts';
import { expectedPartners } from './vacuity.ts';
import { whyOf } from './why.ts';

export interface Progress {
  readonly phase: string;
  readonly states: number;
  readonly runs: number;
  readonly found: number;
}

export interface CheckOptions {
  readonly seed: string;
  /** Sampled runs, where the exhaustive search did not complete. */
  readonly runs: number;
  readonly only?: readonly Key[];
  readonly corpus?: readonly CorpusEntry[];
  /** Which violations are explained: traces, consequence, why. */
  readonly explain: 'all' | 'gravest' | 'none';
  readonly guard?: Guard;
  /** True: stop and report what was found. */
  readonly stop?: () => boolean;
  readonly progress?: (progress: Progress) => void;
  /** Flip assumptions and say which of them the verdict depends on. */
  readonly flip: boolean;
  /** How tokens are written. Null for policies of the user's own, which are replayed from a file. */
  readonly token: TokenText | null;
}

const PREEMPTIONS = [0, 1, 2, 3] as const;

/** What a search of one configuration saw. */
interface Searched {
  readonly hits: Float64Array;
  readonly states: number;
  readonly steps: number;
  readonly complete: boolean;
  /** Largest completed preemption bound; null: complete without one; -1: none. */
  readonly preemptionBound: number | null;
}

function build(model: Model, calls: number): (bits: number) => System {
  return (bits) => model.system(freeEnvironment(model, calls), bits);
}

function exhaust(model: Model, options: CheckOptions, calls: number): Exploration {
  const { maxStates } = model.config.bounds;
  return withPlaceBits(build(model, calls), (system) =>
    explore(system, {
      eager: true,
      statesMax: maxStates,
      stop: ({ states }) => {
        options.progress?.({ phase: `exhaustive, ${calls} calls`, states, runs: 0, found: 0 });
        return options.stop?.() === true;
      },
    }),
  );
}

/** Exhaustive without a preemption bound where that fits; else with as many preemptions as fit. */
function search(model: Model, options: CheckOptions): Searched {
  const { calls, preemptions, maxStates } = model.config.bounds;
  const wanted = preemptions === null ? PREEMPTIONS : PREEMPTIONS.filter((k) => k <= preemptions);
  const whole = preemptions === null ? exhaust(model, options, calls) : null;
  if (whole !== null && (whole.complete || options.stop?.() === true)) {
    const { hits, states, transitions, complete } = whole;
    return { hits, states, steps: transitions, complete, preemptionBound: complete ? null : -1 };
  }
  const hits = whole?.hits ?? new Float64Array(model.domain.properties.length);
  let states = whole?.states ?? 0;
  let steps = whole?.transitions ?? 0;
  const rankMax = Math.max(...wanted);
  const bounded = withPlaceBits(build(model, calls), (system) =>
    ranked(system, {
      by: 'preemptions',
      rankMax,
      statesMax: maxStates,
      stop: (at) => {
        options.progress?.({ phase: `preemptions <= ${at.rank}`, states: at.states, runs: 0, found: 0 });
        return options.stop?.() === true;
      },
    }),
  );
  bounded.hits.forEach((count, property) => (hits[property] += count));
  states = Math.max(states, bounded.states);
  steps += bounded.transitions;
  return {
    hits,
    states,
    steps,
    complete: bounded.complete,
    preemptionBound: bounded.complete ? null : bounded.rankCompleted,
  };
}

/** What the base does without any IOMMU consumer: searched once for each configuration. */
export interface BaseFindings {
  readonly of: (config: Config, options: CheckOptions) => Float64Array;
}

export function makeBaseFindings(): BaseFindings {
  const known = new Map<string, Float64Array>();
  return {
    of: (config, options) => {
      const key = JSON.stringify(config);
      const found = known.get(key);
      if (found !== undefined) return found;
      const model = makeModel(config, none);
      const { hits } = exhaust(model, options, config.bounds.calls);
      if (options.runs > 0)
        sampleOf(model, options).hits.forEach((count, property) => (hits[property] += count));
      known.set(key, hits);
      return hits;
    },
  };
}

/** The lowest path to each key that was hit, in (calls, switches, steps). */
function minimised(
  model: Model,
  keys: readonly Key[],
  options: CheckOptions,
  sampled: ReadonlyMap<number, Finding> = new Map(),
): Finding[] {
  if (keys.length === 0) return [];
  const { calls, maxStates } = model.config.bounds;
  const certified = certifyAll(
    (n, bits) => build(model, n)(bits),
    keys.map((key) => key.property),
    calls,
    {
      statesMax: maxStates,
      stop: () => {
        options.progress?.({ phase: 'minimising', states: 0, runs: 0, found: keys.length });
        return options.stop?.() === true;
      },
    },
  );
  return keys.flatMap((key) => {
    const certificate = certified.get(key.property)?.certificate;
    if (certificate !== undefined && certificate !== null)
      return [{ ...certificate, key, certifiedStates: certificate.states, certified: true }];
    const known = sampled.get(key.property) ?? firstPath(model, key, calls);
    return known === null ? [] : [known];
  });
}

/** A shortest path by steps alone, where the exact search did not fit: said to be uncertified. */
function firstPath(model: Model, key: Key, calls: number): Finding | null {
  return withPlaceBits(build(model, calls), (system) => {
    const found = explore(system, {
      eager: true,
      until: [key.property],
      statesMax: model.config.bounds.maxStates,
    });
    const path = found.pathTo(key.property);
    if (path === null) return null;
    const actors = path.moves.map((move) => system.actorOf(move));
    const switches = actors.filter((actor, k) => k > 0 && actor !== actors[k - 1]).length;
    const started = path.moves.filter((move) => system.offerOf(move) >= 0).length;
    return {
      key,
      system,
      path,
      calls: started,
      switches,
      steps: path.moves.length,
      certified: false,
      certifiedStates: 0,
    };
  });
}

/** Assumptions of this platform that change whether the key is hit, and those that were tried without effect. */
function flips(
  config: Config,
  policy: Policy,
  key: Key,
  options: CheckOptions,
  calls: number,
): { on: string[]; without: string[] } {
  const on: string[] = [];
  const without: string[] = [];
  for (const { name } of relevantAssumptions(config.platform, config.base)) {
    if (options.stop?.() === true) break;
    const flipped = flip(config, name as AssumptionName);
    const model = makeModel(flipped, policy, modelOptions(options));
    const { hits } = withPlaceBits(build(model, calls), (system) =>
      explore(system, { eager: true, until: [key.property], statesMax: config.bounds.maxStates }),
    );
    if (hits[key.property] > 0) without.push(name);
    else on.push(`${name}=${String(!config.assumptions[name as AssumptionName])}`);
  }
  return { on, without };
}

export function flip(config: Config, name: AssumptionName): Config {
  const changed: Assumptions = { ...config.assumptions, [name]: !config.assumptions[name] };
  return { ...config, assumptions: assumptions(changed) };
}

const modelOptions = (options: CheckOptions): { guard?: Guard; only?: readonly Key[] } => ({
  ...(options.guard === undefined ? {} : { guard: options.guard }),
  ...(options.only === undefined ? {} : { only: options.only }),
});

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
  const { trace, initially, witness, state } = explain(model, finding);
  const token = options.token === null ? null : encodeFinding(model, finding, { blame }, options.token);
  const depends =
    explained && options.flip
      ? flips(model.config, model.policy, key, options, calls)
      : { on: [], without: [] };
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
    why: explained ? whyOf(model, finding) : [],
    dependsOn: depends.on,
    assumedWithoutEffect: depends.without,
  };
}

function invariantResults(model: Model, hits: Float64Array): InvariantResult[] {
  const always = INVARIANTS.map(({ name }): InvariantResult => {
    const judgement = judgementOf(name, model.config);
    const count = KEYS.filter((key) => key.invariant.name === name).reduce(
      (sum, key) => sum + hits[key.property],
      0,
    );
    const broken = judgement === 'flag' ? ('flagged' as const) : ('violated' as const);
    return {
      name,
      expectation: 'always',
      hits: count,
      verdict: judgement === 'not judged' ? 'not-judged' : count > 0 ? broken : 'holds',
    };
  });
  const sometimes = SOMETIMES.map(({ name, event }): InvariantResult => {
    const count = hits[EVENT[event]];
    return { name, expectation: 'sometimes', hits: count, verdict: count > 0 ? 'reached' : 'unreached' };
  });
  return [...always, ...sometimes];
}

interface Judged {
  readonly verdict: Verdict;
  readonly reason?: string;
}

function verdictOf(model: Model, searched: Searched, runs: number, broken: boolean): Judged {
  const { config, policy } = model;
  if (broken) return { verdict: 'violated' };
  const missing = expectedPartners(config, policy).filter(({ event }) => searched.hits[EVENT[event]] === 0);
  if (missing.length > 0 && searched.complete)
    return { verdict: 'vacuous', reason: `no run reached ${missing.map(({ name }) => name).join(', ')}` };
  if (searched.complete) return { verdict: 'exhausted' };
  if (searched.preemptionBound !== null && searched.preemptionBound >= 0)
    return { verdict: 'bounded', reason: `preemptions <= ${searched.preemptionBound}` };
  return {
    verdict: 'sampled',
    reason: `${runs} runs; the exhaustive search ended at ${searched.states} states`,
  };
}

/** Keys that are hit here, the gravest invariant first. */
function brokenKeys(model: Model, hits: Float64Array): Key[] {
  return model.keys
    .filter((key) => hits[key.property] > 0)
    .sort((a, b) => gravity(a.invariant.name) - gravity(b.invariant.name));
}

/** Random runs at larger bounds: more calls than were exhausted. */
const sampleOf = (model: Model, options: CheckOptions): Sampling =>
  sample(model, {
    seed: options.seed,
    runs: options.runs,
    keys: model.keys,
    ...(options.stop === undefined ? {} : { stop: options.stop }),
  });

export function check(config: Config, policy: Policy, base: BaseFindings, options: CheckOptions): Result {
  const model = makeModel(config, policy, modelOptions(options));
  runEachAlone(model);
  const fromCorpus = runCorpus(model, options.corpus ?? []);
  const searched = search(model, options);
  for (const property of fromCorpus.keys()) searched.hits[property] = Math.max(1, searched.hits[property]);
  const sampled = options.runs === 0 || options.stop?.() === true ? null : sampleOf(model, options);
  if (sampled !== null) sampled.hits.forEach((count, property) => (searched.hits[property] += count));

  const keys = brokenKeys(model, searched.hits);
  const ofBase = policy.name === none.name || keys.length === 0 ? searched.hits : base.of(config, options);
  const blameOf = (key: Key): Blame =>
    policy.name === none.name || ofBase[key.property] > 0 ? 'base' : 'policy';
  const isAxiom = (key: Key): boolean => judgementOf(key.invariant.name, config) === 'axiom';
  const guilty = keys.filter((key) => isAxiom(key) && blameOf(key) === 'policy');
  const wanted =
    options.explain === 'none' ? (guilty.length > 0 ? guilty : keys.filter(isAxiom)).slice(0, 1) : keys;
  const findings = minimised(model, wanted, options, sampled?.found);
  const gravest = findings.find((f) => isAxiom(f.key) && blameOf(f.key) === 'policy') ?? findings[0];
  const violations = findings.map((finding) =>
    toViolation(
      model,
      finding,
      blameOf(finding.key),
      options,
      options.explain === 'all' || finding === gravest,
    ),
  );
  const { hits } = searched;
  return {
    ...headOf(config, policy),
    ...verdictOf(model, searched, sampled?.runs ?? 0, guilty.length > 0),
    runs: sampled?.runs ?? 0,
    states: searched.states,
    steps: searched.steps + (sampled?.steps ?? 0),
    preemptionBound: searched.preemptionBound,
    flags: {
      'contained-fault': hits[EVENT['access.contained-fault']],
      'ciphertext-read': hits[EVENT['access.ciphertext']],
      'dma-lost': hits[EVENT['access.dma-lost']],
    },
    dependsOn: violations.flatMap((violation) => violation.dependsOn),
    invariants: invariantResults(model, hits),
    violations,
  };
}

type Head = Pick<Result, 'policy' | 'policyTitle' | 'base' | 'platform' | 'vmm' | 'bounds' | 'assumptions'>;

function headOf(config: Config, policy: Policy): Head {
  return {
    policy: policy.name,
    policyTitle: policy.title,
    base: config.base,
    platform: config.platform,
    vmm: config.vmm,
    bounds: config.bounds,
    assumptions: shownAssumptions(config),
  };
}

/** A result that consists of one finding, as a replay prints it: the same texts as those of the check that found it. */
export function replayed(model: Model, finding: Finding, blame: Blame, options: CheckOptions): Result {
  const violation = toViolation(model, finding, blame, options, true);
  return {
    ...headOf(model.config, model.policy),
    verdict: 'violated',
    runs: 0,
    states: finding.certifiedStates,
    steps: finding.steps,
    preemptionBound: null,
    flags: {},
    dependsOn: violation.dependsOn,
    invariants: [],
    violations: [violation],
  };
}

/** The lowest path to one key within the bounds: the certificate of a report, made again. */
export function recertify(model: Model, key: Key, options: CheckOptions): Finding | null {
  return minimised(model, [key], options)[0] ?? null;
}
