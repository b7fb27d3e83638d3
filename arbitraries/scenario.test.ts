// The contract of the arbitraries: same seed same value, valid, shrinking to strictly smaller, all within
// reach.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type Offered,
  type ScenarioData,
  type ScenarioTable,
  decodeScenario,
  decoderOf,
  sampleScenarios,
  scenario,
  shrinkData,
} from './scenario.ts';
import { assumptions, boundsOf } from '../models/bounds.ts';
import { vmmRemap } from '../policies/vmm-remap.ts';
import { scenarioTable } from '../properties/sampling/sample.ts';
import { makeModel } from '../properties/system.ts';

const SIZES = { callsMax: 4, choicesMax: 30 };
const config = {
  base: 'rfc-v2',
  platform: 'sev-snp',
  vmm: 'adversarial',
  bounds: boundsOf('medium'),
  device: null,
  assumptions: assumptions(),
  fail: null,
} as const;
const table = scenarioTable(makeModel(config, vmmRemap));

/** In the order of fast-check's shrinking: fewer calls and choices, then smaller numbers. */
const sizeOf = ({ initial, focus, off, calls, choices }: ScenarioData): number =>
  [initial, focus, off, ...calls, ...choices].reduce((sum, n) => sum + n, 0) + calls.length + choices.length;

test('the same seed gives the same scenarios, another one others', () => {
  expect(sampleScenarios(SIZES, 7, 50)).toEqual(sampleScenarios(SIZES, 7, 50));
  expect(sampleScenarios(SIZES, 7, 50)).not.toEqual(sampleScenarios(SIZES, 8, 50));
});

test('every scenario is within its sizes', () => {
  fc.assert(
    fc.property(scenario({ callsMin: 2, ...SIZES }), ({ calls, choices }) => {
      expect(calls.length).toBeGreaterThanOrEqual(2);
      expect(calls.length).toBeLessThanOrEqual(SIZES.callsMax);
      expect(choices.length).toBeLessThanOrEqual(SIZES.choicesMax);
    }),
    { seed: 1 },
  );
});

test('every scenario means as many calls as it has numbers, each of them one that its thread has', () => {
  const decode = decoderOf(table);
  fc.assert(
    fc.property(scenario(SIZES), (data) => {
      const { initial, threads } = decode(data);
      expect(initial).toBeLessThan(table.initials);
      expect(threads.flat()).toHaveLength(data.calls.length);
      threads.forEach((list, thread) =>
        list.forEach((call) => expect(table.threads[thread].map((each) => each.call)).toContain(call)),
      );
    }),
    { seed: 2 },
  );
});

test('every call of every thread is met', () => {
  const decode = decoderOf(table);
  const met = table.threads.map(() => new Set<number>());
  for (const data of sampleScenarios(SIZES, 3, 20_000))
    decode(data).threads.forEach((list, thread) => list.forEach((call) => met[thread].add(call)));
  expect(met.map((calls) => calls.size)).toEqual(table.threads.map((offers) => offers.length));
});

test('ranges overlap more often than not', () => {
  const decode = decoderOf({ ...table, threads: table.threads.map((offers) => offers.map(itself)) });
  const pairs = sampleScenarios({ callsMin: 2, callsMax: 2 }, 4, 4000).map((data) =>
    decode(data).threads.flat(),
  );
  const overlapping = pairs.filter(([a, b]) => a.start < b.end && b.start < a.end);
  expect(overlapping.length / pairs.length).toBeGreaterThan(0.7);
});

function itself<T>(offered: Offered<T>): Offered<Offered<T>> {
  return { ...offered, call: offered };
}

describe('swarm', () => {
  const offer = (word: string): Offered<string> => ({ word, start: 0, end: 1, call: word });
  const toy: ScenarioTable<string> = {
    initials: 1,
    pages: 1,
    threads: [[offer('a'), offer('b')], [offer('c')]],
  };
  const data = { initial: 0, focus: 0, choices: [], calls: Array.from({ length: 30 }, (_, k) => k) };

  test('a word that is switched off is not used', () => {
    const [first] = decodeScenario(toy, { ...data, off: 0b001 }).threads;
    expect(new Set(first)).toEqual(new Set(['b']));
  });

  test('a thread is never left without a word', () => {
    const [first, second] = decodeScenario(toy, { ...data, off: 0b111 }).threads;
    expect(new Set(first)).toEqual(new Set(['a', 'b']));
    expect(new Set(second)).toEqual(new Set(['c']));
  });
});

describe('shrinking', () => {
  test('each step of it is strictly smaller', () => {
    const sizes: number[] = [];
    const details = fc.check(
      fc.property(scenario({ callsMax: 6, choicesMax: 30 }), (data) => {
        const fails = data.calls.length > 1 && data.choices.some((choice) => choice > 4);
        if (fails) sizes.push(sizeOf(data));
        return !fails;
      }),
      { seed: 5, numRuns: 1000 },
    );
    expect(details.failed).toBe(true);
    expect(sizes.length).toBeGreaterThan(3);
    sizes.slice(1).forEach((size, k) => expect(size).toBeLessThan(sizes[k]));
  });

  test('a scenario that was found elsewhere shrinks as well', () => {
    const [found] = sampleScenarios({ callsMin: 5, callsMax: 5, choicesMax: 30 }, 6, 1);
    const shrunk = shrinkData(found, ({ calls }) => calls.some((call) => call >= 100), 10_000);
    expect(shrunk).toEqual({ initial: 0, focus: 0, off: 0, calls: [100], choices: [] });
  });

  test('ends with what it has when the attempts are used up', () => {
    const [found] = sampleScenarios({ callsMin: 5, callsMax: 5 }, 6, 1);
    expect(shrinkData(found, () => true, 0)).toEqual(found);
  });
});
