// The search by switches against all paths of small systems, and by hand.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { coreSystem } from '../../bench/core.ts';
import { ALONE_FROM, explore } from '../explore.ts';
import { certify, certifyAll, shrinkScenario } from '../minimise.ts';
import { searchBySwitches } from '../by-switches.ts';
import { replay } from '../replay.ts';
import { type CallOffer, type Domain, type Environment, makeSystem } from '../system.ts';
import { toyCase, toyOffer } from './arbitrary.ts';
import { type ToyOptions, type ToyStep, naiveRank, offer, toyDomain, toySystem } from './toy.ts';

const add = (cell: number, times: number): ToyStep[] =>
  Array.from({ length: times }, () => ({ op: 'add', cell }));

/* so many that the search goes on in code of its own */
test.each([
  ['switches', 112_644, 468_009, 5],
  ['preemptions', 104_088, 433_614, 3],
] as const)('core by %s: all of it', (by, states, transitions, rankCompleted) => {
  const out = searchBySwitches(coreSystem({ pages: 3, converts: 2, maps: 3, accesses: 3 }), { by });
  expect(states).toBeGreaterThan(ALONE_FROM);
  expect(out).toMatchObject({ states, transitions, rankCompleted, complete: true });
});

describe.each(['switches', 'preemptions'] as const)('by %s', (by) => {
  test('first hits are minimal among all paths', () => {
    let hits = 0;
    fc.assert(
      fc.property(toyCase, fc.boolean(), ({ agent, offers, bad }, twins) => {
        const given = twins ? offers.slice(0, 2).map(() => offers[0]) : offers.slice(0, 2);
        const options: ToyOptions = {
          threads: given.map((_, k) => (twins ? 'twin' : `kind ${k}`)),
          agent,
          bad,
        };
        const environment: Environment = { kind: 'free', calls: 2, offers: given };
        const system = toySystem(options, environment);
        const out = searchBySwitches(system, { by });
        for (const property of [0, 1]) {
          const hit = out.found.get(property);
          const wanted = naiveRank(options, environment, by, property);
          expect(hit === undefined ? null : [hit.rank, hit.steps]).toEqual(wanted);
          if (hit === undefined) continue;
          hits++;
          const again = replay(system, hit.path);
          expect(hit.path.moves).toHaveLength(hit.steps);
          expect(again.steps.at(-1)?.properties ?? again.properties).toContain(property);
          const alone = searchBySwitches(system, { by, until: [property] }).found.get(property);
          expect(alone).toEqual(hit);
          if (hit.rank > 0)
            expect(searchBySwitches(system, { by, rankMax: hit.rank - 1 }).found.has(property)).toBe(false);
          expect(searchBySwitches(system, { by, rankMax: hit.rank }).found.get(property)).toEqual(hit);
        }
        expect(out.complete).toBe(true);
      }),
      { numRuns: 60, seed: 4 },
    );
    expect(hits).toBeGreaterThan(25);
  });

  test('a bound is complete only where nothing lies beyond', () => {
    const system = coreSystem({ pages: 2, converts: 1, maps: 1, accesses: 1 });
    const whole = searchBySwitches(system, { by });
    expect([whole.complete, whole.hits[0]]).toEqual([true, 0]);
    for (let rankMax = 0; rankMax <= whole.rankCompleted + 1; rankMax++) {
      const out = searchBySwitches(system, { by, rankMax });
      expect([out.complete, out.rankCompleted]).toEqual([
        rankMax >= whole.rankCompleted,
        Math.min(rankMax, whole.rankCompleted),
      ]);
    }
    const capped = searchBySwitches(system, { by, statesMax: 20 });
    expect(capped.complete).toBe(false);
    expect(capped.rankCompleted).toBeLessThan(whole.rankCompleted);
  });
});

