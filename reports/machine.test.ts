// Reports for programs: KTAP and JSON.

import { describe, expect, test } from 'vitest';
import * as z from 'zod';

import type { Result } from '../models/results.ts';
import { BASE_VIOLATION, CELLS, FAULTS, REPORT, RESULT, TRIES, VIOLATION } from './golden/samples.ts';
import { faultsJson, matrixJson, runJson, tryJson } from './json.ts';
import { ktap } from './ktap.ts';
import { faultsSchema, publishedSchemas, runSchema, schemaJson, trySchema } from './schema.ts';

describe('golden', () => {
  test.each<[string, () => string]>([
    ['check.ktap', () => ktap(REPORT)],
    ['check.json', () => runJson(REPORT)],
    ['try.json', () => tryJson(TRIES)],
    ['faults.json', () => faultsJson(FAULTS)],
    ['schema.json', schemaJson],
  ])('%s', async (file, report) => {
    await expect(report()).toMatchFileSnapshot(`golden/${file}`);
  });
});

describe('ktap', () => {
  const written = ktap(REPORT);

  test('not ok only for axioms of the policy', () => {
    expect(written.match(/^ *not ok .*$/gm)).toEqual([
      '  not ok 1 no-mapping-to-freed-page',
      '  not ok 2 no-install-after-stale-snapshot',
      'not ok 1 vmm-remap rfc-v2 sev-snp adversarial',
    ]);
  });

  test('every plan holds', () => {
    const plans = [...written.matchAll(/^( *)1\.\.(\d+)$/gm)];
    expect(plans).toHaveLength(1 + REPORT.results.filter((r) => r.verdict !== 'not-applicable').length);
    expect(written.match(/^(?:not )?ok /gm)).toHaveLength(REPORT.results.length);
    const planned = plans.filter(([, indent]) => indent !== '').reduce((sum, [, , n]) => sum + Number(n), 0);
    expect(written.match(/^ {2}(?:not )?ok /gm)).toHaveLength(planned);
  });

  test('a finding on the base is ok, and said', () => {
    expect(written).toContain(
      `  # finding on rfc-v2, policy none does the same: ${BASE_VIOLATION.witness}\n  ok 6 no-iotlb-after-sync\n`,
    );
  });

  test('what shows nothing is skipped, not passed', () => {
    expect(written).toMatch(/^ok 6 .* # SKIP vacuous$/m);
    expect(written).toMatch(/^ok 7 .* # SKIP not applicable: there is no RMP on tdx$/m);
    expect(written).toMatch(/^ {2}ok 10 rmp-size-matches-s2 # SKIP not judged$/m);
  });
});

describe('json', () => {
  test('validates', () => {
    expect(runSchema.safeParse(JSON.parse(runJson(REPORT))).error).toBeUndefined();
    expect(runSchema.safeParse(JSON.parse(matrixJson('42', CELLS))).error).toBeUndefined();
    expect(trySchema.safeParse(JSON.parse(tryJson(TRIES))).error).toBeUndefined();
    expect(faultsSchema.safeParse(JSON.parse(faultsJson(FAULTS))).error).toBeUndefined();
  });

  test('validates against the schema as published, and a change does not', () => {
    const published = z.fromJSONSchema(publishedSchemas().run as Parameters<typeof z.fromJSONSchema>[0]);
    const data = JSON.parse(runJson(REPORT)) as { results: Record<string, unknown>[] };
    expect(published.safeParse(data).success).toBe(true);
    expect(published.safeParse({ ...data, version: 2 }).success).toBe(false);
    expect(published.safeParse({ ...data, results: [{ ...data.results[0], verdict: 'ok' }] }).success).toBe(
      false,
    );
    expect(published.safeParse({ ...data, results: [{ ...data.results[0], extra: 1 }] }).success).toBe(false);
  });

  test('keys in the order of the design, whatever the order of the data', () => {
    const backwards = Object.fromEntries(Object.entries(RESULT).reverse()) as unknown as Result;
    const data = JSON.parse(runJson({ version: 1, seed: '42', results: [backwards] })) as {
      results: { violations: { trace: object[] }[] }[];
    };
    expect(Object.keys(data)).toEqual(['version', 'seed', 'results']);
    expect(Object.keys(data.results[0] ?? {}).join()).toBe(
      'policy,base,platform,vmm,bounds,assumptions,verdict,runs,states,steps,preemptionBound,flags,dependsOn,invariants,violations',
    );
    const [violation] = data.results[0]?.violations ?? [];
    expect(Object.keys(violation ?? {}).join()).toBe(
      'invariant,outcome,severity,blame,calls,switches,steps,certified,token,trace',
    );
    expect(Object.keys(violation?.trace[0] ?? {}).join()).toBe('n,thread,call,step,at,args,answer,diff');
    expect(runJson(REPORT)).toMatch(/"verdict": "not-applicable",\n +"reason": "there is no RMP on tdx"/);
  });

  test('says in which function a step is', () => {
    const data = JSON.parse(runJson({ ...REPORT, results: [{ ...RESULT, violations: [VIOLATION] }] })) as {
      results: { violations: { trace: { at: string }[] }[] }[];
    };
    expect(data.results[0]?.violations[0]?.trace.map((s) => s.at)).toEqual([
      'kvm_gmem_get_pfn',
      'iopt_map_file_pages',
      'kvm_gmem_punch_hole',
      'kvm_gmem_invalidate_start',
      'kvm_gmem_punch_hole',
    ]);
  });

  test('is ASCII for any data, and ends in one newline', () => {
    const written = runJson({ ...REPORT, seed: 'caf\u00e9 \u2028' });
    expect(written).toMatch(/^[\n -~]*[^\n]\n$/);
    expect(JSON.parse(written)).toHaveProperty('seed', 'caf\u00e9 \u2028');
  });
});
