// An exhaustive search in two parts, each from one half of the initial states. The second may run beside the first,
// on another core; what they add up to is the same where it does not.

import { type ExploreOptions, explore } from '../engine/explore.ts';
import type { Origins } from '../engine/origins.ts';
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
  /** With what the hits of keys that take many calls begin. A key is not there where it is not known. */
  readonly origins: ReadonlyMap<number, Origins>;
}

/** A part that is searched elsewhere. */
export interface Running {
  /** Waits for it, and asks meanwhile whether to stop. Null: it was not to be had, and is to be searched here. */
  readonly result: (stop: () => boolean) => Part | null;
  /** It is not wanted any more. */
  readonly stop: () => void;
}

/** What is to be searched elsewhere. */
export interface Wanted {
  readonly config: Config;
  readonly calls: number;
  readonly initial: readonly number[];
  /** End where these properties were hit. */
  readonly until?: readonly number[] | undefined;
  /** Not the policy but what its base does by itself. */
  readonly base?: boolean | undefined;
}

/** Searches parts of one policy's elsewhere. */
export interface Beside {
  /** Starts the search, or says that it cannot: null. */
  readonly start: (wanted: Wanted) => Running | null;
  /** A search that was started ahead; null: it was not. */
  readonly known: (wanted: Wanted) => Running | null;
}

/* A search of fewer calls is over before another one has begun. */
export const PARTED_CALLS = 3;

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
  const wanted = { properties: model.keys.map(({ property }) => property), callsMin: PARTED_CALLS };
  const { hits, states, transitions, complete, origins } = withPlaceBits(
    (bits) => model.system(freeEnvironment(model, calls), bits, initial),
    (system) =>
      explore(system, {
        eager: true,
        statesMax: model.config.bounds.maxStates,
        ...(calls < PARTED_CALLS || options.until !== undefined ? {} : { origins: wanted }),
        ...options,
      }),
  );
  const found = [...origins()].map(([property, known]): [number, Origins] => {
    /* numbers of this part's initial states */
    const rows = known.rows.map((n, k) => (k % (1 + known.calls) === 0 ? initial[n] : n));
    return [property, { ...known, rows }];
  });
  return { hits, states, transitions, complete, origins: new Map(found) };
}

/** Those with the fewest calls; nothing where one of the parts hits it and does not know how. */
function originsIn(a: Part, b: Part, property: number): Origins | null {
  const parts = [a, b].filter(({ hits }) => hits[property] > 0);
  const known = parts.flatMap(({ origins }) => origins.get(property) ?? []);
  if (known.length < parts.length) return null;
  const calls = Math.min(...known.map((each) => each.calls));
  const rows = known.filter((each) => each.calls === calls).flatMap((each) => [...each.rows]);
  return { calls, states: a.states + b.states, rows: Int32Array.from(rows) };
}

function added(a: Part, b: Part): Part {
  return {
    hits: a.hits.map((count, property) => count + b.hits[property]),
    states: a.states + b.states,
    transitions: a.transitions + b.transitions,
    complete: a.complete && b.complete,
    origins: new Map(
      [...new Set([...a.origins.keys(), ...b.origins.keys()])].flatMap((property) => {
        const origins = a.complete && b.complete ? originsIn(a, b, property) : null;
        return origins === null ? [] : [[property, origins]];
      }),
    ),
  };
}

const NOTHING = { states: 0, transitions: 0 };

/** Both parts. `maxStates` holds for each of them; `meanwhile` is done while the second is not there yet. */
export function searchParts(
  model: Model,
  calls: number,
  options: Pick<ExploreOptions, 'stop' | 'until'> &
    Pick<Wanted, 'base'> & {
      readonly beside: Beside | undefined;
      readonly meanwhile: () => void;
    },
): Part {
  const { beside, meanwhile, until, base } = options;
  const { config } = model;
  const [first, second] = partsOf(config, calls);
  const stop: NonNullable<ExploreOptions['stop']> = (progress) => options.stop?.(progress) === true;
  const elsewhere = (initial: readonly number[]): Wanted => ({ config, calls, initial, until, base });
  const resultOf = (running: Running | null, initial: readonly number[], { states, transitions } = NOTHING) =>
    running?.result(() => stop({ states, transitions, depth: 0 })) ??
    searchPart(model, calls, initial, { stop, ...(until === undefined ? {} : { until }) });
  const ahead = beside?.known(elsewhere(first)) ?? null;
  if (second === undefined) return resultOf(ahead, first);
  const running = beside?.start(elsewhere(second)) ?? null;
  try {
    const one = resultOf(ahead, first);
    if (!one.complete || until?.every((property) => one.hits[property] > 0) === true) {
      running?.stop();
      return one;
    }
    if (running !== null) meanwhile();
    return added(one, resultOf(running, second, one));
  } catch (error) {
    running?.stop();
    throw error;
  }
}
