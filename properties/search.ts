// The searches behind one result: exhaustive, bounded by preemptions, sampled; the lowest path to a key.

import type { Guard } from '../engine/tries.ts';
import { type ExploreOptions, explore } from '../engine/explore.ts';
import { certifyAll } from '../engine/minimise.ts';
import type { Culprits } from '../engine/culprits.ts';
import { searchBySwitches } from '../engine/by-switches.ts';
import type { Selection } from '../engine/selection.ts';
import { type System, withPlaceBits } from '../engine/system.ts';
import type { CorpusEntry } from './corpus/corpus.ts';
import { type OtherCore, HALVED_CALLS, searchHalves } from './halves.ts';
import type { Key } from './spec/keys.ts';
import { type Sampling, sample } from './sampling/sample.ts';
import type { Finding } from './finding.ts';
import { type Model, freeEnvironment } from './system.ts';

export interface Progress {
  readonly phase: string;
  readonly states: number;
  readonly runs: number;
  readonly found: number;
}

export interface CheckOptions {
  readonly seed: string;
  /** Sampled runs of more calls, after the search. */
  readonly runs: number;
  readonly only?: readonly Key[];
  readonly corpus?: readonly CorpusEntry[];
  /** Which violations are explained: traces, consequence, why. */
  readonly explain: 'all' | 'gravest' | 'none';
  readonly guard?: Guard;
  /** Searches part of it on another core. */
  readonly otherCore?: OtherCore;
  /** True: stop and report what was found. */
  readonly stop?: () => boolean;
  readonly progress?: (progress: Progress) => void;
  /** Flip assumptions and say which of them the verdict depends on. */
  readonly flip: boolean;
  /** Findings have tokens: not those of a policy of the user's own, which are replayed from a file. */
  readonly hasTokens: boolean;
}

const PREEMPTIONS = [0, 1, 2, 3] as const;

export const modelOptions = (options: CheckOptions): { guard?: Guard; only?: readonly Key[] } => ({
  ...(options.guard === undefined ? {} : { guard: options.guard }),
  ...(options.only === undefined ? {} : { only: options.only }),
});

/** What a search of one configuration saw. */
export interface Searched {
  readonly hits: Float64Array;
  readonly states: number;
  readonly steps: number;
  readonly complete: boolean;
  /** Largest completed preemption bound; null: complete without one; -1: none. */
  readonly preemptionBound: number | null;
  /** With what the hits of keys that take many calls begin, as far as it is known. */
  readonly culprits: ReadonlyMap<number, Culprits>;
}

export function build(model: Model, calls: number): (bits: number, selection?: Selection) => System {
  return (bits, selection) => {
    const free = freeEnvironment(model, calls);
    const { offers } = free;
    return model.system(selection === undefined ? free : { kind: 'selected', selection, offers }, bits);
  };
}

export function stopOf(options: CheckOptions, calls: number): NonNullable<ExploreOptions['stop']> {
  return ({ states }) => {
    options.progress?.({ phase: `exhaustive, ${calls} calls`, states, runs: 0, found: 0 });
    return options.stop?.() === true;
  };
}

/**
 * Exhaustive without a preemption bound where that fits; else with as many preemptions as fit. `meanwhile` may be
 * done while another core is searching.
 */