describe('order', () => {
  test.each(['switches', 'preemptions'] as const)(
    'an event at a dearer move waits for cheaper ones, by %s',
    (by) => {
      const toy = toyDomain({ threads: ['a'], agent: true });
      const act: Domain['act'] = (m, agent) => {
        if (!toy.act(m, agent)) return false;
        toy.events.push(1);
        return true;
      };
      const call = offer({ op: 'set', cell: 0, value: 3 }, ...add(1, 2), { op: 'hit', cell: 0 });
      const system = makeSystem({ ...toy, act }, { kind: 'scenario', offers: [[call]] });
      expect(explore(system).shortest[1]).toBe(2);
      expect(searchBySwitches(system, { by }).found.get(1)).toMatchObject({ rank: 0, steps: 4 });
    },
  );

  test('the idle twin that moved last may go on, else the lowest one starts', () => {
    const call = offer(...add(0, 1));
    const system = toySystem(
      { threads: ['twin', 'twin'] },
      { kind: 'free', calls: 2, offers: [[call], [call]] },
    );
    const [m] = system.initial;
    expect([system.starts(m, 0, -1), system.starts(m, 1, -1), system.starts(m, 1, 1)]).toEqual([1, 0, 1]);
  });

  test('threads of one kind with different offers do not stand for each other', () => {
    const offers = [[offer(...add(0, 1))], [offer(...add(1, 1))]];
    const system = toySystem({ threads: ['twin', 'twin'], bad: [0, 1] }, { kind: 'free', calls: 1, offers });
    expect(searchBySwitches(system, { by: 'switches' }).found.get(0)).toMatchObject({ rank: 0, steps: 1 });
  });
});

describe('preemptions by hand', () => {
  const rankOf = (
    bad: readonly number[],
    offers: readonly (readonly CallOffer[])[],
    agent = false,
  ): number | undefined =>
    searchBySwitches(
      toySystem(
        { cells: bad.length, threads: offers.map((_, k) => `kind ${k}`), bad, agent },
        { kind: 'scenario', offers },
      ),
      {
        by: 'preemptions',
      },
    ).found.get(0)?.rank;

  test('a switch inside a call that could go on is one', () => {
    expect(rankOf([1, 1], [[offer(...add(0, 2))], [offer(...add(1, 2))]])).toBe(1);
  });
  test('a switch after a call has returned is none', () => {
    expect(rankOf([2, 2], [[offer(...add(0, 2))], [offer(...add(1, 2))]])).toBe(0);
    expect(rankOf([1, 2], [[offer(...add(0, 1)), offer(...add(0, 1))], [offer(...add(1, 2))]])).toBe(0);
  });
  test('a switch away from a blocked thread is none', () => {
    const waits = offer({ op: 'add', cell: 0 }, { op: 'lock', cell: 1 }, { op: 'add', cell: 0 });
    const holds = offer({ op: 'lock', cell: 1 }, { op: 'add', cell: 2 }, { op: 'unlock', cell: 1 });
    expect(rankOf([2, 1, 1], [[waits], [holds]])).toBe(0);
    /* Preempted once after its `set`; the other thread adds, blocks, and going back is free. */
    const reads = offer(
      { op: 'lock', cell: 1 },
      { op: 'set', cell: 0, value: 2 },
      { op: 'get', cell: 0 },
      { op: 'set', cell: 2 },
    );
    expect(rankOf([3, 1, 3], [[waits], [reads]])).toBe(1);
  });
  test('an agent that acts inside a call that could go on is one', () => {
    expect(rankOf([0, 1], [[offer(...add(0, 3), ...add(1, 2))]], true)).toBe(1);
    expect(rankOf([0, 1], [[offer(...add(1, 1), ...add(0, 3))]], true)).toBe(0);
  });
});

