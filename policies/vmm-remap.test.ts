// The RFC of 25 Feb 2026 on the concurrent machine: the batch path, step by step, and what races with it.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Policy, batch_add_pfn_num, batch_init } from '../api/index.ts';
import { explore } from '../engine/explore.ts';
import { replay } from '../engine/replay.ts';
import { withPlaceBits } from '../engine/system.ts';
import { type Failable, type PlatformName, assumptions, boundsOf } from '../models/bounds.ts';
import { initialStates } from '../models/boot.ts';
import * as sequential from '../iommufd/model/batch.ts';
import { BATCH_CPU_MEMORY } from '../iommufd/model/batch.ts';
import { invalidateCallback } from './invalidate-callback.ts';
import { vmmRemap } from './vmm-remap.ts';
import { kernelOf } from '../iommufd/model/kernel-of.ts';
import { type Model, makeModel } from '../properties/system.ts';
import { parseScenario } from '../properties/litmus/parse.ts';
import { tryScenario } from '../properties/litmus/try.ts';

const PRIVATE = 1;
const HUGE_SHARED = 2;
const HUGE_PRIVATE = 3;

function modelOf(fail: Failable | null, platform: PlatformName = 'bare', policy: Policy = vmmRemap): Model {
  const config = {
    base: 'rfc-v2',
    platform,
    vmm: 'adversarial',
    bounds: boundsOf('small'),
    device: 'T0',
    assumptions: assumptions(),
    fail,
  } as const;
  return makeModel(config, policy);
}

interface Ends {
  /** Final states: pfns by iova and by index, -1 for none, and npinned. */
  readonly states: readonly {
    readonly iopte: number[];
    readonly index: number[];
    readonly npinned: number;
  }[];
  readonly hits: readonly string[];
  /** Steps of iommufd in one run to the first of them: names and pages or ranges. */
  readonly steps: readonly string[];
}

/** All interleavings of the calls. */
function run(scenario: string, { initial = 0, fail = null as Failable | null } = {}): Ends {
  const model = modelOf(fail);
  const { machine, interpreter } = model;
  const { at } = machine;
  const groups = parseScenario(scenario, model.table, machine);
  const offers = machine.threads.map((_, thread) =>
    (groups.find((group) => group.thread === thread)?.calls ?? []).map(
      ({ name, fn, args }) => ({ name, fn, args }) as never,
    ),
  );
  return withPlaceBits(
    (bits) => model.system({ kind: 'scenario', offers }, bits, initial),
    (system) => {
      const states: Ends['states'][number][] = [];
      let first = -1;
      const { hits, pathToState } = explore(system, {
        onFinal: (m, number) => {
          if (first < 0) first = number;
          const two = (slot: number): number[] => [m[slot] - 1, m[slot + 1] - 1];
          states.push({ iopte: two(at.iopte), index: two(at.page_cache), npinned: m[at.npinned] });
        },
      });
      const steps = replay(system, pathToState(first)).steps.flatMap(({ op }) => {
        const step = op < 0 ? null : interpreter.stepOf(op);
        if (step?.op === 'iommu_map') return [`map ${step.iova} -> ${step.pfn} ${step.pages}`];
        if (step?.op === 'iommu_unmap_fast') return [`unmap ${step.start}-${step.end}`];
        if (step?.op === 'iopt_pages_add_npinned') return [`npinned + ${step.pages}`];
        if (step?.op === 'iopt_pages_sub_npinned') return [`npinned - ${step.pages}`];
        return step?.op === 'unpin_folio' ? [`unpin ${step.pfn}`] : [];
      });
      const names = model.keys.filter(({ property }) => hits[property] > 0).map(({ name }) => name);
      return { states, hits: names, steps };
    },
  );
}

test('initial states by number', () => {
  const initial = initialStates(modelOf(null).config);
  expect(initial[PRIVATE]).toMatchObject({ private: true, huge: false });
  expect(initial[HUGE_SHARED]).toMatchObject({ private: false, huge: true });
  expect(initial[HUGE_PRIVATE]).toMatchObject({ private: true, huge: true });
});

