// pfn_batch, page sizes and spans against plain lists; `npm run bench:iommufd` says how fast.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { batchArbitrary } from '../arbitraries/batch.ts';
import { domainOps } from '../arbitraries/iotlb.ts';
import { BATCH_CPU_MEMORY, batchOf, batch_add_pfn_num, temp_kmalloc } from '../model/batch.ts';
import {
  interval_tree_double_span_iter_first,
  interval_tree_double_span_iter_next,
  interval_tree_insert,
  tree,
} from '../model/interval-tree.ts';
import { LINUX_7_2 } from '../model/linux-7.2.ts';
import { kernelOf } from '../model/kernel-of.ts';
import { U32_MAX } from '../model/kernel.ts';
import { everySize, pt_compute_best_pgsize, pt_pgsz_count } from '../model/page-size.ts';
import { runBatch } from './batch-run.ts';
import { FAULTS, faulty } from '../faults/faults.ts';
import { runDomain } from './iotlb-run.ts';

const SEED = 20260225;

describe('pfn_batch', () => {
  test('is the list that it stands for', () => {
    fc.assert(
      fc.property(batchArbitrary, (data) => {
        expect(runBatch(data)).toBeNull();
      }),
      { seed: SEED, numRuns: 1000 },
    );
  });

  test('K01 shows here as well', () => {
    const fault = FAULTS.find(({ id }) => id === 'K01');
    if (fault === undefined) throw new Error('K01');
    const result = fc.check(
      fc.property(batchArbitrary, (data) => runBatch(data, faulty(fault)) === null),
      { seed: SEED, numRuns: 1000 },
    );
    expect(result.failed).toBe(true);
  });

  test('a run of U32_MAX is full, and the next one begins', () => {
    const k = kernelOf();
    const batch = batchOf(2);
    expect(batch_add_pfn_num(k, batch, 1, U32_MAX - 1, BATCH_CPU_MEMORY)).toBe(true);
    expect(batch_add_pfn_num(k, batch, U32_MAX, 1, BATCH_CPU_MEMORY)).toBe(true);
    expect(batch.end).toBe(1);
    expect(batch_add_pfn_num(k, batch, U32_MAX + 1, 1, BATCH_CPU_MEMORY)).toBe(true);
    expect([batch.end, batch.npfns]).toEqual([2, [U32_MAX, 1]]);
    expect(batch_add_pfn_num(k, batch, 9, 1, BATCH_CPU_MEMORY)).toBe(false);
  });

  test('temporary memory: the limit, and the backup that cannot fail', () => {
    const k = kernelOf();
    expect(temp_kmalloc(k, 2 ** 20, 0)).toBe(65536);
    expect(temp_kmalloc(k, 100, 256)).toBe(100);
    k.fail = k.failPoints + 1;
    expect(temp_kmalloc(k, 2 ** 20, 0)).toBeNull();
    k.fail = k.failPoints + 1;
    expect(temp_kmalloc(k, 2 ** 20, 256)).toBe(256);
  });
});

test('a double span is what the two trees cover, the first before the second', () => {
  const interval = fc.tuple(fc.nat({ max: 20 }), fc.nat({ max: 5 }));
  fc.assert(
    fc.property(
      fc.array(interval, { maxLength: 5 }),
      fc.array(interval, { maxLength: 5 }),
      (first, second) => {
        const trees = [first, second].map((list) => {
          const itree = tree<null>();
          for (const [start, more] of list) interval_tree_insert(itree, { start, last: start + more }, null);
          return itree;
        });
        const covers = (list: readonly (readonly [number, number])[], i: number): boolean =>
          list.some(([start, more]) => i >= start && i <= start + more);
        const span = interval_tree_double_span_iter_first(trees[0], trees[1], 2, 22);
        let next = 2;
        for (; span.is_used !== -1; interval_tree_double_span_iter_next(span)) {
          expect(span.start).toBe(next);
          for (let i = span.start; i <= span.last; i++)
            if (span.is_used !== (covers(first, i) ? 1 : covers(second, i) ? 2 : 0)) expect.fail(`at ${i}`);
          next = span.last + 1;
        }
        expect(next).toBe(23);
      },
    ),
    { seed: SEED, numRuns: 500 },
  );
});

describe('page sizes', () => {
  const request = fc.tuple(
    fc.subarray(everySize(12, 22), { minLength: 1 }),
    fc.nat({ max: 2 ** 12 }),
    fc.nat({ max: 2 ** 12 }),
    fc.integer({ min: 1, max: 2 ** 11 }),
  );

  test('the best is the largest that divides both and fits, and the count ends where a larger one begins', () => {
    fc.assert(
      fc.property(request, ([sizes, va, oa, length]) => {
        const [from, to, paddr] = [va * 4096, (va + length) * 4096 - 1, oa * 4096];
        const fits = sizes.filter(
          (s) => from % 2 ** s === 0 && paddr % 2 ** s === 0 && from + 2 ** s - 1 <= to,
        );
        const best = pt_compute_best_pgsize(sizes, from, to, paddr);
        expect(best).toBe(fits.length === 0 ? null : Math.max(...fits));
        if (best === null) return;
        const count = pt_pgsz_count(sizes, from, to, paddr, best);
        const same = (i: number): boolean =>
          pt_compute_best_pgsize(sizes, from + i * 2 ** best, to, paddr + i * 2 ** best) === best;
        expect(Array.from({ length: count }, (_, i) => i).every(same)).toBe(true);
        expect(count).toBeGreaterThan(0);
      }),
      { seed: SEED, numRuns: 500 },
    );
  });

  test('test_mixed of kunit: 20 leaves for 14 x 2M, 3 x 1G, 3 x 2M', () => {
    const sizes = [12, 21, 30];
    const start = 2 ** 30 - 14 * 2 ** 21;
    const last = 2 ** 30 + 3 * 2 ** 30 + 3 * 2 ** 21 - 1;
    let leaves = 0;
    for (let va = start; va <= last; leaves++) va += 2 ** (pt_compute_best_pgsize(sizes, va, last, va) ?? 0);
    expect(leaves).toBe(20);
  });
});

test.each([false, true])('a domain holds the IOTLB oracle, NO_GAPS %s', (noGaps) => {
  fc.assert(
    fc.property(domainOps, (ops) => {
      expect(runDomain(ops, LINUX_7_2, noGaps).findings).toEqual([]);
    }),
    { seed: SEED, numRuns: 120 },
  );
});
