// What is said about a finding: its trace, the change of state, the consequence, and why.

import { describe, expect, test } from 'vitest';
import { LOCKS, type Step } from '../../api/index.ts';
import { describeField, diffStates, fieldName, locksHeld } from '../../models/describe-state.ts';
import { describeAgent, describeStep } from '../../models/describe.ts';
import { STEP_NAMES } from '../../models/steps/index.ts';
import { OWNER } from '../../models/machine.ts';
import type { TraceStep } from '../../models/results.ts';
import { consequenceOf } from './consequence.ts';
import { explain } from './explain.ts';
import { names, stateLines } from './explain-state.ts';
import { whyOf } from './why.ts';
import { STEPS } from './tests/steps.ts';
import { find, modelOf } from './tests/finding.ts';

const FREED = 'no-mapping-to-freed-page (IOPTE)';
const snp = modelOf('vmm-remap', {});
const { machine } = snp;
const empty = (): Int32Array => new Int32Array(machine.fields.reduce((sum, { count }) => sum + count, 0));
const written = (changes: { readonly [name: string]: number }): Int32Array => {
  const state = empty();
  for (const [name, value] of Object.entries(changes)) state[machine.at[name]] = value;
  return state;
};

describe('a step in words', () => {
  test('of each kind, with each of its first answers', () => {
    const lines = STEPS.map(([step, ...answers]) => {
      const said = answers.map((answer) => describeStep(machine, step, answer).answer);
      const { step: name, text } = describeStep(machine, step, 0);
      return `${name}: ${text}${said.length === 0 ? '' : ` = ${said.map((each) => each || '-').join(' | ')}`}`;
    });
    expect(lines.join('\n')).toMatchSnapshot();
  });

  test('every kind is among those', () => {
    expect([...new Set(STEPS.map(([step]) => step.op))].sort()).toEqual([...STEP_NAMES].sort());
    expect(new Set(STEPS.flatMap(([step]) => ('lock' in step ? [step.lock] : [])))).toEqual(new Set(LOCKS));
  });

  test('a DMA says which page it found', () => {
    const device = machine.threads.findIndex(({ kind }) => kind === 'device');
    const translated = written({ dma: 6, dma_write: 1 });
    const step: Step = {
      op: 'dma_translate',
      iova: 0,
      write: true,
      trusted: false,
      private: false,
      honest: false,
    };
    expect(describeStep(machine, step, 1, { thread: device, before: empty(), after: translated }).text).toBe(
      'DMA write iova 0: translated to pfn 5',
    );
    const commit = describeStep(machine, { op: 'dma_commit' }, 0, {
      thread: device,
      before: translated,
      after: empty(),
    });
    expect(commit.text).toBe('DMA write reaches pfn 5');
  });

  test('agents go by what they did', () => {
    const agents = snp.interpreter.agents.map(({ name }) => name);
    const [queued, fill, reuse] = ['queued by VMM 0', 'fill iova 0', 'reuses'].map(
      (word) => agents.find((name) => name.includes(word)) ?? '',
    );
    const said = (agent: string, before: Int32Array, after: Int32Array) => {
      const { thread, text } = describeAgent(machine, agent, before, after);
      return `${thread}: ${text}`;
    };
    expect(said(queued, written({ inv_queue: 3 }), empty())).toBe(
      'IOMMU: IOMMU executes the invalidation: iova [0,2)',
    );
    expect(said(fill, empty(), written({ iotlb: 6 }))).toBe('IOMMU: IOTLB fill iova 0 -> pfn 5');
    expect(said(reuse, empty(), written({ owner: OWNER.host }))).toBe(
      'host: pfn 0 is handed to another owner',
    );
  });
});

describe('a state in words', () => {
  test('slots that belong together are one change', () => {
    const after = written({
      iopte: 1,
      iopte_huge: 1,
      rmp_assigned: 1,
      rmp_2m: 1,
      owner: OWNER.gmem,
      page_cache: 1,
    });
    expect(diffStates(machine, empty(), after)).toEqual([
      { field: 'IOPTE[iova 0]', before: 'none', after: 'pfn 0, 2M' },
      { field: 'RMP[pfn 0]', before: 'shared', after: 'gfn 0, 2M, not validated' },
      { field: 'pfn 0', before: 'free', after: 'gmem index 0' },
      { field: 'index 0', before: 'shared, not allocated', after: 'shared, pfn 0' },
    ]);
  });

  test('counters and locks are left out, and locks said of their holder', () => {
    const held = written({
      invalidate_lock: 1,
      'mmu_lock.readers': 1,
      folio_lock: 1,
      gmem_seq: 3,
      lookup_refs: 2,
    });
    expect(diffStates(machine, empty(), held)).toEqual([]);
    expect(locksHeld(machine, held, 0)).toEqual(['invalidate_lock', 'mmu_lock shared', 'folio 0']);
    expect(locksHeld(machine, held, 1)).toEqual([]);
  });

  test('slots have the names of the witnesses', () => {
    const { at, pages } = machine;
    const of = (name: string, k: number) => fieldName(machine, at[name] + k);
    expect([
      of('iopte', 1),
      of('iotlb_huge', 0),
      of('spte_private', 1),
      of('tlb', pages - 1),
      of('host_pte', 0),
    ]).toEqual([
      'IOPTE[iova 1]',
      'IOTLB[iova 0]',
      'SPTE[gfn 1]',
      `TLB[gfn ${pages - 1}] of vCPU 0`,
      'host PTE[index 0]',
    ]);
    expect(of('gmem_seq', 0)).toBe('');
    expect(describeField(machine, at.iopte_huge, written({ iopte: 6 }))).toBe('pfn 5, 4K');
  });

  test('a name is found as a whole only', () => {
    expect(names('pfn 53 is free', 'pfn 5')).toBe(false);
    expect(names('IOPTE[iova 0] -> pfn 5, which is free', 'pfn 5')).toBe(true);
  });

  test('a change that lasts is said to be there at the end, and long chains are cut', () => {
    const change = (n: string, field: string, before: string, after: string) =>
      ({ n, diff: [{ field, before, after }] }) as unknown as TraceStep;
    const trace = [
      change('1.1', 'IOPTE[iova 0]', 'none', 'pfn 5, 4K'),
      ...['a', 'b', 'c', 'd'].map((value, k) => change(`1.${k + 2}`, 'pfn 5', `${k}`, value)),
    ];
    expect(stateLines('IOPTE[iova 0] -> pfn 5', trace)).toEqual([
      'IOPTE[iova 0]: none -> pfn 5, 4K (1.1), still there at 1.5',
      'pfn 5: ... -> b (1.3) -> c (1.4) -> d (1.5)',
    ]);
    expect(stateLines('nothing of it', trace)).toEqual([]);
  });
});

