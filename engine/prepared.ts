// What a domain and an environment come to, worked out once for the inner loop.

import type { Calls } from './calls.ts';
import type { Plain, Proc } from './tries.ts';
import { assert } from './errors.ts';
import type { FieldSpec, Layout, State } from './layout.ts';
import type { Prepared } from './stepper.ts';
import { overflowError } from './store.ts';
import type { CallOffer, Domain, Environment } from './system.ts';

/* A move is the actor's number above ten bits for one plus the number of the offer that it starts, or 0. */
export const OFFERS_MAX = 2 ** 10 - 1;

export const bitsFor = (max: number): number => Math.max(1, 32 - Math.clz32(max));

/** Slots that count the calls started. */
export function countersOf(environment: Environment): FieldSpec[] {
  switch (environment.kind) {
    case 'free':
      return [{ name: 'calls', bits: bitsFor(environment.calls) }];
    case 'selected':
      return [{ name: 'selection', bits: bitsFor(environment.selection.end) }];
    case 'budgets':
      return environment.calls.map((calls, thread) => ({ name: `calls.${thread}`, bits: bitsFor(calls) }));
    case 'scenario':
      return environment.offers.map((list, thread) => ({
        name: `position.${thread}`,
        bits: bitsFor(list.length),
      }));
  }
}

function callsMaxOf(environment: Environment, thread: number): number {
  switch (environment.kind) {
    case 'free':
      return environment.calls;
    case 'selected':
      return environment.selection.end;
    case 'budgets':
      return environment.calls[thread] ?? 0;
    case 'scenario':
      return environment.offers[thread]?.length ?? 0;
  }
}

/**
 * For each thread the earlier ones that could stand for it: same kind, same offers, and calls counted
 * together.
 */
function twinsOf(domain: Domain, environment: Environment): number[][] {
  const { offers } = environment;
  const sameOffers = (a: readonly CallOffer[], b: readonly CallOffer[]): boolean =>
    a.length === b.length &&
    a.every(
      (offer, k) =>
        offer.fn === b[k].fn &&
        offer.name === b[k].name &&
        JSON.stringify(offer.args) === JSON.stringify(b[k].args),
    );
  return domain.threads.map((thread, k) =>
    environment.kind === 'free' || environment.kind === 'selected'
      ? domain.threads.flatMap((other, j) =>
          j < k &&
          other.kind === thread.kind &&
          domain.reduction?.areTwins?.(thread.kind) !== false &&
          sameOffers(offers[j], offers[k])
            ? [j]
            : [],
        )
      : [],
  );
}

/** From a selection only those from which something may be started. */
export function initialOf(
  domain: Domain,
  environment: Environment,
  empty: () => State,
  counterAt: number,
): readonly State[] {
  const all = domain.initial(empty);
  if (environment.kind !== 'selected') return all;
  const { roots } = environment.selection;
  return all.flatMap((m, initial) => {
    const root = roots[initial] ?? -1;
    m[counterAt] = root;
    return root < 0 ? [] : [m];
  });
}

/** For a system whose states are laid out like this. */
export function preparedOf(
  domain: Domain,
  environment: Environment,
  calls: Calls,
  layout: Layout,
): Omit<Prepared, 'placeMax' | 'placeOverflow'> {
  const at = (name: string): number => {
    const field = layout.fields.find((f) => f.name === name);
    assert(field !== undefined, `field ${name}`);
    return field.at;
  };
  const { threads } = domain;
  const placeAt = threads.map((_, thread) => at(`place.${thread}`));
  const counters = countersOf(environment);
  /* one each, or one for all of them */
  const counterAt = threads.map((_, thread) => at(counters[counters.length === 1 ? 0 : thread].name));
  const callsMax = threads.map((_, thread) => callsMaxOf(environment, thread));
  const roots = environment.offers.map((list) => {
    assert(list.length <= OFFERS_MAX, `at most ${OFFERS_MAX} offers a thread, given ${list.length}`);
    return list.map((offer) => calls.root(offer.fn, offer.args));
  });
  const offerByFrame = (thread: number, fn: Proc, args: readonly Plain[]): CallOffer => {
    const found = environment.offers[thread]?.find(
      (o) => o.fn === fn && (o.args === args || JSON.stringify(o.args) === JSON.stringify(args)),
    );
    assert(
      found !== undefined,
      `a call in flight was offered: ${fn.name}(${JSON.stringify(args)}) by thread ${thread}`,
    );
    return found;
  };
  /* the offers that led to places at which a call has returned, and its result there */
  const returns: ({ readonly offered: CallOffer; readonly result: Plain } | undefined)[][] = threads.map(
    () => [],
  );
  return {
    domain,
    calls,
    placeAt,
    counterAt,
    callsMax,
    inOrder: environment.kind === 'scenario',
    selection: environment.kind === 'selected' ? environment.selection : null,
    offers: environment.offers,
    roots,
    twins: twinsOf(domain, environment),
    tooWide: overflowError,
    returned: (m, thread, place, offer) => {
      let known = offer < 0 ? returns[thread][place] : undefined;
      if (known === undefined) {
        const { frames, result } = calls.describe(place);
        const frame = frames[0];
        assert(frame !== undefined, 'a returned call had a function');
        const offered = environment.offers[thread]?.[offer] ?? offerByFrame(thread, frame.fn, frame.args);
        known = { offered, result };
        if (offer < 0) returns[thread][place] = known;
      }
      domain.finish?.(m, thread, known.offered, known.result);
    },
  };
}