export function search(model: Model, options: CheckOptions, meanwhile = (): void => {}): Searched {
  const { calls, preemptions, maxStates } = model.config.bounds;
  const wanted = preemptions === null ? PREEMPTIONS : PREEMPTIONS.filter((k) => k <= preemptions);
  const whole =
    preemptions === null
      ? searchHalves(model, calls, { stop: stopOf(options, calls), otherCore: options.otherCore, meanwhile })
      : null;
  if (whole !== null && (whole.complete || options.stop?.() === true)) {
    const { hits, states, transitions, complete, culprits } = whole;
    return { hits, states, steps: transitions, complete, preemptionBound: complete ? null : -1, culprits };
  }
  const hits = whole?.hits ?? new Float64Array(model.domain.properties.length);
  let states = whole?.states ?? 0;
  let steps = whole?.transitions ?? 0;
  const rankMax = Math.max(...wanted);
  const bounded = withPlaceBits(build(model, calls), (system) =>
    searchBySwitches(system, {
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
    culprits: new Map(),
  };
}

/** Random runs at larger bounds: more calls than were exhausted. */
export const sampleOf = (model: Model, options: CheckOptions): Sampling =>
  sample(model, {
    seed: options.seed,
    runs: options.runs,
    keys: model.keys,
    shrink: false,
    ...(options.stop === undefined ? {} : { stop: options.stop }),
  });

/** The sampled finding about a property, shrunk only where it is asked for. */
export type Shrunk = (property: number) => Finding | null;

/** What `search` would find out. */
export function culpritsAgain(model: Model, options: CheckOptions): ReadonlyMap<number, Culprits> {
  const { calls, preemptions } = model.config.bounds;
  if (calls < HALVED_CALLS || preemptions !== null) return new Map();
  const stop = stopOf(options, calls);
  return searchHalves(model, calls, { stop, otherCore: options.otherCore, meanwhile: () => {} }).culprits;
}

/** The lowest path to each key that was hit, in (calls, switches, steps). */
export function minimised(
  model: Model,
  keys: readonly Key[],
  options: CheckOptions,
  sampled: Shrunk = () => null,
  /** Within the bounds there is no path to it: only longer runs have met it. */
  isBeyond: (key: Key) => boolean = () => false,
  /** What the search of all calls has found out; null: it is still to be made. */
  culprits: ReadonlyMap<number, Culprits> | null = null,
): Finding[] {
  if (keys.length === 0) return [];
  const { calls, maxStates } = model.config.bounds;
  let known = culprits;
  const certified = certifyAll(
    (n, bits, selection) => build(model, n)(bits, selection),
    keys.filter((key) => !isBeyond(key)).map((key) => key.property),
    calls,
    {
      statesMax: maxStates,
      stop: () => {
        options.progress?.({ phase: 'minimising', states: 0, runs: 0, found: keys.length });
        return options.stop?.() === true;
      },
      culprits: {
        callsMin: HALVED_CALLS,
        ready: culprits !== null,
        of: (property) => (known ??= culpritsAgain(model, options)).get(property) ?? null,
      },
    },
  );
  const found = new Map<Key, Finding>();
  for (const key of keys) {
    const certificate = certified.get(key.property)?.certificate;
    const shrunk = certificate === undefined || certificate === null ? sampled(key.property) : null;
    if (certificate !== undefined && certificate !== null)
      found.set(key, { ...certificate, key, certifiedStates: certificate.states, certified: true });
    else if (shrunk !== null) found.set(key, shrunk);
  }
  const missing = keys.filter((key) => !found.has(key) && !isBeyond(key));
  if (missing.length > 0)
    for (const finding of firstPaths(model, missing, calls)) found.set(finding.key, finding);
  return keys.flatMap((key) => found.get(key) ?? []);
}

/** A shortest path by steps alone, where the exact search did not fit: said to be uncertified. */
function firstPaths(model: Model, keys: readonly Key[], calls: number): Finding[] {
  return withPlaceBits(build(model, calls), (system) => {
    const until = keys.map(({ property }) => property);
    const found = explore(system, { eager: true, until, statesMax: model.config.bounds.maxStates });
    return keys.flatMap((key) => {
      const path = found.pathTo(key.property);
      if (path === null) return [];
      const actors = path.moves.map((move) => system.actorOf(move));
      const switches = actors.filter((actor, k) => k > 0 && actor !== actors[k - 1]).length;
      const started = path.moves.filter((move) => system.offerOf(move) >= 0).length;
      const sizes = { calls: started, switches, steps: path.moves.length };
      return [{ key, system, path, ...sizes, certified: false, certifiedStates: 0 }];
    });
  });
}
