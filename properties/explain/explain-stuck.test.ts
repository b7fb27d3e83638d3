// Deadlocks and kept locks in words: who waits in which function, for what, and who holds it since which step.

import { describe, expect, test } from 'vitest';
import { type Policy, lock } from '../../api/index.ts';
import type { PlatformName } from '../../models/bounds.ts';
import { BROKEN } from '../../policies/broken/index.ts';
import { invalidateCallback } from '../../policies/invalidate-callback.ts';
import { explain } from './explain.ts';
import { gravityOf, keyOf } from '../spec/keys.ts';
import { makeModel } from '../system.ts';
import { configOf, find } from './tests/finding.ts';

const planted = (name: string): Policy => {
  const found = BROKEN.find((policy) => policy.name === name);
  if (found === undefined) throw new Error(`there is no planted fault ${name}`);
  return found;
};

const said = (policy: Policy, key: string, platform: PlatformName = 'bare') => {
  const model = makeModel(configOf({ platform }), policy);
  const { witness, state, why } = explain(model, find(model, key));
  return { witness, state, why };
};

const STUCK = 'a call is blocked, and nobody is left who could unblock it: ';

describe('every-call-returns', () => {
  test('a lock that the thread holds itself', () => {
    const waitsForItself: Policy = {
      ...invalidateCallback,
      name: 'waits-for-itself',
      *invalidate_start() {
        yield* lock('invalidate_lock');
      },
    };
    const { witness, state, why } = said(waitsForItself, 'every-call-returns (stuck)');
    expect(witness).toBe(
      `${STUCK}VMM 0 in invalidate_start() waits for invalidate_lock (write), held by VMM 0 since 1.2`,
    );
    expect(state[0]).toBe(
      'invalidate_lock: held by VMM 0 since 1.2; waited for by VMM 0 in invalidate_start()',
    );
    expect(why[0]).toBe(
      'not taking invalidate_lock in invalidate_start(), which runs with it held since 1.2',
    );
  });

  test('two locks, each held by who waits for the other', () => {
    const { witness, why } = said(planted('mutex-around-lookup'), 'every-call-returns (stuck)');
    expect(witness).toMatch(/VMM \d in \w+\(\) waits for pages_mutex, held by VMM \d since \d\.\d+/);
    expect(witness).toMatch(/waits for invalidate_lock \(shared\), held by VMM \d since \d\.\d+/);
    expect(why[0]).toMatch(/^taking \w+ and \w+ in the same order in \w+\(\) and \w+\(\)$/);
  });
});

test('a lock kept at return is named, with where it was taken', () => {
  const { witness, state, why } = said(
    planted('lock-kept-on-error'),
    'nothing-left-at-release (lock)',
    'tdx',
  );
  expect(witness).toMatch(/^VMM 0 has returned to user space with invalidate_lock shared held$/);
  expect(state[0]).toMatch(/^invalidate_lock shared: taken by VMM 0 in \w+\(\) at 1\.\d, never released$/);
  expect(why[0]).toMatch(
    /^releasing invalidate_lock shared, taken at 1\.\d in \w+\(\), before VMM 0 returns$/,
  );
});

test('a lock that is kept goes before what comes of it, and closes no cycle of the order', () => {
  const gravity = (invariant: string, outcome: string): number => {
    const key = keyOf(invariant, outcome);
    return key === undefined ? Number.NaN : gravityOf(key);
  };
  const kept = gravity('nothing-left-at-release', 'lock');
  expect(kept).toBeLessThan(gravity('every-call-returns', 'stuck'));
  expect(kept).toBeLessThan(gravity('lock-order-acyclic', 'inversion'));
  expect(gravity('nothing-left-at-release', 'pin')).toBe(gravity('lock-order-acyclic', 'inversion'));
  const keeps: Policy = {
    ...invalidateCallback,
    name: 'keeps',
    *invalidate_start() {
      yield* lock('pages_mutex');
    },
  };
  expect(makeModel(configOf({ platform: 'bare' }), keeps).questions.lockCycle()).toEqual([]);
});
