// Exhaustive search against counts known from elsewhere and against a naive search.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type CoreFault, coreSystem } from '../../bench/core.ts';
import { explore } from '../explore.ts';
import { replay } from '../replay.ts';
import type { Environment } from '../system.ts';
import { toyCase, toyOffer, withLastCell } from './arbitrary.ts';
import {
  type NaiveEnvironment,
  type ToyOptions,
  type ToyStep,
  naiveSearch,
  offer,
  toySystem,
} from './toy.ts';

const small = { pages: 2, converts: 2, maps: 3, accesses: 3 };

describe('core', () => {
  test.each([
    [2, 2, 3, 3, 8_930, 31_034],
    [3, 2, 3, 3, 45_834, 194_358],
    [4, 2, 3, 3, 164_436, 811_772],
  ])(
    '%i pages, %i converts, %i maps, %i accesses',
    (pages, converts, maps, accesses, states, transitions) => {
      const out = explore(coreSystem({ pages, converts, maps, accesses }));
      expect([out.states, out.transitions, out.complete, out.shortest[0]]).toEqual([
        states,
        transitions,
        true,
        -1,
      ]);
    },
  );

  test.each<[CoreFault, number, number]>([
    ['F1', 8, 11_082],
    ['F2', 8, 20_640],
    ['F3', 8, 14_252],
    ['F4', 8, 11_696],
    ['F5', 9, 12_784],
    ['F6', 8, 9_296],
  ])('fault %s is hit after %i steps', (fault, steps, states) => {
    const system = coreSystem(small, fault);
    const out = explore(system);
    expect([out.shortest[0], out.states]).toEqual([steps, states]);
    expect(explore(coreSystem(small, fault, false)).hits[0]).toBe(0);
    const path = out.pathTo(0);
    expect(path?.moves).toHaveLength(steps);
    if (path !== null) expect(replay(system, path).steps.at(-1)?.properties).toEqual([0]);
  });

  test('seq wraps with four converts', () => {
    const out = explore(coreSystem({ pages: 2, converts: 4, maps: 1, accesses: 1 }), { until: [0] });
    expect(out.shortest[0]).toBe(23);
    expect(out.complete).toBe(false);
  });

  test('the state limit ends the search, and says so', () => {
    const out = explore(coreSystem(small), { statesMax: 1000 });
    expect(out.complete).toBe(false);
    expect(out.states).toBeGreaterThan(1000);
    expect(out.states).toBeLessThan(1100);
  });

  test('the caller can stop it', () => {
    expect(explore(coreSystem(small), { stop: ({ states }) => states > 4096 }).complete).toBe(false);
  });
});

