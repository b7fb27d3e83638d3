// In-kernel access on the concurrent machine (--cast access): all interleavings of a few calls.

import { describe, expect, test } from 'vitest';
import type { Policy } from '../../api/index.ts';
import { explore } from '../../engine/explore.ts';
import { withPlaceBits } from '../../engine/system.ts';
import { type Base, type PlatformName, assumptions, boundsOf } from '../bounds.ts';
import { BROKEN } from '../../policies/broken/index.ts';
import { folioPin } from '../../policies/folio-pin.ts';
import { invalidateCallback } from '../../policies/invalidate-callback.ts';
import { vmmRemap } from '../../policies/vmm-remap.ts';
import { type Model, makeModel } from '../../properties/system.ts';
import { parseScenario } from '../../properties/litmus/parse.ts';
import { tryScenario } from '../../properties/litmus/try.ts';

interface Where {
  readonly platform?: PlatformName;
  readonly base?: Base;
}

const modelOf = (policy: Policy, { platform = 'bare', base = 'rfc-v2' }: Where = {}): Model =>
  makeModel(
    {
      base,
      platform,
      vmm: 'adversarial',
      bounds: { ...boundsOf('small'), vmmThreads: 2 },
      device: 'T0',
      assumptions: assumptions(),
      fail: null,
      cast: ['access'],
    },
    policy,
  );

/** What each call may return. */
const outcomesOf = (scenario: string, policy: Policy = folioPin, where: Where = {}): string[] => [
  ...new Set(tryScenario(modelOf(policy, where), scenario, { flip: false }).outcomes.map((o) => o.outcome)),
];

/** Keys that are broken from one of the initial states, 0: all shared, 1: all private. */
function brokenBy(scenario: string, policy: Policy, where: Where = {}, initial = 0): string[] {
  const model = modelOf(policy, where);
  const groups = parseScenario(scenario, model.table, model.machine);
  const offers = model.machine.threads.map((_, thread) =>
    (groups.find((group) => group.thread === thread)?.calls ?? []).map(
      ({ name, fn, args }) => ({ name, fn, args }) as never,
    ),
  );
  return withPlaceBits(
    (bits) => model.system({ kind: 'scenario', offers }, bits, initial),
    (system) => {
      const { hits } = explore(system, {});
      return model.keys.filter(({ property }) => hits[property] > 0).map(({ name }) => name);
    },
  );
}

describe('an access that races with', () => {
  test('a map finds the whole area or none', () => {
    expect(outcomesOf('A: map 0 | K: access_pin 0')).toEqual(['A: 0; K: -ENOENT', 'A: 0; K: 0']);
  });

  test('an unmap is told to let go, or finds no area: the unmap never fails', () => {
    const scenario = 'A: map 0; unmap 0 | K: access_pin 0; access_unpin';
    expect(outcomesOf(scenario)).toEqual([
      'A: 0, 0; K: -ENOENT, -ENOENT',
      'A: 0, 0; K: 0, -ENOENT',
      'A: 0, 0; K: 0, 0',
    ]);
    expect(brokenBy(scenario, folioPin)).toEqual([]);
  });

  test('an unmap of another thread as well: one of the two finds the area gone, or on its way', () => {
    const broken = brokenBy('A: map 0; unmap 0 | B: unmap 0 | K: access_pin 0', folioPin);
    expect(broken).toEqual([]);
  });

  test('an unmap, over two areas of which the first is told to go', () => {
    const scenario = 'A: map 0; map 1; unmap 0 | K: access_pin 0-1; access_pin 1';
    expect(brokenBy(scenario, folioPin)).toEqual([]);
    const seen = outcomesOf(scenario);
    expect(seen).toContain('A: 0, 0, 0; K: 0, 0');
    expect(seen.every((outcome) => outcome.startsWith('A: 0, 0, 0;'))).toBe(true);
  });
});

describe('memory of the guest', () => {
  test('is copied and handed out by the RFC of 25 Feb 2026, which has no look at the attribute', () => {
    const where = { platform: 'sev-snp' } as const;
    expect(brokenBy('A: map 0; convert_private 0 | K: access_pin 0', vmmRemap, where)).toContain(
      'no-cpu-access-to-private (pin)',
    );
    const copied = brokenBy('A: map 0 | V: fault_private 0 | K: access_write 0', vmmRemap, where, 1);
    expect(copied).toContain('no-cpu-access-to-private (copy)');
    expect(copied).toContain('no-host-fatal (CPU)');
  });

  test('stays in the hands of a driver when the file gives it back', () => {
    expect(brokenBy('A: map 0; punch_hole 0 | K: access_pin 0', vmmRemap)).toContain(
      'access-pages-stay (freed page)',
    );
  });

  test('is refused where the attribute is looked at under the pin of the domain', () => {
    const where = { platform: 'sev-snp' } as const;
    const ofAccess = (keys: readonly string[]): string[] => keys.filter((key) => /access-/.test(key));
    const scenario = 'A: map 0; convert_private 0 | K: access_pin 0; access_write 0';
    for (const initial of [0, 1]) expect(ofAccess(brokenBy(scenario, folioPin, where, initial))).toEqual([]);
  });

  test('is refused altogether where the proposal says nothing of accesses', () => {
    const seen = outcomesOf('A: map 0 | K: access_pin 0; access_read 0', invalidateCallback);
    expect(seen.filter((outcome) => /K: 0|, 0$/.test(outcome))).toEqual([]);
    expect(seen).toContain('A: 0; K: -EINVAL, -EINVAL');
  });
});

describe('planted', () => {
  test.each([
    ['notified-under-iova-rwsem', 'every-call-returns (stuck)'],
    ['num-accesses-read-unlocked', 'access-pages-stay (area)'],
  ])('%s', (name, key) => {
    const policy = BROKEN.find((each) => each.name === name);
    if (policy === undefined) throw new Error(name);
    const scenario = 'A: map 0; unmap 0 | K: access_pin 0';
    const { base } = policy;
    expect(brokenBy(scenario, folioPin, { base: base })).toEqual([]);
    expect(brokenBy(scenario, policy, { base: base })).toContain(key);
  });

  test('num-accesses-kept-on-error', () => {
    const policy = BROKEN.find((each) => each.name === 'num-accesses-kept-on-error');
    if (policy === undefined) throw new Error('not planted');
    const where = { platform: 'sev-snp', base: 'linux-7.2' } as const;
    const ofCount = (tried: Policy): string[] =>
      brokenBy('A: map 0 | K: access_pin 0', tried, where, 1).filter((key) => key.startsWith('num-accesses'));
    expect(ofCount(folioPin)).toEqual([]);
    expect(ofCount(policy)).toEqual(['num-accesses-is-what-is-held (num_accesses)']);
  });
});
