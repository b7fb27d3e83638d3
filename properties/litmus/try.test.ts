// Litmus tests: what the text may say, and the outcomes that the mails argue about.

import { describe, expect, test } from 'vitest';
import type { Policy } from '../../api/index.ts';
import { replay } from '../../engine/replay.ts';
import { type Assumptions, type PlatformName, assumptions, boundsOf } from '../../models/bounds.ts';
import { invalidateCallback } from '../../policies/invalidate-callback.ts';
import { none } from '../../policies/none.ts';
import { vmmRemap } from '../../policies/vmm-remap.ts';
import { type Model, makeModel } from '../system.ts';
import { lettersOf } from './parse.ts';
import { ScenarioError, parseScenario, tryScenario } from './try.ts';

function modelOf(policy: Policy, platform: PlatformName, changed: Partial<Assumptions> = {}): Model {
  const config = {
    base: 'rfc-v2',
    platform,
    vmm: 'adversarial',
    bounds: { ...boundsOf('small'), vcpus: 2 },
    device: 'T0',
    assumptions: assumptions(changed),
    fail: null,
  } as const;
  return makeModel(config, policy);
}

const CONVERSION = 'A: map 0; convert_private 0 | V: fault_private 0 | D: write 0';
const RMPUPDATE = 'snp.rmpupdate-flushes-iotlb';

describe('the text of a scenario', () => {
  const model = modelOf(vmmRemap, 'sev-snp');
  const parse = (text: string): string[] =>
    parseScenario(text, model.table, model.machine).map(
      ({ letter, thread, calls }) => `${letter} ${thread} ${calls.map(({ name }) => name).join(', ')}`,
    );

  test('every thread has a letter', () => {
    expect(lettersOf(model.machine)).toEqual(['A', 'B', 'V', 'V1', 'D', 'M']);
  });

  test.each([
    ['A: map 0', ['A 0 IOMMU_IOAS_MAP_FILE index [0,1) at iova 0']],
    [
      'B: map 0-1;unmap [0,2)',
      ['B 1 IOMMU_IOAS_MAP_FILE index [0,2) at iova 0, IOMMU_IOAS_UNMAP iova [0,2)'],
    ],
    ['A: close; bind', ['A 0 close(gmem fd), KVM_SET_USER_MEMORY_REGION2 new slot']],
    [
      'M: memory_failure 1 | V1: fault_shared 1',
      ['M 5 memory_failure() of index 1', 'V1 3 guest touches gfn 1 as shared'],
    ],
    ['V0: fault_private 0', ['V0 2 guest touches gfn 0 as private']],
  ])('%s', (text, calls) => expect(parse(text)).toEqual(calls));

  test.each([
    ['map 0', "'map 0' names no thread: write 'A: map 0'"],
    ['X: map 0', "there is no thread 'X'; known: A, B, V, V1, D, M"],
    ['A: ', "thread 'A' has no calls"],
    ['A: map 0 | A: unmap 0', "thread 'A' stands here twice"],
    ['V: map 0', "V has no call 'map'; known: fault_private, fault_shared"],
    ['A: map', "'map' takes a page or a range: 'map 0'"],
    ['A: map 2', "'map 2' is out of bounds: pages are 0 to 1"],
    ['A: map 0-7', "'map 0-7' is out of bounds: pages are 0 to 1"],
    ['A: map [1,1)', "'map [1,1)': the range [1,1) is empty"],
    ['A: map zero', "'map zero' is not a call: write one as 'map 0', 'map 0-1' or 'map [0,2)'"],
    ['A: close 0', "'close' takes no argument"],
    ['D: write 0-1', "'write' takes one page, not [0,2)"],
  ])('%s is refused', (text, message) => {
    expect(() => parse(text)).toThrow(new ScenarioError(message));
  });

  test('where there is no IOMMU consumer a device has no calls', () => {
    const { table, machine } = modelOf(none, 'sev-snp');
    expect(() => parseScenario('D: write 0', table, machine)).toThrow(
      "D has no call 'write'; known: none here",
    );
  });
});

