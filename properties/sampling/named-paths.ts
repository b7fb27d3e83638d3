// Paths by names: what is left of a path when the system that it was found on is gone.

import type { Path } from '../../engine/explore.ts';
import { type CallOffer, type Environment, type Move, type System, makeSystem } from '../../engine/system.ts';
import { type Key, makeJudge } from '../spec/keys.ts';
import type { Model } from '../system.ts';

export interface NamedMove {
  /** `VMM 0`, `IOMMU: invalidation queued by VMM 0`. */
  readonly actor: string;
  /** Name of the call that starts, or null. */
  readonly starts: string | null;
}

const actorsOf = ({ domain }: System): string[] => [
  ...domain.threads.map(({ name }) => name),
  ...domain.agents,
];

export function namesOf(system: System, moves: readonly Move[]): NamedMove[] {
  const actors = actorsOf(system);
  return moves.map((move) => {
    const actor = system.actorOf(move);
    const offer = system.offerOf(move);
    return {
      actor: actors[actor] ?? `actor ${actor}`,
      starts: offer < 0 ? null : (system.environment.offers[actor]?.[offer]?.name ?? null),
    };
  });
}

/** The names as moves of a system, or null where it has no such actor or call. */
export function movesOfNames(system: System, names: readonly NamedMove[]): Move[] | null {
  const actors = actorsOf(system);
  /* In a scenario the same call may stand in a list twice: they start in order. */
  const inOrder = system.environment.kind === 'scenario';
  const started = system.domain.threads.map(() => 0);
  const moves = names.map(({ actor, starts }): Move => {
    const number = actors.indexOf(actor);
    if (number < 0) return -1;
    if (number >= system.threads) return system.agentMove(number - system.threads);
    if (starts === null) return system.continueMove(number);
    const offers = system.environment.offers[number] ?? [];
    const from = inOrder ? started[number]++ : 0;
    const offer = offers.findIndex(({ name }, k) => k >= from && name === starts);
    return offer < 0 ? -1 : system.startMove(number, offer);
  });
  return moves.includes(-1) ? null : moves;
}

/**
 * Threads of one kind are alike: the one that starts first takes the name of the first one, as in a search. An agent
 * that serves a thread goes with it.
 */
export function inOrderOfStart(system: System, names: readonly NamedMove[]): NamedMove[] {
  const { threads } = system.domain;
  const renamed = new Map<string, string>();
  for (const { actor, starts } of names) {
    const thread = threads.find(({ name }) => name === actor);
    if (thread === undefined || starts === null || renamed.has(actor)) continue;
    const kind = threads.filter(({ kind: other }) => other === thread.kind).map(({ name }) => name);
    const taken = kind.filter((name) => renamed.has(name)).length;
    renamed.set(actor, kind[taken] ?? actor);
  }
  const rename = (actor: string): string => {
    const own = renamed.get(actor);
    if (own !== undefined) return own;
    for (const [from, to] of renamed)
      if (actor.endsWith(` ${from}`)) return actor.slice(0, -from.length) + to;
    return actor;
  };
  return names.map(({ actor, starts }) => ({ actor: rename(actor), starts }));
}

/** True where the moves can be made one after another. */
export function isPath(system: System, { initial, moves }: Path): boolean {
  const state = system.initial[initial]?.slice();
  return state !== undefined && moves.every((move) => system.step(state, move));
}

/** A system that judges these keys alone. */
export const systemFor = (
  model: Model,
  environment: Environment,
  keys: readonly Key[],
  placeBits: number,
): System =>
  makeSystem({ ...model.domain, judge: makeJudge(model.questions, keys) }, environment, {
    placeBits,
    tries: model.tries,
  });

/** The same call with smaller arguments, the smallest first. */
export function shorterCalls(model: Model): (offer: CallOffer) => CallOffer[] {
  const { calls } = model.table;
  return (offer) => {
    const whole = calls.find(({ name }) => name === offer.name);
    if (whole === undefined) return [];
    const { start, end } = whole.range;
    return calls
      .filter(({ word, thread }) => word === whole.word && thread === whole.thread)
      .filter(
        ({ range }) => range.start >= start && range.end <= end && range.end - range.start < end - start,
      )
      .map(({ name, fn, args }) => ({ name, fn, args }) as CallOffer);
  };
}
