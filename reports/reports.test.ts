// Whole reports: golden texts, and the words that must be in them. Renew with `npx vitest run reports -u` and
// read the diff.

import { describe, expect, test } from 'vitest';
import fc from 'fast-check';

import type { Result, Violation } from '../models/results.ts';
import { faults } from './faults.ts';
import {
  BASE_VIOLATION,
  BOUNDED,
  BOUNDS,
  CELLS,
  EXHAUSTED,
  FAULTS,
  FLAG_VIOLATION,
  IOTLB_VIOLATION,
  LONG_TEXTS,
  NOT_APPLICABLE,
  ON_BROKEN_BASE,
  REPORT,
  RESULT,
  SAMPLED,
  TRIES,
  VACUOUS,
  VIOLATION,
  TOKEN,
} from './golden/samples.ts';
import { ktap } from './ktap.ts';
import { ReportError } from './layout.ts';
import { causalSentence, mail, replayFileName } from './mail.ts';
import { matrix } from './matrix.ts';
import { text } from './text.ts';
import { tryText } from './try.ts';
import { byGravity, gravest, verdictText } from './words.ts';

const one = (result: Result): string => text({ version: 1, seed: '42', results: [result] });

describe('golden', () => {
  test.each<[string, () => string]>([
    ['mail.txt', () => mail(RESULT, VIOLATION)],
    [
      'mail-file.txt',
      () => mail(RESULT, IOTLB_VIOLATION, { foundBy: 'gmem-iommu-conformance 0.1.0, seed 42' }),
    ],
    ['mail-base.txt', () => mail(RESULT, BASE_VIOLATION)],
    ['mail-flag.txt', () => mail(RESULT, FLAG_VIOLATION)],
    ['mail-long.txt', () => mail(RESULT, { ...VIOLATION, trace: LONG_TEXTS })],
    ['check.txt', () => text(REPORT)],
    ['check-all.txt', () => text({ ...REPORT, results: [RESULT] }, { all: true })],
    ['matrix.txt', () => matrix(CELLS, { settings: 'gmem-conform matrix, seed 42, 45 s' })],
    ['try.txt', () => tryText(TRIES)],
    ['faults.txt', () => faults(FAULTS)],
  ])('%s', async (file, report) => {
    const written = report();
    for (const line of written.split('\n')) expect(line).toMatch(/^[ -~]{0,72}$/);
    expect(written).toMatch(/[^\n]\n$|^$|\n\n$/);
    await expect(written).toMatchFileSnapshot(`golden/${file}`);
  });
});

describe('verdicts are said in honest words', () => {
  test.each([
    [RESULT, /^VIOLATED no-mapping-to-freed-page and no-install-after-stale-snapshot; /],
    [EXHAUSTED, /^EXHAUSTED: no violation within 2 pages, 3 calls/],
    [
      ON_BROKEN_BASE,
      /^EXHAUSTED: no violation by the policy \(rfc-v2 alone breaks 1 invariant, below\) within/,
    ],
    [BOUNDED, /^BOUNDED \(preemptions <= 2\): no violation within/],
    [{ ...BOUNDED, preemptionBound: null }, /^BOUNDED \(stopped at 234,000 states of at most 5,000,000\)/],
    [{ ...BOUNDED, preemptionBound: -1 }, /^BOUNDED \(no preemption bound was completed\)/],
    [SAMPLED, /^SAMPLED 1,000 runs: no violation met within .*; not a search of all$/],
    [VACUOUS, /^VACUOUS: no run reached conversion-refused; raise the bounds$/],
    [NOT_APPLICABLE, /^NOT APPLICABLE: there is no RMP on tdx$/],
  ])('%#', (result, words) => {
    expect(verdictText(result)).toMatch(words);
    expect(verdictText(result)).not.toMatch(/\bok\b/i);
  });
});

