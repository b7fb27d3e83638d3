// Fingerprints: what a policy does, and what the model is, as small numbers that a token can hold.

import { LOCKS } from '../../api/index.ts';
import { type Calls, makeCalls } from '../../engine/calls.ts';
import { ASSUMPTIONS, type Cast, hasCast } from '../../models/bounds.ts';
import { STEP_NAMES, STEPS } from '../../models/steps/index.ts';
import { SOMETIMES } from '../spec/index.ts';
import { KEYS, PROPERTIES } from '../spec/keys.ts';
import type { Model } from '../system.ts';

/** Raise it when a step comes to mean something else while fields, steps and properties keep their names. */
export const MODEL_VERSION = 1;

/** Places looked at of each call, and answers tried at each of them. */
const PLACES_MAX = 40;
const ANSWERS_MAX = 5;

const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;

/** FNV-1a, folded to this many bits. */
export function hashOf(text: string, bits: number): number {
  let hash = FNV_OFFSET;
  for (let k = 0; k < text.length; k++) hash = Math.imul(hash ^ text.charCodeAt(k), FNV_PRIME);
  const folded = hash ^ (hash >>> bits) ^ (hash >>> (2 * bits));
  return (folded >>> 0) % 2 ** bits;
}

/**
 * First places of one call, breadth first: their steps, or what they return. Text of functions is never
 * looked at.
 */
function behaviour(model: Model, calls: Calls, root: () => number): string[] {
  const seen: string[] = [];
  const visit = (at: () => number): number => {
    try {
      return at();
    } catch {
      /* answers that no state gives may lead to steps that are none */
      seen.push('error');
      return -1;
    }
  };
  const queue = [visit(root)];
  for (let k = 0; k < queue.length && seen.length < PLACES_MAX; k++) {
    const place = queue[k];
    if (place < 0) continue;
    const { op, done, result } = calls.describe(place);
    seen.push(JSON.stringify(done ? (result ?? null) : model.interpreter.stepOf(op)));
    if (done) continue;
    const width = Math.min(model.interpreter.width(op), ANSWERS_MAX);
    for (let answer = 0; answer < width; answer++) queue.push(visit(() => calls.next(place, answer)));
  }
  return seen;
}

const known = new WeakMap<Model, number>();

/** Of all that the calls of the model do first: equal for equal behaviour, from source or built. 12 bits. */
export function policyFingerprint(model: Model): number {
  const made = known.get(model);
  if (made !== undefined) return made;
  const calls = makeCalls(model.domain, model.tries);
  const all = model.table.calls.map(({ name, fn, args }) => [
    name,
    ...behaviour(model, calls, () =>
      calls.root(fn as Parameters<Calls['root']>[0], args as Parameters<Calls['root']>[1]),
    ),
  ]);
  const print = hashOf(JSON.stringify(all), 12);
  known.set(model, print);
  return print;
}

/** What came with a cast: the tokens of runs without that one do not hold its name. */
const CAST_OF: ReadonlyMap<string, Cast | null> = new Map<string, Cast | null>([
  ['ioas_lock', 'access'],
  ['staccess_lock', 'access'],
  ['memory_lock', 'dmabuf'],
  ...STEP_NAMES.map((name) => [name, STEPS[name].cast] as const),
  ...SOMETIMES.map(({ event, cast }) => [event, cast] as const),
  ...KEYS.map(({ property, invariant }) => [PROPERTIES[property], invariant.cast] as const),
]);

/** Of the fields, the steps, the properties and the assumptions. 12 bits. */
export function modelFingerprint(model: Model): number {
  const { machine, interpreter } = model;
  const there = (names: readonly string[]): readonly string[] =>
    names.filter((name) => {
      const cast = CAST_OF.get(name) ?? null;
      return cast === null || hasCast(machine.config, cast);
    });
  const present = [
    MODEL_VERSION,
    /* the last one is younger than the tokens, and changes no schedule */
    machine.fields
      .filter(({ name }) => name !== 'gmem_seq_moves')
      .map(({ name, bits, count }) => [name, bits, count]),
    interpreter.agents.map(({ name }) => name),
    there(LOCKS),
    there(STEP_NAMES),
    there(PROPERTIES),
    ASSUMPTIONS.map(({ name }) => name),
  ];
  return hashOf(JSON.stringify(present), 12);
}
