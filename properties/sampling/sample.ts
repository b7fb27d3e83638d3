// Sampling: random scenarios and random schedules, beyond what can be exhausted. Same seed, same results.

import seedrandom from 'seedrandom';
import { type ScenarioData, sampleScenarios } from '../../arbitraries/scenario.ts';
import { BOUND_LIMITS } from '../../models/bounds.ts';
import type { Key } from '../spec/keys.ts';
import { campaignOf, runPlan } from './campaign.ts';
import { type Hit, type Sampled, shrink } from './shrink.ts';
import type { Model } from '../system.ts';

export { scenarioTable } from './campaign.ts';
export type { Sampled } from './shrink.ts';

export const DEFAULT_RUNS = 3000;
/* Every second run is a uniform walk, every fourth one has priorities with one drop, with two. */
const DEPTHS = [0, 2, 0, 3] as const;
/*
 * A run of many calls holds many scenarios of a few: at eight calls a race of three is met ten times as
 * often.
 */
const CALLS_MORE = 5;
const CALLS_SPREAD = 3;
const BATCH = 256;

const callsOf = ({ config }: Model): number => Math.min(BOUND_LIMITS.calls, config.bounds.calls + CALLS_MORE);

export interface Sampling {
  readonly runs: number;
  readonly steps: number;
  /** States and steps at which each property was hit. */
  readonly hits: Float64Array;
  /** By property. */
  readonly found: ReadonlyMap<number, Sampled>;
  /** The same of one property, shrunk when it is asked for. */
  readonly shrunk: (property: number) => Sampled | null;
}

export interface SampleOptions {
  readonly seed: string;
  /** Default 3000. */
  readonly runs?: number;
  /** Most calls a run. Default: more than the bounds have. */
  readonly calls?: number;
  readonly keys: readonly Key[];
  /** Asked every few hundred runs. */
  readonly stop?: () => boolean;
  readonly progress?: (done: {
    readonly runs: number;
    readonly steps: number;
    readonly found: number;
  }) => void;
  /** Stop as soon as all keys are found. */
  readonly untilFound?: boolean;
  /** Default true. False leaves `found` empty: the hits tell what was broken, and `shrunk` the rest. */
  readonly shrink?: boolean;
}

/** Numbers from the seed: one for each run, one for each batch of scenarios. */
function numbersOf(seed: string): () => number {
  const random = seedrandom(seed);
  return () => random.int32() | 1;
}

/** Random runs, half of them uniform walks, half by priorities. A failure is shrunk. */
export function sample(model: Model, options: SampleOptions): Sampling {
  const { seed, runs = DEFAULT_RUNS, keys, stop, progress, untilFound = false } = options;
  const calls = options.calls ?? callsOf(model);
  const { found, ...totals } = search({ model, seed, runs, calls, keys, stop, progress, untilFound });
  const known = new Map<number, Sampled>();
  const shrunk = (property: number): Sampled | null => {
    const before = known.get(property);
    const hit = found.get(property);
    if (before !== undefined || hit === undefined) return before ?? null;
    const key = keys.find((each) => each.property === property);
    if (key === undefined) throw new RangeError(`property ${property} was not asked for`);
    const least = shrink(model, key, hit, calls);
    known.set(property, least);
    return least;
  };
  if (options.shrink !== false) for (const property of found.keys()) shrunk(property);
  return { ...totals, found: known, shrunk };
}

interface SearchOptions {
  readonly model: Model;
  readonly seed: string;
  readonly runs: number;
  readonly calls: number;
  readonly keys: readonly Key[];
  readonly stop?: SampleOptions['stop'] | undefined;
  readonly progress?: SampleOptions['progress'] | undefined;
  readonly untilFound: boolean;
}

function search(
  options: SearchOptions,
): Omit<Sampling, 'found' | 'shrunk'> & { readonly found: Map<number, Hit> } {
  const { model, seed, runs, calls, keys, stop, progress, untilFound } = options;
  const campaign = campaignOf(model, keys, calls);
  const { runner, load, hits, wanted, told } = campaign;
  for (const { property } of keys) wanted[property] = 1;
  const number = numbersOf(seed);
  const found = new Map<number, Hit>();
  const sizes = { callsMin: Math.max(1, calls - CALLS_SPREAD), callsMax: calls };
  let batch: ScenarioData[] = [];
  let steps = 0;
  let run = 0;
  for (; run < runs; run++) {
    if (run % BATCH === 0) {
      progress?.({ runs: run, steps, found: found.size });
      if (stop?.() === true) break;
      batch = sampleScenarios(sizes, number(), Math.min(BATCH, runs - run));
    }
    const data = batch[run % BATCH];
    const plan = load(data);
    plan.depth = DEPTHS[run % DEPTHS.length];
    plan.seed = number();
    steps += runPlan(campaign, plan);
    for (const { property, steps: length } of told)
      found.set(property, { run, data: { ...data, choices: [...runner.choices.subarray(0, length)] } });
    told.length = 0;
    if (untilFound && found.size === keys.length) {
      run++;
      break;
    }
  }
  return { runs: run, steps, hits, found };
}

export interface Rate {
  readonly seeds: number;
  /** In how many of them the key was found. */
  readonly caught: number;
  /** Runs of all of them together, up to the find. */
  readonly runs: number;
}

/** In how many seeds the key is found within `budget` runs. */
export function sampleRate(model: Model, key: Key, seeds: number, budget: number = DEFAULT_RUNS): Rate {
  const calls = callsOf(model);
  let caught = 0;
  let runs = 0;
  for (let seed = 0; seed < seeds; seed++) {
    const result = search({
      model,
      seed: `rate ${seed}`,
      runs: budget,
      calls,
      keys: [key],
      untilFound: true,
    });
    caught += result.found.size;
    runs += result.runs;
  }
  return { seeds, caught, runs };
}
