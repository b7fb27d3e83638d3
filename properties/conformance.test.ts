// Proposals that nobody has pinned: a file dropped into policies/, or named in GMEM_POLICY, must conform.

import { readdirSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { Policy } from '../api/index.ts';
import { loadPolicyModule, pickPolicies } from '../cli/load-policy.ts';
import { POLICIES } from '../policies/index.ts';
import { survey, surveyConfigs } from './known/survey.ts';

const folder = new URL('../policies/', import.meta.url);

const proposals = (): string[] =>
  readdirSync(folder).filter((name) => /(?<!\.test)\.ts$/.test(name) && name !== 'index.ts');

async function dropped(): Promise<Policy[]> {
  const files = proposals().map((name) => new URL(name, folder).pathname);
  const named = process.env.GMEM_POLICY === undefined ? [] : [process.env.GMEM_POLICY];
  const found: Policy[] = [];
  for (const file of [...files, ...named])
    found.push(...(pickPolicies(await loadPolicyModule(file)) as Policy[]));
  const bundled = new Set(POLICIES.map(({ name }) => name));
  return found.filter(({ name }) => !bundled.has(name));
}

const policies = await dropped();

test('every bundled proposal is found by its file, so that a dropped one would be', () => {
  expect(proposals().length).toBeGreaterThanOrEqual(POLICIES.length);
});

describe.each(policies.map((policy) => [policy.name, policy] as const))('%s conforms', (_name, policy) => {
  test.each(
    surveyConfigs(policy).map((config) => [`${config.platform}, VMM ${config.vmm}`, config] as const),
  )('%s', (_label, config) => {
    const { policyBreaks, vacuous } = survey(config, policy);
    expect({ policyBreaks, vacuous }).toEqual({ policyBreaks: [], vacuous: [] });
  });
});
