// Small random domains.

import fc from 'fast-check';
import type { CallOffer } from '../system.ts';
import { type ToyStep, offer } from './toy.ts';

const toyStep: fc.Arbitrary<ToyStep> = fc.oneof(
  fc.record<ToyStep>({ op: fc.constantFrom('add', 'get', 'lock', 'unlock', 'hit'), cell: fc.nat(1) }),
  fc.record<ToyStep>({ op: fc.constant('set'), cell: fc.nat(1), value: fc.nat(3) }),
);

const copying = (steps: readonly ToyStep[]): CallOffer =>
  offer({ op: 'get', cell: 0 }, ...steps.filter(({ op }) => op !== 'get'), { op: 'set', cell: 1 });

/** What a copying call got matters to its end, so that the naive search tells apart what the engine does. */
export const toyOffer: fc.Arbitrary<CallOffer> = fc
  .tuple(fc.array(toyStep, { maxLength: 2 }), fc.boolean())
  .map(([steps, copies]) =>
    copies ? copying(steps) : offer(...steps.filter(({ op }) => op !== 'get'), { op: 'add', cell: 0 }),
  );

export const toyCase = fc.record({
  agent: fc.boolean(),
  offers: fc.array(fc.array(toyOffer, { minLength: 1, maxLength: 2 }), { minLength: 1, maxLength: 3 }),
  bad: fc.tuple(fc.nat(3), fc.nat(3)),
});

/** Calls that meet others at the first cells, or at the last one alone. `also` is one more of their steps. */
export const withLastCell = (also: ToyStep) =>
  fc.array(
    fc.constantFrom<ToyStep>(
      { op: 'get', cell: 2 },
      { op: 'set', cell: 2, value: 2 },
      { op: 'add', cell: 2 },
      { op: 'set', cell: 0 },
      { op: 'set', cell: 1 },
      { op: 'add', cell: 0 },
      also,
    ),
    { minLength: 1, maxLength: 4 },
  );