describe('a write that meets a conversion', () => {
  const outcomesOf = (model: Model): string[] =>
    tryScenario(model, CONVERSION, { flip: false }).outcomes.map(({ outcome }) => outcome);

  test('on SEV-SNP ends in a contained fault, never in a dead host', () => {
    const outcomes = outcomesOf(modelOf(vmmRemap, 'sev-snp'));
    expect(outcomes).toContain('A: 0, 0; V: 0; D: contained fault');
    expect(outcomes.filter((outcome) => /fatal|integrity/.test(outcome))).toEqual([]);
  });

  test('on TDX may take the host down', () => {
    expect(outcomesOf(modelOf(vmmRemap, 'tdx'))).toContain('A: 0, 0; V: 0; D: host fatal');
  });

  test('on TDX does not where the IOMMU is told', () => {
    const outcomes = outcomesOf(modelOf(invalidateCallback, 'tdx'));
    expect(outcomes.length).toBeGreaterThan(1);
    expect(outcomes.filter((outcome) => outcome.includes('fatal'))).toEqual([]);
  });

  test('alters private data where RMPUPDATE leaves the IOTLB alone', () => {
    expect(outcomesOf(modelOf(vmmRemap, 'sev-snp', { [RMPUPDATE]: false }))).toContain(
      'A: 0, 0; V: 0; D: integrity violation',
    );
    expect(tryScenario(modelOf(vmmRemap, 'sev-snp'), CONVERSION).notes).toEqual([
      `with ${RMPUPDATE}=false: adds "D: integrity violation": ` +
        'a warm IOTLB entry from before the conversion is used unchecked',
    ]);
  });

  test('says which interleaving, the shortest one', () => {
    const lengths = new Map<string, number>();
    const { outcomes, complete } = tryScenario(modelOf(vmmRemap, 'tdx'), CONVERSION, {
      flip: false,
      traceOf: (model, system, path) => {
        const { last } = replay(system, path);
        lengths.set(String(last[model.machine.at.host_dead]), path.moves.length);
        return [];
      },
    });
    expect(complete).toBe(true);
    expect(outcomes.every(({ count }) => count > 0)).toBe(true);
    expect([...lengths.keys()].sort()).toEqual(['0', '1']);
  });
});

describe('an untrusted device at a private page', () => {
  const from = (text: string, changed: Partial<Assumptions>): string[] =>
    tryScenario(modelOf(invalidateCallback, 'sev-snp', changed), text, {
      initial: 1,
      flip: false,
    }).outcomes.map(({ outcome }) => outcome);
  const READ = 'A: map 0 | D: read 0';
  const exempt = { 'snp.io-read-of-private-faults': false };

  test('faults', () => expect(from(READ, {})).toEqual(['A: 0; D: contained fault']));

  test('reads ciphertext where reads are not checked', () => {
    expect(from(READ, exempt)).toEqual(['A: 0; D: ciphertext read', 'A: 0; D: contained fault']);
  });

  test('does not write there, also after it has read', () => {
    expect(from('A: map 0 | D: read 0; write 0', exempt)).toEqual([
      'A: 0; D: ciphertext read, contained fault',
      'A: 0; D: contained fault, contained fault',
    ]);
  });
});

test('calls that were refused say why, and those that never return are told from those of a dead host', () => {
  const model = modelOf(vmmRemap, 'sev-snp');
  const [only, ...others] = tryScenario(model, 'A: map 0; map 0; close; map 1', { flip: false }).outcomes;
  expect(only).toEqual({
    outcome: 'A: 0, -EEXIST, 0, -EBADF',
    count: expect.any(Number) as number,
    trace: [],
  });
  expect(others).toEqual([]);
});

test('the initial state is a parameter', () => {
  const model = modelOf(vmmRemap, 'sev-snp');
  const from = (initial: number): string[] =>
    tryScenario(model, 'V: fault_private 0', { initial, flip: false }).outcomes.map(({ outcome }) => outcome);
  expect(from(0)).toEqual(['V: -EFAULT']);
  expect(from(1)).toEqual(['V: 0']);
});
