// One result: a policy on a base and a platform with one kind of VMM. Corpus first, then exhaustive search, then
// sampling; each invariant judged, blamed and minimised on its own.

import type { Policy } from '../api/index.ts';
import { type Config, settingsOf, shownAssumptions } from '../models/bounds.ts';
import { EVENT } from '../models/events.ts';
import type { Blame, InvariantResult, Result, Verdict } from '../models/results.ts';
import { none } from '../policies/none.ts';
import type { BaseFindings } from './blame.ts';
import { runCorpus } from './corpus/corpus.ts';
import { INVARIANTS, SOMETIMES } from './spec/index.ts';
import { HALVED_CALLS } from './halves.ts';
import { KEYS, type Key, gravityOf } from './spec/keys.ts';
import { judgementOf } from './spec/index.ts';
import type { Sampling } from './sampling/sample.ts';
import { runEachCallAlone } from './each-call-alone.ts';
import type { Finding } from './finding.ts';
import { type Model, makeModel } from './system.ts';
import { expectedPartners } from './spec/index.ts';
import {
  type CheckOptions,
  type Searched,
  minimised,
  modelOptions,
  culpritsAgain,
  sampleOf,
  search,
} from './search.ts';
import { toViolation } from './explain/violation.ts';
export { type BaseFindings, makeBaseFindings } from './blame.ts';
export type { CheckOptions, Progress } from './search.ts';

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
  /* nor does a search say anything that ended before it got there */
  if (missing.length > 0 && (searched.complete || searched.preemptionBound === -1))
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
  return model.keys.filter((key) => hits[key.property] > 0).sort((a, b) => gravityOf(a) - gravityOf(b));
}

export function check(config: Config, policy: Policy, base: BaseFindings, options: CheckOptions): Result {
  const model = makeModel(config, policy, modelOptions(options));
  runEachCallAlone(model);
  const fromCorpus = runCorpus(model, options.corpus ?? []);
  let sampling: Sampling | null | undefined;
  const samplesOnce = (): Sampling | null =>
    (sampling ??= options.runs === 0 || options.stop?.() === true ? null : sampleOf(model, options));
  const searched = search(model, options, samplesOnce);
  for (const property of fromCorpus.keys()) searched.hits[property] = Math.max(1, searched.hits[property]);
  const within = searched.hits.slice();
  const sampled = samplesOnce();
  if (sampled !== null) sampled.hits.forEach((count, property) => (searched.hits[property] += count));

  const keys = brokenKeys(model, searched.hits);
  const ofBase =
    policy.name === none.name || keys.length === 0
      ? { hits: searched.hits, unknown: [] }
      : base.of(config, options, keys, { model, culprits: searched.culprits, sampled: sampled?.shrunk });
  const blameOf = (key: Key): Blame =>
    policy.name === none.name || ofBase.hits[key.property] > 0 ? 'base' : 'policy';
  const isAxiom = (key: Key): boolean => judgementOf(key.invariant.name, config) === 'axiom';
  const guilty = keys.filter((key) => isAxiom(key) && blameOf(key) === 'policy');
  const wanted =
    options.explain === 'none' ? (guilty.length > 0 ? guilty : keys.filter(isAxiom)).slice(0, 1) : keys;
  const isBeyond = (key: Key): boolean => searched.complete && within[key.property] === 0;
  const findings = minimised(model, wanted, options, sampled?.shrunk, isBeyond, searched.culprits);
  const gravest = findings.find((f) => isAxiom(f.key) && blameOf(f.key) === 'policy') ?? findings[0];
  const violations = findings.map((finding) => ({
    ...toViolation(
      model,
      finding,
      blameOf(finding.key),
      options,
      options.explain === 'all' || finding === gravest,
    ),
    ...(ofBase.unknown.includes(finding.key.property) ? { baseSearched: false as const } : {}),
  }));
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
    invariants: invariantResults(model, hits).filter(
      ({ name, expectation }) =>
        expectation !== 'always' || options.only?.every((key) => key.invariant.name !== name) !== true,
    ),
    violations,
  };
}

type Head = Pick<
  Result,
  'policy' | 'policyTitle' | 'base' | 'platform' | 'vmm' | 'bounds' | 'settings' | 'assumptions'
>;

function headOf(config: Config, policy: Policy): Head {
  const settings = settingsOf(config);
  return {
    policy: policy.name,
    policyTitle: policy.title,
    base: config.base,
    platform: config.platform,
    vmm: config.vmm,
    bounds: config.bounds,
    ...(settings.length === 0 ? {} : { settings }),
    assumptions: shownAssumptions(config),
  };
}

/**
 * A result that consists of one finding, as a replay prints it: the same texts as those of the check that
 * found it.
 */
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

/**
 * The lowest path to one key within the bounds: the certificate of a report, made again. The calls that it is said to
 * take decide only what is searched first.
 */
export function recertify(model: Model, key: Key, options: CheckOptions, calls = 1): Finding | null {
  const culprits = calls < HALVED_CALLS ? null : culpritsAgain(model, options);
  return minimised(model, [key], options, undefined, undefined, culprits)[0] ?? null;
}
