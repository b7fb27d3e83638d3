// Walks and replays: part of the graph that the exhaustive search visits.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { coreSystem } from '../../bench/core.ts';
import { PathError, SuiteError } from '../errors.ts';
import { explore } from '../explore.ts';
import { choicesOf, pathOfChoices, replay } from '../replay.ts';
import { pct } from '../schedulers/pct.ts';
import { uniform } from '../schedulers/uniform.ts';
import type { System } from '../system.ts';
import { roam, walk } from '../walk.ts';
import { toyCase } from './arbitrary.ts';
import { offer, toySystem } from './toy.ts';

function randomFrom(seed: number): () => number {
  let x = seed | 1;
  return () => {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    return (x >>> 1) / 2 ** 31;
  };
}

/** All states of a system, as text. */
function allStates(system: System): Set<string> {
  const seen = new Set<string>();
  const line = system.initial.map((m) => m.slice());
  const successors = system.successors(system.layout, 'never');
  for (const state of line) {
    if (seen.has(state.join())) continue;
    seen.add(state.join());
    const enabled = successors.from(state, -1, false);
    for (const move of successors.moves.slice(0, enabled)) {
      const next = state.slice();
      system.step(next, move);
      line.push(next);
    }
  }
  return seen;
}

const choices = fc.array(fc.nat(1000), { maxLength: 40 });

describe('any list of numbers', () => {
  test('is a path inside the graph, replays to the same states, and is a list of choices again', () => {
    fc.assert(
      fc.property(toyCase, choices, ({ agent, offers, bad }, list) => {
        const system = toySystem(
          { threads: offers.map((_, k) => `kind ${k}`), agent, bad },
          { kind: 'free', calls: 3, offers },
        );
        const states = allStates(system);
        expect(states.size).toBe(explore(system).states);
        const walked: string[] = [];
        const out = walk(system, list, { stepsMax: 30 }, (property, step, m) =>
          walked.push(`${property} ${step} ${m.join()}`),
        );
        const again = replay(system, out.path);
        for (const { after } of again.steps) expect(states).toContain(after.join());
        expect(out.final || out.path.moves.length === Math.min(30, list.length)).toBe(true);
        for (const [property, step] of out.hits) {
          const at = step === 0 ? again : again.steps[step - 1];
          expect(at.properties).toContain(property);
          for (const earlier of again.steps.slice(0, Math.max(0, step - 1)))
            expect(earlier.properties).not.toContain(property);
          expect(walked).toContain(
            `${property} ${step} ${(step === 0 ? again.initial : again.steps[step - 1].after).join()}`,
          );
        }
        const digits = choicesOf(system, out.path);
        let k = 0;
        const back = pathOfChoices(system, 0, (enabled, step) => {
          if (k === digits.length) return -1;
          expect([enabled, step]).toEqual([digits[k].enabled, k + 1]);
          return digits[k++].index;
        });
        expect(back).toEqual(out.path);
      }),
      { numRuns: 80, seed: 6 },
    );
  });

  test('takes the next enabled candidate where the chosen one is blocked', () => {
    const twice = offer({ op: 'lock', cell: 0 }, { op: 'lock', cell: 0 }, { op: 'add', cell: 1 });
    const system = toySystem(
      { threads: ['a', 'b'] },
      { kind: 'scenario', offers: [[twice], [offer({ op: 'unlock', cell: 0 })]] },
    );
    const actors = (list: number[]) =>
      walk(system, list, { stepsMax: 9 }).path.moves.map((move) => system.actorOf(move));
    expect(actors([0, 0, 0, 0, 0])).toEqual([0, 1, 0, 0]);
    expect(actors([1, 0])).toEqual([1, 0]);
    expect(actors([])).toEqual([]);
    expect(() => walk(system, [-1], { stepsMax: 9 })).toThrow(SuiteError);
    expect(() => walk(system, () => 0.5, { stepsMax: 9 })).toThrow(SuiteError);
  });
});

describe('schedulers', () => {
  const core = { pages: 2, converts: 2, maps: 3, accesses: 3 };

  test.each([
    ['uniform', (random: () => number) => uniform(random)],
    ['pct', (random: () => number) => pct(random, 3, 30)],
  ])('%s finds the planted fault, and the same with the same seed', (_, make) => {
    const system = coreSystem(core, 'F3');
    const run = (seed: number) => walk(system, make(randomFrom(seed * 7919 + 1)), { stepsMax: 40 });
    const walks = Array.from({ length: 400 }, (_unused, seed) => run(seed));
    expect(walks.filter(({ hits }) => hits.has(0)).length).toBeGreaterThan(3);
    expect(run(3)).toEqual(walks[3]);
    expect(new Set(walks.map(({ path }) => path.moves.join())).size).toBeGreaterThan(100);
    for (const { final } of walks) expect(final).toBe(true);
  });

  test('pct of depth 1 never switches away from a call that can go on', () => {
    const system = coreSystem(core);
    for (let seed = 1; seed < 30; seed++) {
      const { path } = walk(system, pct(randomFrom(seed), 1, 30), { stepsMax: 40 });
      const actors = path.moves.map((move) => system.actorOf(move));
      expect(actors.filter((actor, k) => actor !== actors[k - 1])).toHaveLength(3);
    }
  });

  test('roaming judges what it is asked to judge', () => {
    const system = coreSystem(core, 'F3');
    const random = randomFrom(1);
    const roamed = (judged: boolean) =>
      roam(system, () => Math.floor(random() * 2 ** 31), { steps: 20_000, stepsPerWalk: 30, judged });
    expect(roamed(false)).toMatchObject({ steps: 20_000, hits: Float64Array.of(0) });
    const out = roamed(true);
    expect(out.hits[0]).toBeGreaterThan(10);
    expect(out.walks).toBeGreaterThan(500);
  });
});

describe('replay', () => {
  const system = coreSystem({ pages: 2, converts: 2, maps: 3, accesses: 3 }, 'F3');

  test('says what every step did', () => {
    const { steps } = replay(system, {
      initial: 0,
      moves: [system.startMove(1, 1), system.continueMove(1), system.continueMove(1)],
    });
    expect(steps.map(({ starts, answer, returns }) => [starts?.name, answer, returns])).toEqual([
      ['map 1', 0, null],
      [undefined, 0, null],
      [undefined, 0, { result: null }],
    ]);
    expect(steps[2].place?.frames).toMatchObject([{ args: [1], answers: [0, 0] }]);
    expect([steps[2].before[3], steps[2].after[3]]).toEqual([2, 0]);
  });

  test('names the step that is not enabled', () => {
    const moves = [system.startMove(0, 0), system.continueMove(1)];
    expect(() => replay(system, { initial: 0, moves })).toThrow(PathError);
    expect(() => replay(system, { initial: 0, moves })).toThrow('step 2 of the path: MAP cannot move here');
    expect(() => replay(system, { initial: 0, moves: [99 << 10] })).toThrow(
      'step 1 of the path: there is no actor 99',
    );
    expect(() => replay(system, { initial: 4, moves: [] })).toThrow(PathError);
    expect(() => choicesOf(system, { initial: 0, moves })).toThrow('step 2');
    expect(() => pathOfChoices(system, 0, () => 99)).toThrow('choice 99 of 6 enabled moves');
  });
});