describe('toy domains', () => {
  const binomial = (n: number, k: number): number => (k === 0 ? 1 : (binomial(n - 1, k - 1) * n) / k);

  test.each([
    [1, 1],
    [3, 2],
    [4, 4],
    [6, 3],
  ])('%i and %i steps interleave in binomial(n + m, n) ways', (n, m) => {
    const steps = (length: number, cell: number): ToyStep[] =>
      Array.from({ length }, () => ({ op: 'add', cell }));
    const system = toySystem(
      { threads: ['a', 'b'] },
      { kind: 'scenario', offers: [[offer(...steps(n, 0))], [offer(...steps(m, 1))]] },
    );
    const successors = system.successors(system.layout, 'never');
    const count = (state: Int32Array): number => {
      const enabled = successors.from(state, -1, false);
      if (enabled === 0) return 1;
      return Array.from(successors.moves.slice(0, enabled)).reduce((sum, move) => {
        const next = state.slice();
        system.step(next, move);
        return sum + count(next);
      }, 0);
    };
    expect(count(system.initial[0])).toBe(binomial(n + m, n));
    expect(explore(system).states).toBe((n + 1) * (m + 1));
  });

  test('same states and transitions as a naive search', () => {
    fc.assert(
      fc.property(toyCase, ({ agent, offers, bad }) => {
        const options: ToyOptions = { threads: offers.map((_, k) => `kind ${k}`), agent, bad };
        const environments: NaiveEnvironment[] = [
          { kind: 'budgets', calls: offers.map(() => 1), offers },
          { kind: 'free', calls: 2, offers },
          { kind: 'scenario', offers },
        ];
        for (const environment of environments) {
          const naive = naiveSearch(options, environment);
          const out = explore(toySystem(options, environment));
          expect([out.states, out.transitions]).toEqual([naive.states, naive.transitions]);
          expect(out.hits[0] > 0).toBe(naive.cells.has(bad.join()));
        }
      }),
      { numRuns: 60, seed: 1 },
    );
  });

  test('twins stand for each other: fewer states, same cells', () => {
    let fewer = 0;
    fc.assert(
      fc.property(fc.array(toyOffer, { minLength: 1, maxLength: 2 }), (offers) => {
        const options: ToyOptions = { threads: ['twin', 'twin'] };
        const environment: Environment = { kind: 'free', calls: 2, offers: [offers, offers] };
        const naive = naiveSearch(options, environment);
        const cells = new Set<string>();
        const system = toySystem(options, environment);
        const out = explore(system, { onFinal: (m) => cells.add(m.slice(0, 2).join()) });
        expect(out.states).toBeLessThanOrEqual(naive.states);
        if (out.states < naive.states) fewer++;
        for (const seen of cells) expect(naive.cells).toContain(seen);
        for (const [a, b] of [...naive.cells].map((c) => c.split(',').map(Number))) {
          const reached = explore(toySystem({ ...options, bad: [a, b] }, environment));
          expect(reached.hits[0]).toBeGreaterThan(0);
        }
      }),
      { numRuns: 25, seed: 2 },
    );
    expect(fewer).toBeGreaterThan(10);
  });

  test('taking steps at once that nobody else meets any more hits the same properties', () => {
    let fewer = 0;
    let again = 0;
    const withLast = withLastCell({ op: 'lock', cell: 1 });
    fc.assert(
      fc.property(
        fc.array(withLast, { minLength: 3, maxLength: 3 }),
        fc.tuple(fc.nat(3), fc.nat(3)),
        (lists, bad) => {
          const options: ToyOptions = { cells: 3, threads: ['a', 'b', 'c'], bad: [...bad], meets: true };
          const environment: Environment = {
            kind: 'free',
            calls: 3,
            offers: lists.map((steps) => [offer(...steps)]),
          };
          const plain = explore(toySystem(options, environment));
          const system = toySystem(options, environment);
          const eager = explore(system, { eager: true });
          expect(eager.hits[0] > 0).toBe(plain.hits[0] > 0);
          expect(eager.states).toBeLessThanOrEqual(plain.states);
          if (eager.states < plain.states) fewer++;
          const path = eager.pathTo(0);
          if (path === null || path.moves.length === 0) return;
          again++;
          expect(replay(system, path).steps.flatMap((step) => step.properties)).toContain(0);
        },
      ),
      { numRuns: 200, seed: 4 },
    );
    expect([fewer > 100, again > 20]).toEqual([true, true]);
  });

  test('taking releases at once hits the same properties', () => {
    let fewer = 0;
    fc.assert(
      fc.property(toyCase, fc.nat(1), ({ offers, bad }, cell) => {
        /* Cell 2 is the lock: nothing but it depends on it, so a release only lets others go on. */
        const locked = offers.map((list) =>
          list.map(({ args }) =>
            offer(
              { op: 'lock', cell: 2 },
              ...withoutLocks(args as unknown as ToyStep[]),
              { op: 'unlock', cell: 2 },
              { op: 'add', cell },
            ),
          ),
        );
        const options: ToyOptions = { cells: 3, threads: offers.map((_, k) => `kind ${k}`), bad };
        const environment: Environment = { kind: 'budgets', calls: offers.map(() => 1), offers: locked };
        const plain = explore(toySystem(options, environment));
        const eagerSystem = toySystem(options, environment);
        const eager = explore(eagerSystem, { eager: true });
        expect(eager.states).toBeLessThanOrEqual(plain.states);
        if (eager.states < plain.states) fewer++;
        for (const property of [0, 1]) {
          const path = eager.pathTo(property);
          expect(path === null).toBe(eager.hits[property] === 0);
          if (path === null) continue;
          const again = replay(eagerSystem, path);
          expect([again.properties, ...again.steps.map((step) => step.properties)].flat()).toContain(
            property,
          );
        }
        expect([...eager.hits].map((n) => n > 0)).toEqual([...plain.hits].map((n) => n > 0));
      }),
      { numRuns: 40, seed: 3 },
    );
    expect(fewer).toBeGreaterThan(10);
  });
});

function withoutLocks(steps: readonly ToyStep[]): ToyStep[] {
  return steps.filter(({ op }) => op !== 'lock' && op !== 'unlock');
}
