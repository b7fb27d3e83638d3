// The order of lock classes that iommufd, guest_memfd and KVM have between them (--cast domains), and what closes it to
// a cycle.

import { describe, expect, test } from 'vitest';
import type { Policy } from '../api/index.ts';
import { type Config, assumptions, boundsOf } from '../models/bounds.ts';
import { BROKEN } from '../policies/broken/index.ts';
import { POLICIES } from '../policies/index.ts';
import { vmmRemap } from '../policies/vmm-remap.ts';
import { zap } from '../policies/invalidate-callback.ts';
import { makeModel } from './system.ts';

function cycleOf(policy: Policy, changed: Partial<Config> = {}): readonly string[] {
  const config: Config = {
    base: policy.base,
    platform: 'bare',
    vmm: 'adversarial',
    bounds: boundsOf('quick'),
    device: null,
    assumptions: assumptions(),
    fail: null,
    cast: ['domains'],
    ...changed,
  };
  return makeModel(config, policy).questions.lockCycle();
}

/** The classes of the cycle, in order. */
const classesOf = (cycle: readonly string[]): string[] => cycle.map((edge) => edge.split(' -> ')[0]);

describe.each(['linux-7.2', 'rfc-v2', 'v8'] as const)('on %s', (base) => {
  test.each(POLICIES.map((policy) => [policy.name, policy] as const))('%s has no cycle', (_name, policy) => {
    expect(cycleOf(policy, { base })).toEqual([]);
  });
});

describe.each([
  ['notifier-under-pages-mutex', ['invalidate_lock', 'pages_mutex']],
  ['callback-takes-domains-rwsem', ['invalidate_lock', 'domains_rwsem']],
  ['mutex-class-shared', ['invalidate_lock', 'pages_mutex', 'mmap_lock']],
])('%s', (name, classes) => {
  const policy = BROKEN.find((each) => each.name === name);
  test('has a cycle, and says who takes which lock', () => {
    if (policy === undefined) throw new Error(name);
    const cycle = cycleOf(policy);
    expect(classesOf(cycle)).toEqual(classes);
    expect(cycle.every((edge) => edge.includes(' in '))).toBe(true);
    expect(cycle).toMatchSnapshot();
  });
});

test('a callback for the RFC of 25 Feb 2026 closes the cycle through mmap_lock, with a class of its own none', () => {
  const told: Policy = { ...vmmRemap, invalidate_start: zap };
  expect(classesOf(cycleOf(told))).toEqual(['invalidate_lock', 'pages_mutex', 'mmap_lock']);
  expect(cycleOf({ ...told, own_mutex_class: true })).toEqual([]);
});
