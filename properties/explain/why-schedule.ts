// Schedules that are nearly the one of a finding: followed by actor as far as they go, then run to the end of
// all calls.

import type { Replay } from '../../engine/replay.ts';
import { type Domain, type Move, type System, makeSystem } from '../../engine/system.ts';
import { diffStates } from '../../models/describe-state.ts';
import type { Finding } from '../finding.ts';
import type { Model } from '../system.ts';

const STEPS_MAX = 400;

/** What is different from the path of the finding. */
export interface Changed {
  readonly moves: readonly Move[];
  /** At this step of `moves` the step does nothing, and its answer is the one it had. */
  readonly skip?: { readonly at: number; readonly answer: number };
  /** Before this step of `moves` the state is repaired; false where there is nothing to repair. */
  readonly repair?: { readonly at: number; readonly act: (state: Int32Array) => boolean };
  /** These steps of `moves` change what they changed in the path. */
  readonly same?: ReadonlyMap<number, string>;
}

/** What a step changed, to compare. */
export const changesOf = (model: Model, before: Int32Array, after: Int32Array): string =>
  JSON.stringify(diffStates(model.machine, before, after));

export interface Bench {
  readonly model: Model;
  readonly finding: Finding;
  readonly made: Replay;
  /** A system with the calls and steps of the finding's, whose steps can be left out. */
  readonly system: System;
  readonly restores: (changed: Changed) => boolean;
}

/** PolicyError by what is left out: a lock that nobody holds is released. The schedule is none, then. */
const isImpossible = (error: unknown): boolean => error instanceof Error && error.name === 'PolicyError';

export function makeBench(model: Model, finding: Finding, made: Replay): Bench {
  const { domain, environment } = finding.system;
  let skipped = -1;
  const withGaps: Domain = {
    ...domain,
    apply: (m, thread, op) => (skipped >= 0 ? skipped : domain.apply(m, thread, op)),
  };
  const system = makeSystem(withGaps, environment, { tries: model.tries });
  const hit = (state: Int32Array): boolean => {
    const found = [...domain.events];
    domain.judge(state, found, system.placeAt);
    return found.includes(finding.key.property);
  };
  const idle = (state: Int32Array): boolean => system.placeAt.every((slot) => state[slot] === 0);
  /** One step of anybody inside a call, or of hardware, which may be what a call waits for. */
  const anyStep = (state: Int32Array): boolean => {
    for (let thread = 0; thread < system.threads; thread++)
      if (state[system.placeAt[thread]] !== 0 && system.step(state, system.continueMove(thread))) return true;
    for (let agent = 0; agent < domain.agents.length; agent++)
      if (isQueue(domain.agents[agent]) && system.step(state, system.agentMove(agent))) return true;
    return false;
  };
  /** Run the thread's call to its end, so that its next one can start. */
  const finishCall = (state: Int32Array, thread: number): boolean => {
    for (let steps = 0; state[system.placeAt[thread]] !== 0; steps++) {
      if (steps === STEPS_MAX) return false;
      if (!system.step(state, system.continueMove(thread)) && !anyStep(state)) return false;
      if (hit(state)) return false;
    }
    return true;
  };
  /** Make the move if it can be made. False where a call that was to start cannot, or the key is hit. */
  const make = (state: Int32Array, move: Move, leftOut: number): boolean => {
    const starts = system.offerOf(move) >= 0;
    if (starts && !finishCall(state, system.actorOf(move))) return false;
    skipped = leftOut;
    const moved = system.step(state, move);
    skipped = -1;
    return moved ? !hit(state) : !starts;
  };
  const follow = ({ moves, skip, repair, same }: Changed): boolean => {
    const state = made.initial.slice();
    for (const [k, move] of moves.entries()) {
      if (repair?.at === k && !repair.act(state)) return false;
      const before = state.slice();
      const well = make(state, move, skip?.at === k ? skip.answer : -1);
      if (!well) return false;
      const expected = same?.get(k);
      if (expected !== undefined && changesOf(model, before, state) !== expected) return false;
    }
    for (let steps = 0; !idle(state); steps++)
      if (steps === STEPS_MAX || !anyStep(state) || hit(state)) return false;
    return true;
  };
  return {
    model,
    finding,
    made,
    system,
    restores: (changed) => {
      try {
        return follow(changed);
      } catch (error) {
        if (isImpossible(error)) return false;
        throw error;
      } finally {
        skipped = -1;
      }
    },
  };
}

const isQueue = (agent: string): boolean => agent.startsWith('IOMMU: invalidation');
