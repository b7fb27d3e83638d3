// Bundled proposals against the baseline: states, transitions, and who breaks what. A change of one number is a
// change of meaning: npm run baseline, and say in the commit why the new numbers are right.

import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { POLICIES } from '../../policies/index.ts';
import { type Survey, survey, surveyConfigs } from './survey.ts';

const baseline = JSON.parse(readFileSync(new URL('./baseline.json', import.meta.url), 'utf8')) as Survey[];

describe.each(POLICIES.map((policy) => [policy.name, policy] as const))('%s', (name, policy) => {
  test.each(
    surveyConfigs(policy).map(
      (config) => [`${config.base}, ${config.platform}, VMM ${config.vmm}`, config] as const,
    ),
  )('%s', (_label, config) => {
    const pinned = baseline.find(
      (s) =>
        s.policy === name && s.base === config.base && s.platform === config.platform && s.vmm === config.vmm,
    );
    expect(survey(config, policy)).toEqual(pinned);
  });
});

test('nothing is pinned that is not run', () => {
  expect(baseline.length).toBe(POLICIES.reduce((sum, policy) => sum + surveyConfigs(policy).length, 0));
});

test('no result of the baseline is vacuous', () => {
  expect(baseline.filter((s) => s.vacuous.length > 0)).toEqual([]);
});
