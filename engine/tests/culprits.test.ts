// Certificates that start only what is known to lead to a hit, against those that start everything.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { explore } from '../explore.ts';
import { type Certificate, type KnownCulprits, certifyAll } from '../minimise.ts';
import { replay } from '../replay.ts';
import type { Selection } from '../selection.ts';
import { type CallOffer, type Domain, makeSystem } from '../system.ts';
import { toyCase, withLastCell } from './arbitrary.ts';
import { type ToyOptions, type ToyStep, offer, toyDomain } from './toy.ts';

const PROPERTIES = [0, 1];

interface Toy extends ToyOptions {
  readonly offers: readonly (readonly CallOffer[])[];
  /** What the threads have of their own is exchanged: nothing. */
  readonly swaps?: boolean;
  /** A cell is 0 or has this value at first. */
  readonly other?: readonly [cell: number, value: number];
}

function domainOf({ swaps, other, ...options }: Toy): Domain {
  const domain = toyDomain(options);
  return {
    ...domain,
    ...(swaps === true ? { reduction: { ...domain.reduction, swap: () => undefined } } : {}),
    initial: (fresh) => {
      if (other === undefined) return [fresh()];
      const [cell, value] = other;
      return [0, value].map((at) => {
        const m = fresh();
        m[cell] = at;
        return m;
      });
    },
  };
}

const buildOf = (toy: Toy) => (calls: number, placeBits: number, selection?: Selection) =>
  makeSystem(
    domainOf(toy),
    selection === undefined
      ? { kind: 'free', calls, offers: toy.offers }
      : { kind: 'selected', selection, offers: toy.offers },
    { placeBits },
  );

function knownOf(toy: Toy, calls: number, ready: boolean): KnownCulprits {
  const system = buildOf(toy)(calls, 16);
  const out = explore(system, { eager: true, culprits: { properties: PROPERTIES, callsMin: 1 } });
  const known = out.culprits();
  /* of what is hit before any call it says nothing */
  const at0: number[] = [];
  for (const m of system.initial) system.domain.judge(m, at0, system.placeAt);
  for (const property of PROPERTIES)
    expect(known.has(property)).toBe(out.hits[property] > 0 && !at0.includes(property));
  return { callsMin: 1, ready, of: (property) => known.get(property) ?? null };
}

/** The certificates of a toy, both ways; how many there are, and in how many fewer states. */
function compare(toy: Toy, calls: number): { readonly found: number; readonly fewer: number } {
  const build = buildOf(toy);
  const plain = certifyAll(build, PROPERTIES, calls);
  const known = certifyAll(build, PROPERTIES, calls, { culprits: knownOf(toy, calls, true) });
  const size = ({ switches, steps, ...rest }: Certificate) => [rest.calls, switches, steps];
  let found = 0;
  let fewer = 0;
  for (const property of PROPERTIES) {
    const [a, b] = [plain, known].map((all) => all.get(property)?.certificate ?? null);
    expect(b === null ? null : size(b)).toEqual(a === null ? null : size(a));
    if (a === null || b === null) continue;
    found++;
    /* those of the search before are counted as well */
    const states = b.states - explore(build(calls, 16), { eager: true }).states;
    if (states < a.states) fewer++;
    const again = replay(b.system, b.path);
    expect(b.system.environment).toMatchObject({ kind: 'free', calls: b.calls });
    expect(again.steps.at(-1)?.properties ?? again.properties).toContain(property);
    const starts = b.path.moves.filter((move) => b.system.offerOf(move) >= 0);
    if (b.steps > 0) expect(starts).toHaveLength(b.calls);
  }
  return { found, fewer };
}

/* Cell 2 is the lock: nothing but it depends on it. */
const locked = ({ args }: CallOffer, also: number): CallOffer =>
  offer(
    { op: 'lock', cell: 2 },
    ...(args as unknown as ToyStep[]).filter(({ op }) => op !== 'lock' && op !== 'unlock'),
    { op: 'unlock', cell: 2 },
    { op: 'add', cell: also },
  );