describe('certificates', () => {
  /* Property 1: page 0 is mapped private. */
  const free = (calls: number, placeBits: number) => {
    const { domain, environment } = coreSystem({ pages: 2, converts: 1, maps: 1, accesses: 1 }, 'F1');
    const judge: Domain['judge'] = (m, hits, placeAt) => {
      domain.judge(m, hits, placeAt);
      if (m[2] === 0) hits.push(1);
    };
    return makeSystem(
      { ...domain, properties: ['wrong', 'mapped'], judge },
      { kind: 'free', calls, offers: environment.offers },
      { placeBits },
    );
  };

  test('fewest calls, of those fewest switches and steps; the same numbers alone and together', () => {
    const both = certifyAll(free, [0, 1], 4);
    for (const [property, calls, switches, steps] of [
      [0, 3, 2, 8],
      [1, 1, 0, 3],
    ]) {
      const alone = certify(free, property, 4).certificate;
      const together = both.get(property)?.certificate;
      expect(alone).toMatchObject({ calls, switches, steps, certified: true });
      expect(together).toMatchObject({ calls, switches, steps, path: alone?.path, states: alone?.states });
    }
    expect(explore(free(2, 8)).hits[0]).toBe(0);
    const all =
      searchBySwitches(free(1, 8), { by: 'switches' }).states +
      searchBySwitches(free(2, 8), { by: 'switches' }).states;
    const last = searchBySwitches(free(3, 8), { by: 'switches' }).found.get(0)?.statesAtHit;
    expect(both.get(0)?.certificate?.states).toBe(all + (last ?? 0));
  });

  test('without a hit it says why', () => {
    expect(certify(free, 0, 2)).toMatchObject({ certificate: null, reason: 'unreachable' });
    expect(certify(free, 0, 3, { statesMax: 50 })).toMatchObject({ certificate: null, reason: 'cap' });
    expect(certify(free, 0, 3, { stop: () => true })).toMatchObject({ certificate: null, reason: 'stopped' });
  });
});

describe('shrinking', () => {
  const build = (offers: readonly (readonly CallOffer[])[], placeBits: number) =>
    makeSystem(
      toyDomain({ threads: offers.map((_, k) => `kind ${k}`), bad: [2, 1] }),
      { kind: 'scenario', offers },
      { placeBits },
    );
  const shorter = ({ args }: CallOffer): CallOffer[] =>
    args.length > 1
      ? [
          offer(...(args.slice(1) as unknown as ToyStep[])),
          offer(...(args.slice(0, -1) as unknown as ToyStep[])),
        ]
      : [];

  test('drops calls and shortens the others', () => {
    const scenario = [
      [offer(...add(1, 2)), offer({ op: 'set', cell: 0, value: 0 }), offer(...add(0, 3))],
      [offer({ op: 'set', cell: 1, value: 0 }), offer({ op: 'set', cell: 1, value: 1 })],
    ];
    const out = shrinkScenario(build, scenario, 0, { shorter });
    expect(out?.scenario.map((list) => list.map(({ args }) => args))).toEqual([
      [add(0, 2)],
      [[{ op: 'set', cell: 1, value: 1 }]],
    ]);
    expect(out).toMatchObject({ switches: 1, steps: 3, minimal: true });
  });

  test('what is left cannot lose a call', () => {
    let shrunk = 0;
    fc.assert(
      fc.property(
        fc.array(fc.array(toyOffer, { maxLength: 3 }), { minLength: 1, maxLength: 2 }),
        fc.constantFrom(2000, 1),
        (scenario, attemptsMax) => {
          const out = shrinkScenario(build, scenario, 0, { shorter, attemptsMax });
          if (explore(build(scenario, 12)).hits[0] > 0) expect(out).not.toBeNull();
          if (out === null) return;
          shrunk++;
          expect(replay(out.system, out.path).steps.at(-1)?.properties).toContain(0);
          out.scenario.forEach((list, thread) => {
            list.forEach((_, k) => {
              const fewer = out.scenario.map((calls, t) =>
                t === thread ? calls.filter((_call, j) => j !== k) : calls,
              );
              expect(explore(build(fewer, 12)).hits[0]).toBe(0);
            });
          });
        },
      ),
      { numRuns: 60, seed: 5 },
    );
    expect(shrunk).toBeGreaterThan(5);
  });
});
