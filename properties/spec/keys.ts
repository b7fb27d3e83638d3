// Keys: the ways to break an invariant, each with its number among the properties that the engine counts. Those are one
// for each event, then one for each breach that is seen in a state.

import type { Domain } from '../../engine/system.ts';
import { EVENT, EVENTS } from '../../models/events.ts';
import { type Breach, INVARIANTS, type Invariant } from './index.ts';
import { type PlaceAt, type Questions, allIdle } from './questions.ts';

/** One way to break one invariant: what is found, minimised and reported on its own. */
export interface Key {
  readonly invariant: Invariant;
  readonly breach: Breach;
  /** Its number among the properties of the engine. */
  readonly property: number;
  /** `no-mapping-to-freed-page (IOPTE)` */
  readonly name: string;
}

export const keyName = (invariant: string, outcome: string): string => `${invariant} (${outcome})`;

/** In the order of the specification. */
export const KEYS: readonly Key[] = (() => {
  let next: number = EVENTS.length;
  return INVARIANTS.flatMap((invariant) =>
    invariant.breaches.map((breach) => ({
      invariant,
      breach,
      property: 'event' in breach ? EVENT[breach.event] : next++,
      name: keyName(invariant.name, breach.outcome),
    })),
  );
})();

const STATE_KEYS = KEYS.filter((key) => !('event' in key.breach));

/** Names of all properties, by number. */
export const PROPERTIES: readonly string[] = [...EVENTS, ...STATE_KEYS.map((key) => key.name)];

/** Lower is graver. */
export const gravityOf = ({ invariant, breach }: Key): number => breach.gravity ?? invariant.gravity;

export const keyOf = (invariant: string, outcome: string): Key | undefined =>
  KEYS.find((key) => key.invariant.name === invariant && key.breach.outcome === outcome);

/** A judge over the keys given: appends the numbers of those that are broken in a state. */
export function makeJudge(q: Questions, keys: readonly Key[]): Domain['judge'] {
  const whenIdle = keys.flatMap(({ breach, property }) => {
    const at = 'event' in breach ? null : breach.at(q);
    return at === null || 'event' in breach ? [] : [{ at, property, always: breach.whenIdle !== true }];
  });
  const whenBusy = whenIdle.filter(({ always }) => always);
  return (m, hits, placeAt) => {
    const asked = allIdle(m, placeAt) ? whenIdle : whenBusy;
    for (let k = 0; k < asked.length; k++) if (asked[k].at(m, placeAt) >= 0) hits.push(asked[k].property);
  };
}

/** The breach in the field's words, in the state where it is seen. */
export function witnessOf(q: Questions, key: Key, m: Int32Array, placeAt: PlaceAt): string {
  const { breach } = key;
  if ('event' in breach) return typeof breach.witness === 'string' ? breach.witness : breach.witness(q);
  const seen = breach.whenIdle !== true || allIdle(m, placeAt);
  const where = seen ? (breach.at(q)?.(m, placeAt) ?? -1) : -1;
  return where < 0 ? `${key.name} is not broken in this state` : breach.witness(q, m, where);
}
