// The inner loop of sampling: one scenario, one schedule, every state judged.

import type { State } from '../../engine/layout.ts';
import type { Stepper } from '../../engine/stepper.ts';
import type { Move, System } from '../../engine/system.ts';

/** What one run is to do. Filled again for each run: nothing is allocated. */
export interface Plan {
  initial: number;
  /** Moves that start the calls of a thread: `starts[thread * callsMax + k]`. */
  readonly starts: Int32Array;
  readonly counts: Int32Array;
  /** 0: uniform. 1 and more: priorities (Burckhardt and others, 2010), with one drop fewer. -1: `choices`. */
  depth: number;
  /** Of the random numbers of this run: not 0. */
  seed: number;
  /** Steps among which the drops are drawn. */
  horizon: number;
  choices: readonly number[];
}

export interface Runner {
  /** Runs the plan. Returns the number of steps. */
  readonly run: (plan: Plan) => number;
  /** Moves made, and which of the candidates each was. */
  readonly moves: Int32Array;
  readonly choices: Int32Array;
  /** The last run ended with calls in flight and nobody able to move. */
  readonly stuck: () => boolean;
}

export interface RunnerOptions {
  readonly callsMax: number;
  readonly stepsMax: number;
  readonly judge: (state: State, found: number[], placeAt: readonly number[]) => void;
  /** States and steps at which each property was hit. */
  readonly hits: Float64Array;
  /** 1 for a property whose hit is to be told; 0 once told. */
  readonly wanted: Uint8Array;
  readonly onHit: (property: number, steps: number) => void;
}

/** Uses nothing from outside, see engine/recompiled.ts. */
export function runnerOf(system: System, stepper: Stepper, options: RunnerOptions): Runner {
  const { domain, layout, threads, actors, placeAt, calls } = system;
  const { step } = stepper;
  const { events } = domain;
  const { callsMax, stepsMax, judge, hits, wanted, onHit } = options;
  const state: State = new Int32Array(layout.length);
  const moves = new Int32Array(stepsMax);
  const choices = new Int32Array(stepsMax);
  const candidates = new Int32Array(actors);
  const position = new Int32Array(threads);
  /* Actors by falling priority. */
  const order = new Int32Array(actors);
  const drops = new Int32Array(8);
  const found: number[] = [];
  let random = 1;
  let steps = 0;
  let stuck = false;

  /* xorshift32: natural numbers below 2^31 */
  const next = (): number => {
    random ^= random << 13;
    random ^= random >>> 17;
    random ^= random << 5;
    return random >>> 1;
  };
  /** The one move that an actor has, or -1. */
  const moveOf = (actor: number, plan: Plan): Move => {
    if (actor >= threads || state[placeAt[actor]] !== 0) return actor << 10;
    return position[actor] < plan.counts[actor] ? plan.starts[actor * callsMax + position[actor]] : -1;
  };
  const list = (plan: Plan): number => {
    let count = 0;
    for (let actor = 0; actor < actors; actor++) {
      const move = moveOf(actor, plan);
      if (move >= 0) candidates[count++] = move;
    }
    return count;
  };
  const made = (move: Move, choice: number): void => {
    if (move >> 10 < threads && (move & 1023) !== 0) position[move >> 10]++;
    moves[steps] = move;
    choices[steps++] = choice;
  };
  /** The number given, modulo the candidates; another one where that cannot move. */
  const makeChosen = (plan: Plan, wantedMove: number): boolean => {
    const count = list(plan);
    for (let k = 0; k < count; k++) {
      const choice = (wantedMove + k) % count;
      if (!step(state, candidates[choice])) continue;
      made(candidates[choice], choice);
      return true;
    }
    return false;
  };
  const makeHighest = (plan: Plan, drawn: number): boolean => {
    for (let k = 0; k < actors; k++) {
      const actor = order[k];
      const move = moveOf(actor, plan);
      if (move < 0 || !step(state, move)) continue;
      let choice = 0;
      for (let other = 0; other < actor; other++) {
        if (other !== actor && moveOf(other, plan) >= 0) choice++;
      }
      made(move, choice);
      for (let d = 0; d < drawn; d++) {
        if (drops[d] !== steps) continue;
        order.copyWithin(k, k + 1);
        order[actors - 1] = actor;
        break;
      }
      return true;
    }
    return false;
  };
  const shuffle = (plan: Plan): void => {
    for (let actor = 0; actor < actors; actor++) {
      const other = next() % (actor + 1);
      order[actor] = order[other];
      order[other] = actor;
    }
    for (let d = 0; d < plan.depth - 1; d++) drops[d] = 1 + (next() % plan.horizon);
  };
  const hit = (property: number): void => {
    hits[property]++;
    if (wanted[property] === 1) onHit(property, steps);
  };
  const look = (): void => {
    for (let k = 0; k < events.length; k++) hit(events[k]);
    judge(state, found, placeAt);
    if (found.length === 0) return;
    for (let k = 0; k < found.length; k++) hit(found[k]);
    found.length = 0;
  };
  return {
    moves,
    choices,
    stuck: () => stuck,
    run: (plan) => {
      layout.copy(system.initial[plan.initial], state);
      position.fill(0);
      random = plan.seed;
      steps = 0;
      stuck = false;
      if (plan.depth > 0) shuffle(plan);
      while (steps < stepsMax && domain.isTerminal?.(state) !== true) {
        const able =
          plan.depth > 0
            ? makeHighest(plan, plan.depth - 1)
            : makeChosen(plan, plan.depth === 0 ? next() : (plan.choices[steps] ?? 0));
        if (!able) {
          for (let thread = 0; thread < threads; thread++) {
            const place = state[placeAt[thread]];
            if (place !== 0 && domain.stuck?.unless(calls.op[place]) !== true) stuck = true;
          }
          break;
        }
        look();
      }
      return steps;
    },
  };
}
