// Sampling finds what is there, says the same for the same seed, and shrinks to what an exact search would
// give.

import { describe, expect, test } from 'vitest';
import type { Policy } from '../../api/index.ts';
import { certify } from '../../engine/minimise.ts';
import { replay } from '../../engine/replay.ts';
import { type PlatformName, assumptions, boundsOf } from '../../models/bounds.ts';
import { EVENT } from '../../models/events.ts';
import { invalidateCallback } from '../../policies/invalidate-callback.ts';
import { vmmRemap } from '../../policies/vmm-remap.ts';
import { type Key, keyOf } from '../spec/keys.ts';
import { inOrderOfStart, isPath, movesOfNames, namesOf } from './named-paths.ts';
import { sample, sampleRate } from './sample.ts';
import { type Model, freeEnvironment, makeModel } from '../system.ts';

function modelOf(policy: Policy, platform: PlatformName): Model {
  const config = {
    base: 'rfc-v2',
    platform,
    vmm: 'adversarial',
    bounds: boundsOf('small'),
    device: null,
    assumptions: assumptions(),
    fail: null,
  } as const;
  return makeModel(config, policy);
}

function key(invariant: string, outcome: string): Key {
  const found = keyOf(invariant, outcome);
  if (found === undefined) throw new Error(`no ${invariant} (${outcome})`);
  return found;
}

const FREED = key('no-mapping-to-freed-page', 'IOPTE');
const FATAL = key('no-host-fatal', 'DMA');
const tdx = modelOf(vmmRemap, 'tdx');

describe('a campaign', () => {
  const keys = [FREED, FATAL];
  const once = sample(tdx, { seed: 'campaign', runs: 1500, keys });

  test('with the same seed gives the same, byte for byte', () => {
    const again = sample(tdx, { seed: 'campaign', runs: 1500, keys });
    expect(again.runs).toBe(once.runs);
    expect(again.steps).toBe(once.steps);
    expect(again.hits).toEqual(once.hits);
    const plain = [once, again].map(({ found }) =>
      [...found].map(([property, { run, data, path }]) => ({ property, run, data, path })),
    );
    expect(plain[0]).toEqual(plain[1]);
  });

  test('with another seed gives something else', () => {
    expect(sample(tdx, { seed: 'another', runs: 100, keys: [] }).hits).not.toEqual(
      sample(tdx, { seed: 'campaign', runs: 100, keys: [] }).hits,
    );
  });

  test('reaches the races', () => {
    for (const event of ['page-freed', 'bracket-closed', 'fault-retried', 'conversion-refused'] as const)
      expect(once.hits[EVENT[event]]).toBeGreaterThan(0);
  });

  test('finds both keys, on paths that replay', () => {
    expect(once.found.size).toBe(2);
    for (const { key: found, system, path, steps, calls } of once.found.values()) {
      const replayed = replay(system, path);
      expect(replayed.steps).toHaveLength(steps);
      expect(replayed.steps.filter(({ starts }) => starts !== null)).toHaveLength(calls);
      expect(replayed.steps.at(-1)?.properties).toContain(found.property);
    }
  });

  test('shrinks to what the exact search finds lowest', () => {
    const found = once.found.get(FREED.property);
    const { certificate } = certify(
      (n, bits) => tdx.system(freeEnvironment(tdx, n), bits),
      FREED.property,
      2,
    );
    expect(certificate).not.toBeNull();
    expect(found?.minimal).toBe(true);
    expect([found?.calls, found?.switches, found?.steps]).toEqual([
      certificate?.calls,
      certificate?.switches,
      certificate?.steps,
    ]);
  });
});

test('nothing is found where there is nothing', () => {
  const callback = modelOf(invalidateCallback, 'tdx');
  const { runs, found } = sample(callback, { seed: 'none', runs: 500, keys: [FREED, FATAL] });
  expect([runs, found.size]).toEqual([500, 0]);
});

test('a campaign stops when it is told to, and says how far it came', () => {
  let asked = 0;
  const told: number[] = [];
  const { runs } = sample(tdx, {
    seed: 'stopped',
    runs: 5000,
    keys: [],
    stop: () => ++asked > 2,
    progress: (done) => told.push(done.runs),
  });
  expect(runs).toBeGreaterThan(0);
  expect(runs).toBeLessThan(5000);
  expect(told.at(-1)).toBe(runs);
});

test('a rate counts seeds', () => {
  const rate = sampleRate(tdx, FREED, 5);
  expect(rate).toMatchObject({ seeds: 5, caught: 5 });
  expect(rate.runs).toBeLessThan(5 * 3000);
  expect(sampleRate(tdx, FREED, 2, 0)).toEqual({ seeds: 2, caught: 0, runs: 0 });
});

describe('paths by names', () => {
  const free = tdx.system(freeEnvironment(tdx, 3), 16);
  const found = sample(tdx, { seed: 'names', runs: 1500, keys: [FATAL] }).found.get(FATAL.property);

  test('come back as the same path', () => {
    if (found === undefined) throw new Error('not found');
    const names = namesOf(found.system, found.path.moves);
    const moves = movesOfNames(free, names);
    expect(moves).toEqual(found.path.moves);
    expect(isPath(free, { initial: found.path.initial, moves: moves ?? [] })).toBe(true);
    expect(movesOfNames(free, [{ actor: 'nobody', starts: null }])).toBeNull();
    expect(movesOfNames(free, [{ actor: 'VMM 0', starts: 'nothing' }])).toBeNull();
  });

  test('threads that are alike are named in the order in which they start', () => {
    const names = [
      { actor: 'VMM 1', starts: 'b' },
      { actor: 'VMM 0', starts: 'a' },
      { actor: 'IOMMU: invalidation queued by VMM 1', starts: null },
      { actor: 'host: allocator reuses a free page', starts: null },
    ];
    expect(inOrderOfStart(free, names).map(({ actor }) => actor)).toEqual([
      'VMM 0',
      'VMM 1',
      'IOMMU: invalidation queued by VMM 0',
      'host: allocator reuses a free page',
    ]);
  });
});