describe('mail', () => {
  test('blames the base in plain words, and only then', () => {
    const words = 'The base alone (policy none) does the same: a finding on rfc-v2, not on\nthe policy.';
    expect(mail(RESULT, BASE_VIOLATION)).toContain(words);
    expect(mail(RESULT, VIOLATION)).not.toContain('The base alone');
  });

  test('says of a policy that is blamed where its base was not searched to the end', () => {
    const words = /^Not known: whether rfc-v2 does so by itself\./m;
    expect(mail(RESULT, { ...VIOLATION, baseSearched: false })).toMatch(words);
    expect(mail(RESULT, VIOLATION)).not.toMatch(words);
  });

  test('scaled sizes are said where a huge page fits', () => {
    const huge: Result = { ...RESULT, bounds: { ...BOUNDS, pages: 4 } };
    expect(mail(huge, VIOLATION)).toContain('a huge page is 4 base');
    expect(mail(RESULT, VIOLATION)).not.toContain('huge');
  });

  test('names the steps that made what the witness names', () => {
    expect(causalSentence(VIOLATION)).toBe(
      'After 1.5: IOPTE[iova 0] -> pfn 5, which is free. IOPTE[iova 0] is "pfn 5, 4K" since 1.2; pfn 5 is "free" since 1.5.',
    );
    expect(causalSentence({ ...VIOLATION, witness: 'pfn 53 is free' })).toBe('After 1.5: pfn 53 is free.');
    expect(causalSentence({ ...VIOLATION, trace: [] })).toMatch(/^In the initial state: /);
  });

  test('refuses what is not plain ASCII instead of replacing it', () => {
    expect(() => mail({ ...RESULT, policyTitle: 'vmm-remap \u2192' }, VIOLATION)).toThrow(ReportError);
    expect(() => mail({ ...RESULT, policyTitle: 'vmm-remap \u2192' }, VIOLATION)).toThrow(/U\+2192/);
    expect(() => mail(RESULT, { ...VIOLATION, witness: 'a\tb' })).toThrow(/U\+0009/);
    expect(() => ktap({ ...REPORT, results: [{ ...RESULT, policy: 'caf\u00e9' }] })).toThrow(ReportError);
  });

  test('the token is alone on its line; without one, the file is', () => {
    const lines = mail(RESULT, VIOLATION).split('\n');
    expect(lines.slice(-3)).toEqual(['replay', `  ${TOKEN}`, '']);
    const file = replayFileName(RESULT, IOTLB_VIOLATION);
    expect(mail(RESULT, IOTLB_VIOLATION).split('\n').slice(-2)).toEqual([
      `  gmem-conform replay ${file}`,
      '',
    ]);
    expect(file).not.toBe(replayFileName(RESULT, { ...IOTLB_VIOLATION, outcome: 'IOPTE' }));
  });

  test('any names and texts of ASCII fit', () => {
    const words = fc.stringMatching(/^[ -~]{0,200}$/);
    const name = fc.stringMatching(/^[a-z0-9-]{1,40}$/);
    fc.assert(
      fc.property(words, words, name, name, (witness, says, policy, invariant) => {
        const violation: Violation = {
          ...VIOLATION,
          witness,
          says,
          invariant,
          state: [says],
          why: [witness],
          token: null,
        };
        const result: Result = {
          ...RESULT,
          policy,
          policyTitle: `${policy} (${says})`,
          violations: [violation],
        };
        for (const written of [
          mail(result, violation),
          one(result),
          matrix([{ ...result, result, reached: 'quick exhausted' }]),
        ]) {
          for (const line of written.split('\n')) expect(line).toMatch(/^[ -~]{0,72}$/);
        }
      }),
      { seed: 72 },
    );
  });
});