describe('the same certificates, in fewer states', () => {
  test.each([
    ['threads of different kinds', false],
    ['twins', true],
  ])('%s', (_name, twins) => {
    let found = 0;
    let fewer = 0;
    fc.assert(
      fc.property(
        toyCase,
        fc.nat(1),
        fc.option(fc.tuple(fc.nat(1), fc.integer({ min: 1, max: 3 })), { nil: undefined }),
        fc.constantFrom(2, 3),
        ({ agent, offers, bad }, also, other, calls) => {
          const lists = offers.map((list) => list.map((each) => locked(each, also)));
          const given = twins ? [lists.flat(), lists.flat(), ...lists.slice(1, 2)] : lists;
          const threads = given.map((_, k) => (twins && k < 2 ? 'twin' : `kind ${k}`));
          const toy: Toy = {
            cells: 3,
            threads,
            agent,
            bad,
            offers: given,
            swaps: twins,
            ...(other === undefined ? {} : { other }),
          };
          const out = compare(toy, calls);
          found += out.found;
          fewer += out.fewer;
        },
      ),
      { numRuns: 60, seed: 6 },
    );
    expect([found > 40, fewer > 20]).toEqual([true, true]);
  });

  test('what nobody meets any more is taken at once, or forgotten', () => {
    let found = 0;
    const withLast = withLastCell({ op: 'hit', cell: 0 });
    fc.assert(
      fc.property(
        fc.array(fc.array(withLast, { minLength: 1, maxLength: 2 }), { minLength: 2, maxLength: 3 }),
        fc.tuple(fc.nat(3), fc.nat(3)),
        fc.boolean(),
        (lists, bad, twins) => {
          const own = lists.map((list) => list.map((steps) => offer(...steps)));
          const offers = twins ? own.map(() => own[0]) : own;
          const threads = offers.map((_, k) => (twins ? 'twin' : `kind ${k}`));
          found += compare({ cells: 3, threads, bad, meets: true, offers, swaps: twins }, 3).found;
        },
      ),
      { numRuns: 100, seed: 7 },
    );
    expect(found).toBeGreaterThan(50);
  });
});

describe('by hand', () => {
  const add = (cell: number, times: number): ToyStep[] =>
    Array.from({ length: times }, () => ({ op: 'add', cell }));
  const [both, one] = [offer(...add(1, 1), ...add(0, 1)), offer(...add(0, 1))];

  /* calls, then the initial state and the moves of each way */
  const rowsOf = (toy: Toy): number[] => {
    const known = knownOf(toy, 3, true).of(0);
    return known === null ? [] : [known.calls, ...known.rows];
  };

  test('only the calls that lead there, as many times as it takes', () => {
    const toy: Toy = {
      threads: ['twin', 'twin'],
      bad: [2, 1],
      offers: [
        [one, both],
        [one, both],
      ],
      swaps: true,
    };
    expect(rowsOf(toy)).toEqual([2, 0, 1, 2]);
    expect(compare(toy, 3)).toEqual({ found: 1, fewer: 1 });
  });

  test('each initial state has its own', () => {
    const toy: Toy = { threads: ['a'], bad: [3, 0], offers: [[one, both]], other: [0, 2] };
    expect(rowsOf(toy)).toEqual([1, 1, 1]);
    const hit = certifyAll(buildOf(toy), [0], 3, { culprits: knownOf(toy, 3, true) }).get(0);
    expect(hit?.certificate).toMatchObject({ calls: 1, path: { initial: 1, moves: [1] } });
  });

  test('what is known is asked first, or after searches with fewer calls, and counts the same', () => {
    const toy: Toy = { threads: ['a'], bad: [3, 0], offers: [[one, both]] };
    const at = (ready: boolean, statesMax = Infinity) => {
      const culprits = { ...knownOf(toy, 3, ready), callsMin: 3 };
      return certifyAll(buildOf(toy), [0], 3, { culprits, statesMax }).get(0)?.certificate;
    };
    const { system: _, ...first } = at(true) ?? expect.fail('not found');
    /* those of both searches */
    expect(first.states).toBe(explore(buildOf(toy)(3, 16), { eager: true }).states + 4);
    expect(at(false)).toMatchObject(first);
    /* too many for the search with fewer calls */
    expect(at(false, 5)).toMatchObject(first);
    expect(certifyAll(buildOf(toy), [0], 3, { statesMax: 5 }).get(0)?.reason).toBe('cap');
  });

  test('nothing is known of a search that ended early', () => {
    const toy: Toy = { threads: ['a'], bad: [1, 0], offers: [[one, both]] };
    const culprits = { properties: [0], callsMin: 1 };
    const out = explore(buildOf(toy)(3, 16), { eager: true, statesMax: 2, culprits });
    expect([out.complete, out.hits[0] > 0, out.culprits().size]).toEqual([false, true, 0]);
  });
});
