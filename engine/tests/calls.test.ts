// Calls as tries: what is the same, what is refused.

import { describe, expect, test } from 'vitest';
import { makeCalls } from '../calls.ts';
import { PolicyError, SuiteError } from '../errors.ts';
import { explore } from '../explore.ts';
import type { Proc } from '../tries.ts';
import { type CallOffer, PlaceOverflow, withPlaceBits } from '../system.ts';
import { type ToyStep, offer, toySystem } from './toy.ts';

const language = () => {
  const known: string[] = [];
  return {
    compile: (step: unknown): number => {
      const key = JSON.stringify(step);
      if (!known.includes(key)) known.push(key);
      return known.indexOf(key);
    },
    width: () => 4,
  };
};
const run = (fn: Proc) => () =>
  explore(
    toySystem(
      { threads: ['a'] },
      { kind: 'scenario', offers: [[{ name: 'call', fn, args: [] } satisfies CallOffer]] },
    ),
  );

describe('places', () => {
  test('equal calls with equal answers are one place', () => {
    const calls = makeCalls(language());
    const fn = function* (): Generator<ToyStep> {
      yield { op: 'get', cell: 0 };
      yield { op: 'get', cell: 1 };
    };
    const root = calls.root(fn, []);
    expect(calls.root(fn, [])).toBe(root);
    expect(calls.next(root, 1)).toBe(calls.next(root, 1));
    expect(calls.next(root, 1)).not.toBe(calls.next(root, 2));
    expect(calls.describe(calls.next(calls.next(root, 1), 0))).toMatchObject({ done: true, result: null });
    expect(() => calls.next(root, 4)).toThrow(SuiteError);
  });

  test('an entered function forgets its answers at its return', () => {
    const calls = makeCalls(language());
    const inner = function* (): Generator<ToyStep, boolean, number> {
      return (yield { op: 'get', cell: 0 }) > 1;
    };
    const outer = function* (): Generator<unknown, void, boolean> {
      const big = yield { op: 'call', fn: inner, args: [] };
      yield { op: 'set', cell: 0, value: big ? 1 : 0 };
    };
    const root = calls.root(outer, []);
    expect(calls.describe(root).frames).toHaveLength(2);
    expect(calls.next(root, 0)).toBe(calls.next(root, 1));
    expect(calls.next(root, 2)).toBe(calls.next(root, 3));
    expect(calls.next(root, 1)).not.toBe(calls.next(root, 2));
    expect(calls.describe(calls.next(root, 3)).frames).toMatchObject([{ answers: [true] }]);
  });
});

describe('refused', () => {
  test('other steps for the same answers', () => {
    let times = 0;
    const fn = function* (): Generator<ToyStep> {
      yield { op: 'add', cell: times++ % 2 };
      yield { op: 'add', cell: 0 };
    };
    expect(run(fn)).toThrow(PolicyError);
    expect(run(fn)).toThrow(/different step 1/);
  });

  test('a loop without bound', () => {
    const fn = function* (): Generator<ToyStep> {
      for (;;) yield { op: 'add', cell: 0 };
    };
    expect(run(fn)).toThrow(/took more than 200 steps/);
  });

  test('functions without bottom', () => {
    const fn: Proc = function* (): Generator<unknown> {
      yield { op: 'call', fn, args: [] };
    };
    expect(run(fn)).toThrow(/more than 24 functions deep/);
  });

  test('a loop that enters functions and makes no step', () => {
    const nothing: Proc = function* (): Generator<unknown> {};
    const loop: Proc = function* (): Generator<unknown, string> {
      yield { op: 'call', fn: nothing, args: [] };
      return 'again';
    };
    const fn: Proc = function* (): Generator<unknown> {
      yield { op: 'call', fn: loop, args: [], repeat: true };
    };
    expect(run(fn)).toThrow(/again and again without a step/);
  });

  test('a throw, with its cause', () => {
    const cause = new RangeError('no such page');
    const fn = function* (): Generator<ToyStep> {
      yield { op: 'add', cell: 0 };
      throw cause;
    };
    expect(run(fn)).toThrow(PolicyError);
    expect(run(fn)).toThrow(expect.objectContaining({ cause }));
  });
});

test('places that do not fit are given more bits', () => {
  const steps: ToyStep[] = Array.from({ length: 30 }, () => ({ op: 'add', cell: 0 }));
  const build = (placeBits: number) =>
    toySystem({ threads: ['a'] }, { kind: 'scenario', offers: [[offer(...steps)]] }, placeBits);
  expect(() => explore(build(3))).toThrow(PlaceOverflow);
  const tried: number[] = [];
  const out = withPlaceBits(
    (bits) => {
      tried.push(bits);
      return build(bits);
    },
    explore,
    3,
  );
  expect(out.states).toBe(31);
  expect(tried.length).toBeGreaterThan(1);
  expect(() => withPlaceBits(() => build(3), explore, 3)).not.toThrow(TypeError);
  expect(() => withPlaceBits(() => build(3), explore, 12)).toThrow(PlaceOverflow);
});