describe('check', () => {
  test('one table of the policy, one of its base; all on demand', () => {
    const underlines = (written: string): number => written.match(/^ {2}-{5}/gm)?.length ?? 0;
    expect(underlines(one(RESULT))).toBe(2);
    expect(underlines(text({ ...REPORT, results: [RESULT] }, { all: true }))).toBe(4);
  });

  test('the gravest comes first: axiom, policy, consequence, size', () => {
    const fault: Violation = {
      ...VIOLATION,
      invariant: 'small',
      calls: 1,
      consequence: null,
      outcome: 'contained fault',
    };
    expect([FLAG_VIOLATION, BASE_VIOLATION, fault, IOTLB_VIOLATION, VIOLATION].sort(byGravity)).toEqual([
      VIOLATION,
      fault,
      IOTLB_VIOLATION,
      BASE_VIOLATION,
      FLAG_VIOLATION,
    ]);
    expect(gravest([])).toBeNull();
    const sized = (calls: number, switches: number, steps: number): Violation => ({
      ...VIOLATION,
      calls,
      switches,
      steps,
    });
    const order = [sized(1, 2, 9), sized(2, 0, 9), sized(2, 1, 5), sized(2, 1, 6)];
    expect([...order].reverse().sort(byGravity)).toEqual(order);
  });
});

describe('matrix', () => {
  test('marks violated, base, flips, vacuous, not applicable', () => {
    const written = matrix(CELLS);
    expect(written).toMatch(/^none +base 1 +base 1 +base 1 +base 1$/m);
    expect(written).toMatch(/^folio-pin +none found +none found +none found +none found\?$/m);
    expect(written).toMatch(/^vmm-remap +VIOLATED 2 +VIOLATED 2 +VIOLATED 2 +VIOLATED 2$/m);
    expect(written).toMatch(/^two-phase-invalidate +VIOLATED 3\? .* vacuous$/m);
    expect(written).toMatch(/^rmp-lockstep +none found +n\/a$/m);
    expect(written).toMatch(/^ {3}2 {2}no-mapping-to-freed-page$/m);
    expect(written).toContain('tdx.removal-never-fails: folio-pin on tdx\n');
  });

  test('every nonconformant policy has one counterexample, conformant ones none', () => {
    const [, shown = ''] = matrix(CELLS).split('Shortest counterexample of each policy');
    expect(shown.match(/^VIOLATED .*$/gm)).toEqual([
      'VIOLATED no-mapping-to-freed-page (IOPTE)',
      'VIOLATED no-install-after-stale-snapshot (IOTLB)',
    ]);
    expect(matrix(CELLS.filter((cell) => cell.policy === 'folio-pin'))).not.toContain('Shortest');
    expect(matrix([])).toBe('No cells.\n');
  });

  test('platforms that do not fit side by side get a grid of their own', () => {
    const platforms = ['bare', 'sev-snp', 'arm-cca', 'tdx', 'riscv-cove', 'pkvm'];
    const cells = platforms.map((platform) => ({
      ...EXHAUSTED,
      platform,
      result: { ...EXHAUSTED, platform },
      reached: 'medium bounded',
    }));
    const written = matrix(cells);
    expect(written.match(/^VMM adversarial$/gm)).toHaveLength(2);
    for (const platform of platforms) expect(written).toContain(platform);
    expect(written.match(/medium: part/g)).toHaveLength(platforms.length);
  });
});

describe('try and faults', () => {
  test('incomplete searches say so', () => {
    expect(tryText(TRIES)).toContain('NOT all interleavings: stopped at 1,204 states');
    expect(tryText(TRIES)).toContain('all interleavings, 1,180 states');
  });

  test('an outcome of interest has its table, others have not', () => {
    const none = tryText(TRIES, { ofInterest: () => false });
    expect(none).not.toMatch(/^ {2}-----/m);
    expect(tryText(TRIES).match(/^A: .*:$/gm)).toHaveLength(4);
  });

  test('a fault that survives is loud', () => {
    expect(faults(FAULTS)).toContain('4 of 5 planted faults caught. SURVIVED: wrong-range-by-one.');
    expect(faults(FAULTS)).toMatch(/^ {2}wrong-range-by-one +NO +0\/20 +- +- +- +-$/m);
    expect(faults(FAULTS)).toMatch(/^ {2}no-retry-after-end +yes +7\/20 +2 +2 +11\* yes$/m);
    expect(faults(FAULTS.slice(0, 2))).not.toContain('SURVIVED');
  });
});
