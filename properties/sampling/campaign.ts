// A campaign: one free system on which scenario after scenario is run, as paths of its graph.

import { type ScenarioData, type ScenarioTable, decoderOf } from '../../arbitraries/scenario.ts';
import { recompiled } from '../../engine/recompiled.ts';
import type { System } from '../../engine/system.ts';
import { initialStates } from '../../models/boot.ts';
import type { Key } from '../spec/keys.ts';
import { systemFor } from './named-paths.ts';
import { type Plan, type Runner, runnerOf } from './walk.ts';
import { type Model, freeEnvironment, offersOf } from '../system.ts';

/* Walks do not pack states, so that wide places cost nothing. */
export const PLACE_BITS = 20;
const STEPS_MAX = 400;
/** About as many steps as a call takes: the drops are drawn among so many times the calls. */
const STEPS_PER_CALL = 12;

/**
 * What scenario data is decoded with: the calls of each thread, as numbers of its offers in the free
 * environment.
 */
export function scenarioTable(model: Model): ScenarioTable<number> {
  const { table, machine, config } = model;
  const known = new Map(table.calls.map((call) => [call.name, call]));
  return {
    initials: initialStates(config).length,
    pages: machine.pages,
    threads: machine.threads.map((thread) =>
      offersOf(table, thread.kind).flatMap(({ name }, call) => {
        const found = known.get(name);
        return found === undefined ? [] : [{ word: found.word, ...found.range, call }];
      }),
    ),
  };
}

export interface Campaign {
  readonly system: System;
  readonly runner: Runner;
  readonly load: (data: ScenarioData) => Plan;
  readonly hits: Float64Array;
  readonly wanted: Uint8Array;
  readonly told: { property: number; steps: number }[];
}

export function campaignOf(model: Model, keys: readonly Key[], calls: number): Campaign {
  const system = systemFor(model, freeEnvironment(model, calls), keys, PLACE_BITS);
  const { threads, domain } = system;
  const decode = decoderOf(scenarioTable(model));
  const hits = new Float64Array(domain.properties.length);
  const wanted = new Uint8Array(domain.properties.length);
  const told: Campaign['told'] = [];
  const { judge } = domain;
  const options = {
    callsMax: calls,
    stepsMax: STEPS_MAX,
    judge,
    hits,
    wanted,
    onHit: (property: number, steps: number): void => {
      wanted[property] = 0;
      told.push({ property, steps });
    },
  };
  const runner = recompiled(runnerOf)(system, system.stepper(), options);
  const plan: Plan = {
    initial: 0,
    starts: new Int32Array(threads * calls),
    counts: new Int32Array(threads),
    depth: 0,
    seed: 1,
    horizon: 1,
    choices: [],
  };
  const load = (data: ScenarioData): Plan => {
    const decoded = decode(data);
    plan.initial = decoded.initial;
    decoded.threads.forEach((list, thread) => {
      plan.counts[thread] = list.length;
      list.forEach((offer, k) => (plan.starts[thread * calls + k] = system.startMove(thread, offer)));
    });
    plan.horizon = data.calls.length * STEPS_PER_CALL;
    plan.choices = data.choices;
    return plan;
  };
  return { system, runner, load, hits, wanted, told };
}

/** Runs the plan and adds what only its end shows. */
export function runPlan(campaign: Campaign, plan: Plan): number {
  const { runner, hits, wanted, told } = campaign;
  const steps = runner.run(plan);
  const { stuck } = campaign.system.domain;
  if (stuck !== undefined && runner.stuck()) {
    hits[stuck.property]++;
    if (wanted[stuck.property] === 1) told.push({ property: stuck.property, steps });
    wanted[stuck.property] = 0;
  }
  return steps;
}
