// docs/findings.md and docs/objections.md say what the suite finds: each trace replays, each number is answered.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { decodeToken } from '../../reports/token.ts';
import { packageRoot } from '../../cli/root.ts';
import { explore } from '../../engine/explore.ts';
import { replay } from '../../engine/replay.ts';
import { withPlaceBits } from '../../engine/system.ts';
import { none } from '../../policies/none.ts';
import { doesTheSame } from '../blame.ts';
import { BASE_FINDINGS, findingConfig } from './findings.ts';
import { OBJECTIONS } from './objections.ts';
import type { Survey } from './survey.ts';
import { disagreements } from '../spec/tests/definitions.ts';
import { freeEnvironment, makeModel } from '../system.ts';
import { decodeFinding, findingOf } from '../token/token.ts';
import {
  FINDINGS_PAGE,
  OBJECTIONS_PAGE,
  findingsPage,
  objectionsPage,
  pinnedFaults,
} from '../../pins/findings.ts';

const read = (path: string): string => readFileSync(join(packageRoot(), path), 'utf8');
const page = read(FINDINGS_PAGE);
const PLACE_BITS = 16;

/** What stands in the code fence below the heading. */
function quoted(id: string): string {
  return new RegExp(`^## ${id}\\n[^]*?\`\`\`\\n([^]*?)\`\`\``, 'm').exec(page)?.[1] ?? '';
}

const tokenOf = (id: string): string => /GC1-[0-9A-Z-]+/.exec(quoted(id))?.[0] ?? '';

describe.each(BASE_FINDINGS.map((found) => [found.id, found] as const))('%s', (id, found) => {
  test('its token is of this configuration, and its schedule breaks the invariant', () => {
    const decoded = decodeFinding(decodeToken(tokenOf(id)), [none]);
    expect(decoded.stale).toEqual([]);
    expect(decoded.config).toEqual(findingConfig(found));
    expect(decoded.key?.name).toBe(`${found.invariant} (${found.outcome})`);
    const finding = findingOf(decoded, PLACE_BITS);
    if (decoded.model === null || finding === null) throw new Error('the token has no path');
    const { system, path } = finding;
    expect(disagreements(decoded.model, system, replay(system, path).steps)).toEqual([]);
  });
});

const elsewhere = BASE_FINDINGS.flatMap((found) =>
  (found.alsoOn ?? []).map((base) => [found.id, base, found] as const),
);
test.each(elsewhere)('%s is found on %s', (id, base, found) => {
  const finding = findingOf(decodeFinding(decodeToken(tokenOf(id)), [none]), PLACE_BITS);
  if (finding === null) throw new Error('the token has no path');
  const { property, name } = finding.key;
  expect(name).toBe(`${found.invariant} (${found.outcome})`);
  const model = makeModel({ ...findingConfig(found), base }, none, { only: [finding.key] });
  /* with the same calls, else with any */
  if (doesTheSame(model, { ...finding, certified: false, certifiedStates: 0 })) return;
  const { hits } = withPlaceBits(
    (bits) => model.system(freeEnvironment(model, model.config.bounds.calls), bits),
    (system) => explore(system, { eager: true, until: [property] }),
  );
  expect(hits[property]).toBeGreaterThan(0);
});

test('the page of findings is written from the list', () => {
  expect(page).toBe(findingsPage(({ id }) => quoted(id)));
});

test('the page of objections is written from the list and the planted faults', () => {
  expect(read(OBJECTIONS_PAGE)).toBe(objectionsPage(pinnedFaults()));
});

test('every number is answered, and every finding that is named is there', () => {
  const ids = BASE_FINDINGS.map(({ id }) => id);
  for (const { d, answers } of OBJECTIONS) {
    expect(answers.length, `D${d}`).toBeGreaterThan(0);
    for (const answer of answers)
      if (answer.is === 'finding') for (const id of answer.findings) expect(ids).toContain(id);
  }
});

test('whatever a base breaks in the baseline is among the findings', () => {
  const surveys = JSON.parse(read('properties/known/baseline.json')) as Survey[];
  const listed = new Set(
    BASE_FINDINGS.flatMap(({ base, alsoOn = [], invariant, outcome, also = [] }) =>
      [base, ...alsoOn].flatMap((each) =>
        [`${invariant} (${outcome})`, ...also].map((key) => `${each} ${key}`),
      ),
    ),
  );
  const broken = new Set(
    surveys.flatMap(({ base, baseBreaks }) => baseBreaks.map((key) => `${base} ${key}`)),
  );
  expect([...broken].filter((key) => !listed.has(key))).toEqual([]);
});
