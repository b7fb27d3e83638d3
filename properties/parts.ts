// An exhaustive search in two parts, each from one half of the initial states. The second may run beside the first,
// on another core; what they add up to is the same where it does not.

import { type ExploreOptions, explore } from '../engine/explore.ts';
import { withPlaceBits } from '../engine/system.ts';
import type { Config } from '../models/bounds.ts';
import { initialStates } from '../models/boot.ts';
import { type Model, freeEnvironment } from './system.ts';

export interface Part {
  readonly hits: Float64Array;
  /** Of two parts added up: a state that both have met counts twice. */
  readonly states: number;
  readonly transitions: number;
  readonly complete: boolean;
}

/** A part that is searched elsewhere. */
export interface Running {
  /** Waits for it, and asks meanwhile whether to stop. Null: it was not to be had, and is to be searched here. */
  readonly result: (stop: () => boolean) => Part | null;
  /** It is not wanted any more. */
  readonly stop: () => void;
}

/** Starts the search of one policy from these initial states, or says that it cannot: null. */
export type Beside = (config: Config, initial: readonly number[]) => Running | null;

/* A search of fewer calls is over before another one has begun. */
const PARTED_CALLS = 3;

/** The initial states of each part; one part where there is nothing to gain. */
export function partsOf(config: Config, calls: number): readonly (readonly number[])[] {
  const all = initialStates(config).map((_, k) => k);
  if (calls < PARTED_CALLS || all.length < 2) return [all];
  const half = all.length >> 1;
  return [all.slice(0, half), all.slice(half)];
}

export function searchPart(
  model: Model,
  calls: number,
  initial: readonly number[],
  options: Pick<ExploreOptions, 'stop' | 'until'>,
): Part {
  const { hits, states, transitions, complete } = withPlaceBits(
    (bits) => model.system(freeEnvironment(model, calls), bits, initial),
    (system) => explore(system, { eager: true, statesMax: model.config.bounds.maxStates, ...options }),
  );
  return { hits, states, transitions, complete };
}

function added(a: Part, b: Part): Part {
  return {
    hits: a.hits.map((count, property) => count + b.hits[property]),
    states: a.states + b.states,
    transitions: a.transitions + b.transitions,
    complete: a.complete && b.complete,
  };
}

/** Both parts. `maxStates` holds for each of them; `meanwhile` is done while the second is not there yet. */
export function searchParts(
  model: Model,
  calls: number,
  options: Pick<ExploreOptions, 'stop'> & {
    readonly beside: Beside | undefined;
    readonly meanwhile: () => void;
  },
): Part {
  const { beside, meanwhile } = options;
  const [first, second] = partsOf(model.config, calls);
  if (second === undefined)
    return searchPart(model, calls, first, options.stop === undefined ? {} : { stop: options.stop });
  const running = beside?.(model.config, second) ?? null;
  const stop: NonNullable<ExploreOptions['stop']> = (progress) => options.stop?.(progress) === true;
  try {
    const one = searchPart(model, calls, first, { stop });
    if (!one.complete) {
      running?.stop();
      return one;
    }
    if (running !== null) meanwhile();
    const { states, transitions } = one;
    const other =
      running?.result(() => stop({ states, transitions, depth: 0 })) ??
      searchPart(model, calls, second, { stop });
    return added(one, other);
  } catch (error) {
    running?.stop();
    throw error;
  }
}
