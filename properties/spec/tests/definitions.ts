// Is an event noted exactly where its definition holds? Of the steps of a replay.

import type { ReplayedStep } from '../../../engine/replay.ts';
import type { CallOffer, System } from '../../../engine/system.ts';
import { EVENT } from '../../../models/events.ts';
import type { Model } from '../../system.ts';
import { KEYS, PROPERTIES } from '../keys.ts';
import type { Definition, Made } from '../made.ts';

interface Defined {
  readonly property: number;
  readonly definition: Definition;
}

/** Each event that a breach names, with its rule. */
export const DEFINED: readonly Defined[] = KEYS.flatMap(({ breach, property }) =>
  'event' in breach && typeof breach.definition === 'function'
    ? [{ property, definition: breach.definition }]
    : [],
);

/** What differs, as `unpin-before-sync: defined and not noted in step 7`; `reached` gets what held. */
export function disagreements(
  model: Model,
  system: System,
  steps: readonly ReplayedStep[],
  reached?: Set<string>,
): string[] {
  const { questions, table, interpreter } = model;
  /* the order of locks is learned where somebody asks for it */
  const asked = DEFINED.filter(
    ({ property }) => property !== EVENT['lock-order-inverted'] || interpreter.lockdep.closes !== null,
  );
  const running: (CallOffer | null)[] = model.machine.threads.map(() => null);
  return steps.flatMap((step, k) => {
    const thread = step.actor < system.threads ? step.actor : -1;
    if (step.starts !== null) running[thread] = step.starts;
    const call = table.calls.find(({ name }) => name === running[thread]?.name);
    const made: Made = {
      before: step.before,
      step: step.op < 0 ? null : interpreter.stepOf(step.op),
      thread,
      after: step.after,
      answer: step.answer,
      returned: step.returns === null || call === undefined ? null : { call, result: step.returns.result },
    };
    return asked.flatMap(({ property, definition }) => {
      const isNoted = step.properties.includes(property);
      const isDefined = definition(questions, made);
      if (isDefined) reached?.add(PROPERTIES[property]);
      if (isNoted === isDefined) return [];
      return [
        `${PROPERTIES[property]}: ${isNoted ? 'noted and not defined' : 'defined and not noted'} in step ${k + 1}`,
      ];
    });
  });
}
