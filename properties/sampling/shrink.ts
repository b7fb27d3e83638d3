// A sampled failure, shrunk: by fast-check first, then exactly.

import { type ScenarioData, decoderOf, shrinkData } from '../../arbitraries/scenario.ts';
import type { Path } from '../../engine/explore.ts';
import { type Scenario, shrinkScenario } from '../../engine/minimise.ts';
import type { CallOffer, System } from '../../engine/system.ts';
import type { Key } from '../spec/keys.ts';
import { PLACE_BITS, campaignOf, runPlan, scenarioTable } from './campaign.ts';
import { inOrderOfStart, movesOfNames, namesOf, shorterCalls, systemFor } from './named-paths.ts';
import type { Finding } from '../finding.ts';
import { type Model, freeEnvironment } from '../system.ts';

const SHRINK_ATTEMPTS = 400;
const SHRINK_STATES = 60_000;
const SHRINK_SCENARIOS = 400;

/** A key that a sampled run broke: the smallest path found, on a free system of as many calls as it has. */
export interface Sampled extends Finding {
  /** Number of the run, from 0. */
  readonly run: number;
  /** Replays the run by itself, schedule included; as far as fast-check shrank it. */
  readonly data: ScenarioData;
  readonly scenario: Scenario;
  /** No fewer of its calls and no shorter one breaks the key; no path has fewer switches, then steps. */
  readonly minimal: boolean;
}

/** The run that broke a key first, schedule included. */
export interface Hit {
  readonly run: number;
  readonly data: ScenarioData;
}

/** Whether the run that the data stands for breaks the key. */
function failing(model: Model, key: Key, calls: number) {
  const campaign = campaignOf(model, [key], calls);
  const { load, wanted, told, system, runner } = campaign;
  const fails = (data: ScenarioData): boolean => {
    told.length = 0;
    wanted[key.property] = 1;
    const plan = load(data);
    plan.depth = -1;
    runPlan(campaign, plan);
    return told.length > 0;
  };
  const pathOf = (data: ScenarioData): Path => {
    fails(data);
    return { initial: load(data).initial, moves: [...runner.moves.subarray(0, told[0]?.steps ?? 0)] };
  };
  return { fails, pathOf, system };
}

/** By fast-check first, then exactly. */
export function shrink(model: Model, key: Key, { run, data: found }: Hit, callsMax: number): Sampled {
  const { fails, pathOf } = failing(model, key, callsMax);
  const data = shrinkData(found, fails, SHRINK_ATTEMPTS);
  const free = freeEnvironment(model, data.calls.length);
  const { threads } = decoderOf(scenarioTable(model))(data);
  const scenario = threads.map((list, thread) => list.map((offer): CallOffer => free.offers[thread][offer]));
  const build = (calls: Scenario, placeBits: number): System =>
    systemFor(model, { kind: 'scenario', offers: calls }, [key], placeBits);
  const least = shrinkScenario(build, scenario, key.property, {
    shorter: shorterCalls(model),
    statesMax: SHRINK_STATES,
    attemptsMax: SHRINK_SCENARIOS,
  });
  const calls = (least?.scenario ?? scenario).flat().length;
  const system = systemFor(model, freeEnvironment(model, calls), [key], PLACE_BITS);
  const onFree = (from: System, { initial, moves }: Path): Path => {
    const named = movesOfNames(system, inOrderOfStart(system, namesOf(from, moves)));
    if (named === null) throw new RangeError('a call of a scenario is a call of the free system');
    return { initial, moves: named };
  };
  const common = { key, run, data, system, calls, certified: false, certifiedStates: 0 };
  if (least === null) {
    const path = onFree(system, pathOf(data));
    const steps = path.moves.length;
    return { ...common, scenario, path, switches: switchesOf(system, path), steps, minimal: false };
  }
  const { switches, steps, minimal } = least;
  return {
    ...common,
    scenario: least.scenario,
    path: onFree(least.system, least.path),
    switches,
    steps,
    minimal,
  };
}

const switchesOf = (system: System, { moves }: Path): number =>
  moves.filter((move, k) => k > 0 && system.actorOf(move) !== system.actorOf(moves[k - 1])).length;