describe('windows', () => {
  test('contiguous pfns are one run, mapped and unmapped at once', () => {
    expect(run('A: map 0-1; unmap 0-1').steps).toEqual([
      'npinned + 2',
      'map 0 -> 0 2',
      'unmap 0-2',
      'npinned - 2',
    ]);
  });

  test('a batch of one run ends where the next pfn is another one; the unmap has room for both', () => {
    expect(run('A: allocate 1; map 0-1; unmap 0-1').steps).toEqual([
      'npinned + 2',
      'map 0 -> 1 1',
      'map 1 -> 0 1',
      'unmap 0-2',
      'npinned - 1',
      'npinned - 1',
    ]);
  });
});

test('R11: the page is not prepared, and untrusted DMA gets into that of a private index', () => {
  const outcomesOf = (policy: Policy): string[] =>
    tryScenario(modelOf(null, 'sev-snp', policy), 'A: map 0 | D: write 0', {
      initial: PRIVATE,
      flip: false,
    }).outcomes.map(({ outcome }) => outcome);
  expect(outcomesOf(vmmRemap)).toContain('A: 0; D: ok');
  expect(outcomesOf(invalidateCallback)).toEqual(['A: 0; D: contained fault']);
});

describe('what the mail leaves as it was', () => {
  test('R02: a map that fails unpins the folio that no batch has taken, and that nobody has pinned', () => {
    const { hits, states } = run('A: allocate 1; map 0-1', { fail: 'iommu_map' });
    expect(hits).toContain('refcount-never-negative (unpin)');
    const failed = states.filter(({ iopte }) => iopte.every((pfn) => pfn < 0));
    expect(failed.length).toBeGreaterThan(0);
    expect(failed.every(({ npinned }) => npinned === 0)).toBe(true);
  });

  test('R04: an ERR_PTR is no NULL', () => {
    expect(run('A: map 0', { fail: 'kvm_gmem_get_folio' }).hits).toContain(
      'pointers-are-what-they-seem (ERR_PTR)',
    );
    expect(run('A: map 0').hits).not.toContain('pointers-are-what-they-seem (ERR_PTR)');
  });

  test('R14: npinned counts what is not pinned', () => {
    expect(run('A: map 0-1').states).toEqual([{ iopte: [0, 1], index: [0, 1], npinned: 2 }]);
  });
});

describe('a folio that is split while only a pointer to it is held', () => {
  const options = { initial: HUGE_PRIVATE };

  test('leaves the end of ufolios to be followed that nobody has written', () => {
    expect(run('A: map 0-1 | B: convert_shared 0', options).hits).toContain(
      'pointers-are-what-they-seem (unset)',
    );
    expect(run('A: map 0-1; convert_shared 0', options).hits).not.toContain(
      'pointers-are-what-they-seem (unset)',
    );
  });

  test('leaves the page of another index in the IO page table', () => {
    const { states } = run('A: map 1 | B: convert_shared 0', options);
    expect(states.map(({ iopte }) => iopte[1])).toContain(0);
    expect(states.every(({ index }) => index[1] === 1)).toBe(true);
  });

  test('is no harm where it grows: the pointer to the first page of it stays right', () => {
    const { hits, states } = run('A: allocate 0-1; map 0-1 | B: convert_private 0-1', {
      initial: HUGE_SHARED,
    });
    expect(hits.filter((name) => name.startsWith('pointers'))).toEqual([]);
    expect(states.every(({ iopte }) => iopte[0] === 0 && iopte[1] === 1)).toBe(true);
  });
});

test('batch_add_pfn_num() is that of the sequential level', () => {
  const runs = fc.array(fc.tuple(fc.nat({ max: 6 }), fc.integer({ min: 1, max: 3 })), { maxLength: 8 });
  fc.assert(
    fc.property(runs, fc.integer({ min: 1, max: 3 }), (added, size) => {
      const k = kernelOf();
      const there = sequential.batchOf(size);
      const here = batch_init();
      for (const [pfn, nr] of added)
        expect(batch_add_pfn_num(here, pfn, nr, size)).toBe(
          sequential.batch_add_pfn_num(k, there, pfn, nr, BATCH_CPU_MEMORY),
        );
      expect(here.total_pfns).toBe(there.total_pfns);
      expect(here.pfns).toEqual(there.pfns.slice(0, there.end));
    }),
    { seed: 1 },
  );
});
