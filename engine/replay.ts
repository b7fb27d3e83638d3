// A path again, step by step, with all that a report wants to say; and paths as lists of small numbers, for
// tokens.

import type { Place } from './calls.ts';
import type { Plain } from './tries.ts';
import { PathError } from './errors.ts';
import type { Path } from './explore.ts';
import type { State } from './layout.ts';
import type { CallOffer, Move, System } from './system.ts';
import { candidatesMax, listerOf } from './walk.ts';

export interface ReplayedStep {
  readonly move: Move;
  readonly actor: number;
  /** The call that starts with this step. */
  readonly starts: CallOffer | null;
  /** Where the call stood before: its pending step is the one made. Null for an agent. */
  readonly place: Place | null;
  /**
   * Number of the step in the domain's language; -1 for an agent, and for a call that returns without any
   * step.
   */
  readonly op: number;
  /** -1 where there is none. */
  readonly answer: number;
  /** Set when the call returns with this step. */
  readonly returns: { readonly result: Plain } | null;
  readonly before: State;
  readonly after: State;
  /** Properties hit by the step, or by the state after it; each once. */
  readonly properties: readonly number[];
}

export interface Replay {
  readonly initial: State;
  /** Properties hit by the initial state. */
  readonly properties: readonly number[];
  readonly steps: readonly ReplayedStep[];
  readonly last: State;
}

function initialState(system: System, initial: number): State {
  const state = system.initial[initial];
  if (state === undefined)
    throw new PathError(0, `there is no initial state ${initial}, only ${system.initial.length} of them`);
  return state.slice();
}

function judged(system: System, m: State, events: readonly number[]): number[] {
  const found = [...events];
  system.domain.judge(m, found, system.placeAt);
  return [...new Set(found)];
}

/** The pending step of a thread's call, or the first one of the call that the move starts. */
function pending(system: System, m: State, move: Move): number {
  const actor = system.actorOf(move);
  if (actor >= system.threads) return 0;
  const offer = system.environment.offers[actor]?.[system.offerOf(move)];
  return offer === undefined ? m[system.placeAt[actor]] : system.calls.root(offer.fn, offer.args);
}

function answerOf(system: System, m: State, thread: number, op: number): number {
  return op < 0 ? -1 : system.domain.apply(m.slice(), thread, op);
}

/** Throws PathError at the first move that is not enabled. */
export function replay(system: System, path: Path): Replay {
  const { calls, domain } = system;
  const initial = initialState(system, path.initial);
  const properties = judged(system, initial, []);
  const steps: ReplayedStep[] = [];
  let before = initial;
  path.moves.forEach((move, k) => {
    const actor = system.actorOf(move);
    if (actor < 0 || actor >= system.actors) throw new PathError(k + 1, `there is no actor ${actor}`);
    const place = pending(system, before, move);
    const op = place > 0 ? calls.op[place] : -1;
    const answer = answerOf(system, before, actor, op);
    const after = before.slice();
    if (domain.isTerminal?.(before) === true) throw new PathError(k + 1, 'the state before it is terminal');
    if (!system.step(after, move)) throw new PathError(k + 1, `${nameOf(system, move)} cannot move here`);
    const events = [...domain.events];
    const end =
      op >= 0 ? calls.describe(calls.next(place, answer)) : place > 0 ? calls.describe(place) : null;
    steps.push({
      move,
      actor,
      starts: system.environment.offers[actor]?.[system.offerOf(move)] ?? null,
      place: place > 0 ? calls.describe(place) : null,
      op,
      answer,
      returns: end?.done === true ? { result: end.result } : null,
      before,
      after,
      properties: judged(system, after, events),
    });
    before = after;
  });
  return { initial, properties, steps, last: before };
}

function nameOf(system: System, move: Move): string {
  const { domain, threads } = system;
  const actor = system.actorOf(move);
  return actor < threads
    ? (domain.threads[actor]?.name ?? `thread ${actor}`)
    : (domain.agents[actor - threads] ?? `agent ${actor}`);
}

/** Which of the enabled moves was made, and how many there were: a digit and its radix. */
export interface Choice {
  readonly index: number;
  readonly enabled: number;
}

/**
 * Enabled moves in their fixed order. The actor that moved last may go on with a new call, see
 * `System.starts`.
 */
export function enabledMoves(system: System, m: State, last: number): Move[] {
  if (system.domain.isTerminal?.(m) === true) return [];
  const candidates = new Int32Array(candidatesMax(system));
  const count = listerOf(system, system)(m, last, candidates);
  return [...candidates.subarray(0, count)].filter((move) => system.step(m.slice(), move));
}

/**
 * The path as digits of mixed radix: a step with one enabled move takes no room at all. Store them so that the first
 * digit can be read first, since its radix is only known from the state before it: digit 1 + radix 1 * (digit 2 +
 * radix 2 * (...)). The inverse is `pathOfChoices`.
 */
export function choicesOf(system: System, path: Path): Choice[] {
  const m = initialState(system, path.initial);
  let last = -1;
  return path.moves.map((move, k) => {
    const enabled = enabledMoves(system, m, last);
    const index = enabled.indexOf(move);
    if (index < 0)
      throw new PathError(
        k + 1,
        `${nameOf(system, move)} cannot move here, or another idle thread stands for it`,
      );
    system.step(m, move);
    last = system.actorOf(move);
    return { index, enabled: enabled.length };
  });
}

/**
 * `next` is told how many moves are enabled and gives the number of one of them, or -1 at the end of the path: so a
 * token can be decoded as it is walked.
 */
export function pathOfChoices(
  system: System,
  initial: number,
  next: (enabled: number, step: number) => number,
): Path {
  const m = initialState(system, initial);
  const moves: Move[] = [];
  let last = -1;
  for (;;) {
    const enabled = enabledMoves(system, m, last);
    const index = next(enabled.length, moves.length + 1);
    if (index < 0) return { initial, moves };
    const move = enabled[index];
    if (move === undefined)
      throw new PathError(moves.length + 1, `choice ${index} of ${enabled.length} enabled moves`);
    system.step(m, move);
    last = system.actorOf(move);
    moves.push(move);
  }
}
