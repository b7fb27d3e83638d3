// What the base does by itself: a breach that it has without any IOMMU consumer is not held against a policy.

import { explore } from '../engine/explore.ts';
import type { Culprits } from '../engine/culprits.ts';
import { makeSelection } from '../engine/selection.ts';
import { type CallOffer, type System, withPlaceBits } from '../engine/system.ts';
import type { Config } from '../models/bounds.ts';
import { none } from '../policies/none.ts';
import { HALVED_CALLS, type Tally, searchHalves } from './halves.ts';
import { type Key, PROPERTIES } from './spec/keys.ts';
import { type CheckOptions, type Shrunk, build, sampleOf, stopOf } from './search.ts';
import type { Finding } from './finding.ts';
import { type Model, makeModel, offersOf } from './system.ts';

/** What is known of how a policy does it, tried on the base before all of it is searched. */
export interface Leads {
  readonly model: Model;
  readonly culprits: ReadonlyMap<number, Culprits>;
  readonly sampled?: Shrunk | undefined;
}

/**
 * What the base does without any IOMMU consumer: searched for each configuration until the keys are hit, and
 * at most once to the end.
 */
export interface BaseFindings {
  readonly of: (config: Config, options: CheckOptions, keys: readonly Key[], leads?: Leads) => OfBase;
}

export interface OfBase {
  /** By property: above 0 for those of the keys that the base hits. Of other keys it says nothing. */
  readonly hits: Float64Array;
  /** Properties of keys that were not hit, by a search that did not end: time was up, or too many states. */
  readonly unknown: readonly number[];
}

export const needsIommu = ({ breach }: Key): boolean => breach.needsIommu === true;

/** Without a consumer nobody maps, and devices have no calls; but a dma-buf may be mapped. */
export const hasIommu = ({ table }: Model): boolean =>
  table.calls.some(({ word, thread }) => word.startsWith('map') || thread === 'device');

const PLACE_BITS = 16;
const SCENARIO_STATES = 1_000_000;

/** The same call of the model; for one of the IOMMU the fallocate() that allocates as much. */
function ownCall(model: Model, kind: string, { name, args }: CallOffer): CallOffer | undefined {
  const offers = offersOf(model.table, kind);
  const allocates = model.table.calls.find(
    (call) => call.word === 'allocate' && JSON.stringify(call.args) === JSON.stringify(args),
  );
  return offers.find((each) => each.name === name) ?? offers.find((each) => each.name === allocates?.name);
}

/**
 * The model breaks the key with the calls of the finding that it has itself, in any order; what a call of the IOMMU
 * allocates, an fallocate() does.
 */
export function doesTheSame(model: Model, { key, system, path }: Finding): boolean {
  const { threads } = model.machine;
  const lists = threads.map((): CallOffer[] => []);
  for (const move of path.moves) {
    const thread = system.actorOf(move);
    const started = system.environment.offers[thread]?.[system.offerOf(move)];
    const own = started === undefined ? undefined : ownCall(model, threads[thread].kind, started);
    if (own !== undefined) lists[thread].push(own);
  }
  return withPlaceBits(
    (bits) => model.system({ kind: 'scenario', offers: lists }, bits),
    (scenario) =>
      explore(scenario, { eager: true, until: [key.property], statesMax: SCENARIO_STATES }).hits[
        key.property
      ] > 0,
  );
}

/** The model breaks it with the calls that break it in the other model, where it has them itself. */
function doesSoToo(model: Model, other: Model, property: number, { calls, states, rows }: Culprits): boolean {
  const { threads } = model.machine;
  const free = (system: Model): System => build(system, calls)(PLACE_BITS);
  const [here, there] = [free(model), free(other)];
  const moved = (move: number): number => {
    const thread = there.actorOf(move);
    const call = there.environment.offers[thread][there.offerOf(move)];
    const own = ownCall(model, threads[thread].kind, call);
    const offer = here.environment.offers[thread].findIndex(({ name }) => name === own?.name);
    return offer < 0 ? -1 : here.startMove(thread, offer);
  };
  const kept: number[] = [];
  for (let row = 0; row < rows.length; row += 1 + calls) {
    const moves = Array.from(rows.subarray(row + 1, row + 1 + calls), moved);
    if (!moves.includes(-1)) kept.push(rows[row], ...moves);
  }
  if (kept.length === 0) return false;
  const selection = makeSelection({ calls, states, rows: Int32Array.from(kept) }, here);
  return withPlaceBits(
    (bits) => build(model, calls)(bits, selection),
    (some) =>
      explore(some, { eager: true, until: [property], statesMax: SCENARIO_STATES }).hits[property] > 0,
  );
}

/** All of it; ends where the properties were hit. A small search is made also where time is up. */
function exhaustUntil(model: Model, options: CheckOptions, calls: number, until: readonly number[]): Tally {
  const { otherCore } = options;
  const stop = calls < HALVED_CALLS ? {} : { stop: stopOf(options, calls) };
  return searchHalves(model, calls, { until, ...stop, otherCore, base: true, meanwhile: () => {} });
}

export function makeBaseFindings(): BaseFindings {
  const known = new Map<string, { readonly hits: Float64Array; searchedAll: boolean; complete: boolean }>();
  return {
    of: (config, options, keys, leads) => {
      const name = JSON.stringify(config);
      const hitsOfNone = new Float64Array(PROPERTIES.length);
      const found = known.get(name) ?? { hits: hitsOfNone, searchedAll: false, complete: true };
      known.set(name, found);
      const { hits } = found;
      const add = (more: Float64Array): void => more.forEach((count, property) => (hits[property] += count));
      const model = makeModel(config, none);
      const possible = keys.filter((key) => hasIommu(model) || !needsIommu(key));
      const missing = (): number[] =>
        possible.map(({ property }) => property).filter((property) => hits[property] === 0);
      const answer = (): OfBase => ({ hits, unknown: found.complete ? [] : missing() });
      if (found.searchedAll || missing().length === 0) return answer();
      const { calls } = config.bounds;
      /* what fewer calls reach, more calls reach as well: most keys are found in a search that is small */
      if (calls > 1) add(exhaustUntil(model, options, calls - 1, missing()).hits);
      for (const property of missing()) {
        /* the calls that do it, or those that only longer runs have met, without those of the IOMMU, in every order */
        const culprits = leads?.culprits.get(property);
        const same =
          culprits !== undefined && leads !== undefined && doesSoToo(model, leads.model, property, culprits);
        const finding = same ? null : leads?.sampled?.(property);
        if (same || (finding !== undefined && finding !== null && doesTheSame(model, finding)))
          hits[property]++;
      }
      if (missing().length === 0) return answer();
      const all = exhaustUntil(model, options, calls, missing());
      add(all.hits);
      found.searchedAll = missing().length > 0;
      found.complete = all.complete;
      if (found.searchedAll && options.runs > 0) add(sampleOf(model, options).hits);
      return answer();
    },
  };
}
