// Findings as tokens and back: the same policy, configuration, key and path; and what a token of another model says.

import { describe, expect, test } from 'vitest';
import { replay } from '../engine/replay.ts';
import { POLICIES } from '../policies/index.ts';
import { decodeFinding, encodeFinding, findingOf } from '../properties/token.ts';
import { decodeToken, encodeDigits, encodeToken, makeReader } from '../reports/token.ts';
import { find, modelOf } from './explain-finding.ts';

const text = { encodeToken, decodeToken, encodeDigits, makeReader };
const TOKEN_MAX = 60;

describe.each([
  ['vmm-remap', 'bare', 'no-mapping-to-freed-page (IOPTE)'],
  ['vmm-remap', 'sev-snp', 'zeroed-before-first-use (stale data)'],
  ['vmm-remap', 'tdx', 'no-mapping-to-freed-page (IOTLB)'],
  ['folio-pin', 'sev-snp', 'no-unbounded-retry (spin)'],
  ['none', 'tdx', 'neighbour-content-survives (wiped by a hole)'],
] as const)('%s on %s, %s', (policy, platform, name) => {
  const model = modelOf(policy, { platform });
  const finding = find(model, name);

  test('comes back as it was', () => {
    const token = encodeFinding(model, finding, { blame: 'policy' }, text) ?? '';
    expect(token.length).toBeGreaterThan(0);
    expect(token.length).toBeLessThanOrEqual(TOKEN_MAX);
    const decoded = decodeFinding(token, POLICIES, text);
    expect(decoded.stale).toEqual([]);
    expect(decoded.policy?.name).toBe(policy);
    expect(decoded.config).toEqual(model.config);
    expect(decoded.key?.name).toBe(name);
    expect(decoded.blame).toBe('policy');
    const again = findingOf(decoded, 16);
    if (again === null) throw new Error('the token has no path');
    expect([again.calls, again.switches, again.steps]).toEqual([
      finding.calls,
      finding.switches,
      finding.steps,
    ]);
    const hit = replay(again.system, again.path).steps.at(-1)?.properties;
    expect(hit).toContain(finding.key.property);
  });
});

test('a token of a policy that is not here says so', () => {
  const model = modelOf('vmm-remap', { platform: 'bare' });
  const token =
    encodeFinding(model, find(model, 'no-mapping-to-freed-page (IOPTE)'), { blame: 'base' }, text) ?? '';
  const decoded = decodeFinding(
    token,
    POLICIES.filter(({ name }) => name !== 'vmm-remap'),
    text,
  );
  expect(decoded.model).toBeNull();
  expect(decoded.stale.join('\n')).toMatch(/policy/);
  expect(decoded.blame).toBe('base');
});
