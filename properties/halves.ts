// An exhaustive search in two halves, each from one half of the initial states. The second may run on another core,
// at the same time as the first; what they add up to is the same where it does not.

import { type ExploreOptions, explore } from '../engine/explore.ts';
import type { Culprits } from '../engine/culprits.ts';
import { withPlaceBits } from '../engine/system.ts';
import type { Config } from '../models/bounds.ts';
import { initialStates } from '../models/boot.ts';
import { type Model, freeEnvironment } from './system.ts';

/** What a search has counted and found out. */
export interface Tally {
  readonly hits: Float64Array;
  /** Of two halves added up: a state that both have met counts twice. */
  readonly states: number;
  readonly transitions: number;
  readonly complete: boolean;
  /** With what the hits of keys that take many calls begin. A key is not there where it is not known. */
  readonly culprits: ReadonlyMap<number, Culprits>;
}

/** A half that is searched elsewhere. */
export interface Running {
  /** Waits for it, and asks meanwhile whether to stop. Null: it was not to be had, and is to be searched here. */
  readonly result: (stop: () => boolean) => Tally | null;
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

/** Searches halves of one policy's elsewhere. */
export interface OtherCore {
  /** Starts the search, or says that it cannot: null. */
  readonly start: (wanted: Wanted) => Running | null;
  /** A search that was started ahead; null: it was not. */
  readonly known: (wanted: Wanted) => Running | null;
}

/* A search of fewer calls is over before another one has begun. */
export const HALVED_CALLS = 3;

/** The initial states of each half; all of them in one list where there is nothing to gain. */
export function halvesOf(config: Config, calls: number): readonly (readonly number[])[] {
  const all = initialStates(config).map((_, k) => k);
  if (calls < HALVED_CALLS || all.length < 2) return [all];
  const half = all.length >> 1;
  return [all.slice(0, half), all.slice(half)];
}

export function searchHalf(
  model: Model,
  calls: number,
  initial: readonly number[],
  options: Pick<ExploreOptions, 'stop' | 'until'>,
): Tally {
  const wanted = { properties: model.keys.map(({ property }) => property), callsMin: HALVED_CALLS };
  const { hits, states, transitions, complete, culprits } = withPlaceBits(
    (bits) => model.system(freeEnvironment(model, calls), bits, initial),
    (system) =>
      explore(system, {
        eager: true,
        statesMax: model.config.bounds.maxStates,
        ...(calls < HALVED_CALLS || options.until !== undefined ? {} : { culprits: wanted }),
        ...options,
      }),
  );
  const found = [...culprits()].map(([property, known]): [number, Culprits] => {
    /* numbers of this half's initial states */
    const rows = known.rows.map((n, k) => (k % (1 + known.calls) === 0 ? initial[n] : n));
    return [property, { ...known, rows }];
  });
  return { hits, states, transitions, complete, culprits: new Map(found) };
}

/** Those with the fewest calls; nothing where one of the halves hits it and does not know how. */
function culpritsIn(a: Tally, b: Tally, property: number): Culprits | null {
  const halves = [a, b].filter(({ hits }) => hits[property] > 0);
  const known = halves.flatMap(({ culprits }) => culprits.get(property) ?? []);
  if (known.length < halves.length) return null;
  const calls = Math.min(...known.map((each) => each.calls));
  const rows = known.filter((each) => each.calls === calls).flatMap((each) => [...each.rows]);
  return { calls, states: a.states + b.states, rows: Int32Array.from(rows) };
}

function added(a: Tally, b: Tally): Tally {
  return {
    hits: a.hits.map((count, property) => count + b.hits[property]),
    states: a.states + b.states,
    transitions: a.transitions + b.transitions,
    complete: a.complete && b.complete,
    culprits: new Map(
      [...new Set([...a.culprits.keys(), ...b.culprits.keys()])].flatMap((property) => {
        const culprits = a.complete && b.complete ? culpritsIn(a, b, property) : null;
        return culprits === null ? [] : [[property, culprits]];
      }),
    ),
  };
}

const NOTHING = { states: 0, transitions: 0 };

/** Both halves. `maxStates` holds for each of them; `meanwhile` is done while the second is not there yet. */
export function searchHalves(
  model: Model,
  calls: number,
  options: Pick<ExploreOptions, 'stop' | 'until'> &
    Pick<Wanted, 'base'> & {
      readonly otherCore: OtherCore | undefined;
      readonly meanwhile: () => void;
    },
): Tally {
  const { otherCore, meanwhile, until, base } = options;
  const { config } = model;
  const [first, second] = halvesOf(config, calls);
  const stop: NonNullable<ExploreOptions['stop']> = (progress) => options.stop?.(progress) === true;
  const elsewhere = (initial: readonly number[]): Wanted => ({ config, calls, initial, until, base });
  const resultOf = (running: Running | null, initial: readonly number[], { states, transitions } = NOTHING) =>
    running?.result(() => stop({ states, transitions, depth: 0 })) ??
    searchHalf(model, calls, initial, { stop, ...(until === undefined ? {} : { until }) });
  const ahead = otherCore?.known(elsewhere(first)) ?? null;
  if (second === undefined) return resultOf(ahead, first);
  const running = otherCore?.start(elsewhere(second)) ?? null;
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
