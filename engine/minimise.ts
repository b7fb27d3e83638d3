// Shortest counterexamples: fewest calls, of those fewest switches, of those fewest steps; each exact and
// said how.

import { SuiteError } from './errors.ts';
import { type Path, explore } from './explore.ts';
import type { Culprits } from './culprits.ts';
import { searchBySwitches } from './by-switches.ts';
import { type Selection, makeSelection } from './selection.ts';
import { type CallOffer, type System, withPlaceBits } from './system.ts';

/**
 * `build` gets the number of calls, how many bits a place should have, and where only some of these calls are to be
 * started, which.
 */
export type BuildForCalls = (calls: number, placeBits: number, selection?: Selection) => System;

/** What a search of all calls, with its steps reduced, has found out. */
export interface KnownCulprits {
  /** Of hits that take so many calls or more. */
  readonly callsMin: number;
  /** To ask costs nothing. Else it is asked only when searches with fewer calls have not found it. */
  readonly ready: boolean;
  /** Null where nothing is known. */
  readonly of: (property: number) => Culprits | null;
}

export interface CertifyOptions {
  /** Of each of the searches; with more states the answer is `cap`. */
  readonly statesMax?: number;
  /** Asked every few thousand states; true stops the search with `stopped`. */
  readonly stop?: () => boolean;
  readonly culprits?: KnownCulprits;
}

export interface Certificate {
  /** The environment of one call fewer was exhausted without a hit. */
  readonly calls: number;
  readonly switches: number;
  readonly steps: number;
  readonly path: Path;
  /** The system that has the path: of `calls` calls. */
  readonly system: System;
  /** States visited in all searches up to the hit, that which has found out its culprits among them. */
  readonly states: number;
  readonly certified: boolean;
}

export type Certification =
  | { readonly certificate: Certificate; readonly reason: 'found' }
  /**
   * `unreachable`: all environments were exhausted. `cap`, `stopped`: a search ended early, so nothing is
   * known.
   */
  | {
      readonly certificate: null;
      readonly reason: 'unreachable' | 'cap' | 'stopped';
      readonly states: number;
    };

/**
 * The lowest hit of a property of which is known with what all its hits with the fewest calls begin: nothing else is
 * started. With fewer calls there is none, or it would be known.
 */
function certifySelected(
  build: BuildForCalls,
  property: number,
  culprits: Culprits,
  { statesMax = Infinity, stop }: CertifyOptions,
): Certification {
  const { calls, states: before } = culprits;
  const system = withPlaceBits(
    (placeBits) => build(calls, placeBits),
    (whole) => whole,
  );
  const selection = makeSelection(culprits, system);
  let stopped = false;
  const { found, states, complete } = withPlaceBits(
    (placeBits) => build(calls, placeBits, selection),
    (some) =>
      searchBySwitches(some, {
        by: 'switches',
        until: [property],
        statesMax,
        stop: () => (stopped = stop?.() === true),
      }),
  );
  const hit = found.get(property);
  if (hit === undefined) {
    if (complete) throw new SuiteError(`${system.domain.properties[property]} is not hit again`);
    return { certificate: null, reason: stopped ? 'stopped' : 'cap', states: before + states };
  }
  const { rank: switches, steps, statesAtHit } = hit;
  /* moves have the same numbers in both systems */
  const path = { initial: selection.initials[hit.path.initial], moves: hit.path.moves };
  return {
    certificate: { calls, switches, steps, path, system, states: before + statesAtHit, certified: true },
    reason: 'found',
  };
}

/**
 * For each property the lowest hit in (calls, switches, steps). The numbers are those that `certify` gives
 * for it alone.
 */
export function certifyAll(
  build: BuildForCalls,
  properties: readonly number[],
  callsMax: number,
  options: CertifyOptions = {},
): Map<number, Certification> {
  const { statesMax = Infinity, stop, culprits } = options;
  const out = new Map<number, Certification>();
  let before = 0;
  const takeKnown = (): void => {
    for (const property of properties) {
      const known = out.has(property) ? undefined : culprits?.of(property);
      if (known !== undefined && known !== null)
        out.set(property, certifySelected(build, property, known, options));
    }
  };
  for (let calls = 1; calls <= callsMax; calls++) {
    if (calls === (culprits?.ready === true ? 1 : culprits?.callsMin)) takeKnown();
    const until = properties.filter((property) => !out.has(property));
    if (until.length === 0) break;
    let stopped = false;
    const { system, result } = withPlaceBits(
      (placeBits) => build(calls, placeBits),
      (system) => ({
        system,
        result: searchBySwitches(system, {
          by: 'switches',
          until,
          statesMax,
          stop: () => (stopped = stop?.() === true),
        }),
      }),
    );
    for (const property of until) {
      const hit = result.found.get(property);
      if (hit === undefined) continue;
      const { rank: switches, steps, path, statesAtHit } = hit;
      const states = before + statesAtHit;
      out.set(property, {
        certificate: { calls, switches, steps, path, system, states, certified: true },
        reason: 'found',
      });
    }
    before += result.states;
    if (result.complete || until.every((property) => out.has(property))) continue;
    if (!stopped) takeKnown();
    for (const property of until)
      if (!out.has(property))
        out.set(property, { certificate: null, reason: stopped ? 'stopped' : 'cap', states: before });
  }
  for (const property of properties)
    if (!out.has(property)) out.set(property, { certificate: null, reason: 'unreachable', states: before });
  return out;
}