describe('the hole that vmm-remap leaves on sev-snp', () => {
  const finding = find(snp, FREED);
  const { trace, initially, witness, state } = explain(snp, finding);

  test('has these steps', () => {
    const lines = trace.map((step) => {
      const { n, thread, call, enters, depth, text, answer, returns, locks } = step;
      const notes = [
        answer && `= ${answer}`,
        returns !== null && `returns ${returns}`,
        `[${locks.join(', ')}]`,
      ];
      const head = [call, ...enters.map((name) => `${name}()`)].filter((name) => name !== null);
      return `${thread} ${n} ${head.join(' > ')}${' '.repeat(2 * depth)} ${text} ${notes.filter(Boolean).join(' ')}`;
    });
    expect(lines.join('\n')).toMatchSnapshot();
  });

  test('is said in the words of the invariant', () => {
    const last = trace.at(-1)?.n;
    const map = trace.find(({ step }) => step === 'iommu_map');
    expect(initially).toBe('every index shared, not allocated');
    expect(witness).toBe('IOPTE[iova 0] -> pfn 0, which is free');
    expect(state[0]).toBe(`IOPTE[iova 0]: none -> pfn 0, 4K (${map?.n}), still there at ${last}`);
    expect(state[1]).toMatch(new RegExp(`^pfn 0: free -> gmem index 0 .* -> free \\(${last}\\)$`));
  });

  test('has names in its witness that its steps change', () => {
    const changed = new Set(trace.flatMap(({ diff }) => diff.map(({ field }) => field)));
    expect(['IOPTE[iova 0]', 'pfn 0'].every((field) => changed.has(field) && names(witness, field))).toBe(
      true,
    );
  });

  test('comes to host corruption', () => {
    const consequence = consequenceOf(snp, finding);
    expect(consequence?.outcome).toBe('host corruption');
    expect(consequence?.access).toBe('DMA write to iova 0, T=0');
    expect(consequence?.moreCalls).toBe(1);
    expect(consequence?.note).toContain('RMP[pfn 0] is not assigned');
  });

  test('is repaired by clearing the IOPTE from the map on, or by a reference that stays', () => {
    const number = (step: string) => trace.find((each) => each.step === step)?.n;
    const why = whyOf(snp, finding);
    expect(why[0]).toBe(
      `clearing IOPTE[iova 0] and completing its sync between ${number('iommu_map')} and ${trace.at(-1)?.n}`,
    );
    expect(why).toContain(`leaving out ${number('folio_put')}, folio_put() pfn 0`);
  });
});

describe('other findings', () => {
  test('a cached translation is shown in the column of the IOMMU', () => {
    const { trace } = explain(snp, find(snp, 'no-mapping-to-freed-page (IOTLB)'));
    const fill = trace.find(({ step }) => step === 'iotlb_fill');
    expect(fill).toMatchObject({ n: '2.1', thread: 'IOMMU', text: 'IOTLB fill iova 0 -> pfn 0', locks: [] });
  });

  test('a shared mapping of a private page takes the host down on tdx', () => {
    const tdx = modelOf('vmm-remap', { platform: 'tdx', base: 'linux-7.2' });
    const finding = find(tdx, 'no-stale-shared-iopte (IOPTE)');
    expect(consequenceOf(tdx, finding)?.outcome).toBe('host fatal');
    expect(explain(tdx, finding).state).toContainEqual(
      expect.stringMatching(/^S-EPT\[gfn 0\]: FREE -> pfn 0, PENDING/),
    );
  });

  test('an access has no further consequence, and its outcome is its answer', () => {
    const bare = modelOf('vmm-remap', { platform: 'bare' });
    const finding = find(bare, 'no-integrity-violation (DMA)');
    expect(consequenceOf(bare, finding)).toBeNull();
    expect(explain(bare, finding).trace.at(-1)?.answer).toBe('integrity violation');
  });

  test('a step of another thread that comes too early is named with the one that it should wait for', () => {
    const none = modelOf('none', { platform: 'bare' });
    const finding = find(none, 'neighbour-content-survives (wiped by a hole)');
    expect(finding.switches).toBe(1);
    const said = whyOf(none, finding);
    expect(said.length).toBeLessThanOrEqual(3);
    expect(said).toContainEqual(
      expect.stringMatching(/^1\.\d+ \((guest_access|kvm_tdp_mmu_map)\) after 2\.\d+ \(gmem_zero_range\)$/),
    );
  });

  test('a repair that is a single step of the kernel is named', () => {
    const finding = find(snp, 'zeroed-before-first-use (stale data)');
    expect(whyOf(snp, finding)[0]).toMatch(/^clear_highpage\(\) of pfn 0 between 1\.\d+ and 2\.\d+$/);
  });
});
