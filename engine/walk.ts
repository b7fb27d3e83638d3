// Walks: one path through the graph, chosen by a list of numbers or by a scheduler. Every list of numbers
// means something.

import { assert } from './errors.ts';
import type { Path } from './explore.ts';
import { recompiled } from './recompiled.ts';
import type { State } from './layout.ts';
import type { Stepper } from './stepper.ts';
import type { Move, System } from './system.ts';

/** Chooses among the candidates `moves[0 .. count)`. Any number will do: it is taken modulo `count`. */
export interface Scheduler {
  readonly choose: (count: number, moves: Int32Array) => number;
  /** The move was not enabled: choose among the others. Without this, the next one in the cycle is tried. */
  readonly instead?: (count: number, moves: Int32Array) => number;
}

/** A list of choices ends the walk with itself; a function gives one a step. */
export type Choices = ArrayLike<number> | (() => number) | Scheduler;

export interface WalkOptions {
  readonly stepsMax: number;
  /** Number of the initial state. */
  readonly initial?: number;
}

export interface Walk {
  readonly path: Path;
  /** Number of the step with the first hit of each property, 0 for the initial state. */
  readonly hits: ReadonlyMap<number, number>;
  /** No move was enabled, or the state was terminal, at the end. */
  readonly final: boolean;
}

/**
 * Appends the candidates of a state: calls in flight, offers that idle threads may start, agents. Uses
 * nothing from outside.
 */
export function listerOf(
  system: System,
  stepper: Pick<Stepper, 'starts' | 'firstOffer'>,
): (m: State, last: number, out: Int32Array) => number {
  const { threads, actors, placeAt } = system;
  const { starts, firstOffer } = stepper;
  return (m, last, out) => {
    let count = 0;
    for (let thread = 0; thread < threads; thread++) {
      if (m[placeAt[thread]] !== 0) {
        out[count++] = thread << 10;
        continue;
      }
      const offers = starts(m, thread, last);
      const first = (thread << 10) + 1 + firstOffer(m, thread);
      for (let k = 0; k < offers; k++) out[count++] = first + k;
    }
    for (let actor = threads; actor < actors; actor++) out[count++] = actor << 10;
    return count;
  };
}

export const candidatesMax = (system: System): number =>
  system.actors + system.environment.offers.reduce((sum, list) => sum + list.length, 0);

function schedulerOf(choices: Choices): Scheduler {
  if (typeof choices === 'function') return { choose: choices };
  if ('choose' in choices) return choices;
  let k = 0;
  return { choose: () => choices[k++] };
}

/** Make the chosen move in place, or another one where it is not enabled. The move made, or -1. */
function choose(system: System, m: State, scheduler: Scheduler, moves: Int32Array, candidates: number): Move {
  let count = candidates;
  let wanted = scheduler.choose(count, moves);
  while (count > 0) {
    assert(Number.isInteger(wanted) && wanted >= 0, `a choice is a natural number, not ${wanted}`);
    const index = wanted % count;
    const move = moves[index];
    if (system.step(m, move)) return move;
    moves.copyWithin(index, index + 1, count--);
    wanted = scheduler.instead !== undefined && count > 0 ? scheduler.instead(count, moves) : index;
  }
  return -1;
}

/** `onHit` is told of the first hit of each property, with the state as the step left it. */
export function walk(
  system: System,
  choices: Choices,
  options: WalkOptions,
  onHit?: (property: number, step: number, m: State) => void,
): Walk {
  const { domain } = system;
  const { initial = 0 } = options;
  const start = system.initial[initial];
  assert(start !== undefined, `initial state ${initial} exists`);
  const stepsMax =
    typeof choices === 'object' && 'length' in choices
      ? Math.min(options.stepsMax, choices.length)
      : options.stepsMax;
  const scheduler = schedulerOf(choices);
  const list = listerOf(system, system);
  const m: State = start.slice();
  const candidates = new Int32Array(candidatesMax(system));
  const moves: Move[] = [];
  const hits = new Map<number, number>();
  const found: number[] = [];

  const judge = (): void => {
    domain.judge(m, found, system.placeAt);
    found.push(...(moves.length > 0 ? domain.events : []));
    for (const property of found) {
      if (hits.has(property)) continue;
      hits.set(property, moves.length);
      onHit?.(property, moves.length, m);
    }
    found.length = 0;
  };
  judge();
  let last = -1;
  let final = domain.isTerminal?.(m) === true;
  while (!final && moves.length < stepsMax) {
    const count = list(m, last, candidates);
    const move = count === 0 ? -1 : choose(system, m, scheduler, candidates, count);
    if (move < 0) {
      final = true;
      break;
    }
    moves.push(move);
    last = system.actorOf(move);
    judge();
    final = domain.isTerminal?.(m) === true;
  }
  return { path: { initial, moves }, hits, final };
}

export interface Roaming {
  readonly steps: number;
  readonly walks: number;
  /** States and steps at which each property was hit; all zero where nothing was judged. */
  readonly hits: Float64Array;
}

/** Uses nothing from outside, see recompiled.ts. */
function roamerOf(
  system: System,
  stepper: Stepper,
  list: ReturnType<typeof listerOf>,
  candidates: Int32Array,
) {
  const { domain, layout, initial, placeAt } = system;
  const { step } = stepper;
  const m: State = new Int32Array(layout.length);
  const hits = new Float64Array(domain.properties.length);
  const found: number[] = [];

  const judge = (): void => {
    domain.judge(m, found, placeAt);
    for (let k = 0; k < found.length; k++) hits[found[k]]++;
    if (found.length !== 0) found.length = 0;
    for (let k = 0; k < domain.events.length; k++) hits[domain.events[k]]++;
  };
  const move = (last: number, choice: number): number => {
    const count = list(m, last, candidates);
    for (let k = 0; k < count; k++) {
      const wanted = candidates[(choice + k) % count];
      if (step(m, wanted)) return wanted;
    }
    return -1;
  };
  return (random: () => number, stepsMax: number, stepsPerWalk: number, judged: boolean): Roaming => {
    let walks = 0;
    let steps = 0;
    while (steps < stepsMax) {
      layout.copy(initial[walks % initial.length], m);
      walks++;
      let last = -1;
      const end = Math.min(stepsMax, steps + stepsPerWalk);
      while (steps < end && domain.isTerminal?.(m) !== true) {
        const made = move(last, random());
        if (made < 0) break;
        last = made >> 10;
        steps++;
        if (judged) judge();
      }
      /* A walk without a single step would be tried for ever. */
      if (last < 0) break;
    }
    return { steps, walks, hits };
  };
}

/**
 * Random walks one after another, as fast as they go: no paths are kept. `random` gives natural numbers below
 * 2^31.
 */
export function roam(
  system: System,
  random: () => number,
  options: { readonly steps: number; readonly stepsPerWalk: number; readonly judged: boolean },
): Roaming {
  const stepper = system.stepper();
  const list = recompiled(listerOf)(system, stepper);
  const run = recompiled(roamerOf)(system, stepper, list, new Int32Array(candidatesMax(system)));
  return run(random, options.steps, options.stepsPerWalk, options.judged);
}