export function certify(
  build: BuildForCalls,
  property: number,
  callsMax: number,
  options: CertifyOptions = {},
): Certification {
  const found = certifyAll(build, [property], callsMax, options).get(property);
  return found ?? { certificate: null, reason: 'unreachable', states: 0 };
}

/** A scenario: the calls of each thread, in order. */
export type Scenario = readonly (readonly CallOffer[])[];

/* A call too many in the scenario costs more. */
const LAST_STATES = 10;

export interface ShrinkOptions {
  /** The same call with smaller arguments, the smallest first. */
  readonly shorter?: (offer: CallOffer) => readonly CallOffer[];
  /** Of each search for a hit, with steps reduced. The last one, for the lowest hit, is not reduced and has more. */
  readonly statesMax?: number;
  /** Selections of calls tried; beyond, calls are only dropped one by one. */
  readonly attemptsMax?: number;
}

export interface Shrunk {
  readonly scenario: Scenario;
  readonly system: System;
  readonly path: Path;
  readonly switches: number;
  readonly steps: number;
  /**
   * No selection of fewer calls of the scenario given hits the property, and no call could be shortened any
   * more.
   */
  readonly minimal: boolean;
  readonly attempts: number;
}

/**
 * The scenarios that are left when calls are dropped: first none is kept, then each one, then each pair, ...
 */
function* selections(scenario: Scenario): Generator<Scenario> {
  const calls = scenario.flatMap((list, thread) => list.map((offer) => ({ thread, offer })));
  function* choose(size: number, from: number): Generator<readonly number[]> {
    if (size === 0) yield [];
    for (let first = from; size > 0 && first + size <= calls.length; first++)
      for (const rest of choose(size - 1, first + 1)) yield [first, ...rest];
  }
  for (let size = 0; size <= calls.length; size++)
    for (const kept of choose(size, 0))
      yield scenario.map((_, thread) =>
        kept.flatMap((k) => (calls[k].thread === thread ? [calls[k].offer] : [])),
      );
}

function* dropped(scenario: Scenario): Generator<Scenario> {
  for (const [thread, list] of scenario.entries())
    for (const k of list.keys())
      yield scenario.map((calls, t) => (t === thread ? calls.filter((_, j) => j !== k) : calls));
}

/** A call that is shorter may have become needless, or made another one so. */
function* smaller(
  scenario: Scenario,
  shorter: (offer: CallOffer) => readonly CallOffer[],
): Generator<Scenario> {
  yield* dropped(scenario);
  for (const [thread, list] of scenario.entries())
    for (const [k, offer] of list.entries())
      for (const other of shorter(offer))
        yield scenario.map((calls, t) =>
          t === thread ? calls.map((call, j) => (j === k ? other : call)) : calls,
        );
}

/**
 * The smallest scenario within the one given of which some schedule hits the property, and its lowest path in
 * (switches, steps). Null when none was found.
 */
export function shrinkScenario(
  build: (scenario: Scenario, placeBits: number) => System,
  scenario: Scenario,
  property: number,
  options: ShrinkOptions = {},
): Shrunk | null {
  const { shorter = () => [], statesMax = Infinity, attemptsMax = 2000 } = options;
  let attempts = 0;
  let minimal = true;
  const run = <T>(calls: Scenario, search: (system: System) => T): T =>
    withPlaceBits((placeBits) => build(calls, placeBits), search);
  const hits = (calls: Scenario): boolean => {
    attempts++;
    const { hits: counts, complete } = run(calls, (system) =>
      explore(system, { eager: true, until: [property], statesMax }),
    );
    if (counts[property] === 0 && !complete) minimal = false;
    return counts[property] > 0;
  };
  const first = (tries: Iterable<Scenario>, most: number): Scenario | null => {
    for (const tried of tries) {
      if (attempts >= most) {
        minimal = false;
        return null;
      }
      if (hits(tried)) return tried;
    }
    return null;
  };
  let best = first(selections(scenario), attemptsMax) ?? scenario;
  for (let next: Scenario | null = best; next !== null; next = first(smaller(best, shorter), Infinity))
    best = next;
  return run(best, (system) => {
    const last = { until: [property], statesMax: statesMax * LAST_STATES };
    const hit = searchBySwitches(system, { by: 'switches', ...last }).found.get(property);
    if (hit === undefined) return null;
    return {
      scenario: best,
      system,
      path: hit.path,
      switches: hit.rank,
      steps: hit.steps,
      minimal,
      attempts,
    };
  });
}
