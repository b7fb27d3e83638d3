// The race table: golden texts, and what holds for any trace.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import type { TraceStep } from '../models/results.ts';
import { FOUR_THREADS, LONG_TEXTS, ONE_THREAD, TWO_THREADS, step } from './golden/samples.ts';
import { plain } from './layout.ts';
import { raceTable } from './table.ts';

const words = fc.stringMatching(/^[ -~]{0,200}$/);
const name = fc.stringMatching(/^[!-~][ -~]{0,38}[!-~]$/);
const identifier = fc.stringMatching(/^[a-z_]{1,40}$/);

/** Any thread may act at any time; numbers as the suite gives them. */
const traces: fc.Arbitrary<TraceStep[]> = fc
  .record({
    threads: fc.uniqueArray(name, { minLength: 1, maxLength: 12 }),
    steps: fc.array(
      fc.record({
        who: fc.nat(),
        call: fc.option(words),
        enters: fc.array(identifier, { maxLength: 4 }),
        depth: fc.nat(12),
        step: fc.oneof(identifier, fc.constantFrom('lock', 'unlock', 'down_read', 'filemap_invalidate_lock')),
        text: words,
        answer: fc.oneof(fc.constant(''), words),
        returns: fc.option(words),
        locks: fc.array(identifier, { maxLength: 4 }),
      }),
      { minLength: 1, maxLength: 30 },
    ),
  })
  .map(({ threads, steps }) => {
    const counts = new Map<string, number>();
    return steps.map(({ who, ...rest }) => {
      const thread = threads[who % threads.length] ?? '';
      const count = (counts.get(thread) ?? 0) + 1;
      counts.set(thread, count);
      return { ...rest, thread, n: `${threads.indexOf(thread) + 1}.${count}`, args: {}, diff: [] };
    });
  });

describe('golden', () => {
  test.each([
    ['one-thread', ONE_THREAD],
    ['two-threads-and-iommu', TWO_THREADS],
    ['four-threads', FOUR_THREADS],
    ['long-texts', LONG_TEXTS],
  ])('%s', async (title, trace) => {
    await expect(plain(raceTable(trace))).toMatchFileSnapshot(`golden/table-${title}.txt`);
  });
});

describe('any trace', () => {
  test('fits 72 columns of printable ASCII, without trailing blanks', () => {
    fc.assert(
      fc.property(traces, (trace) => {
        for (const line of raceTable(trace)) {
          expect(line.length, line).toBeLessThanOrEqual(72);
          expect(line).toMatch(/^[ -~]*$/);
          expect(line).toBe(line.trimEnd());
        }
      }),
      { seed: 72, numRuns: 500 },
    );
  });

  test('keeps every step number, in order', () => {
    const bare = { call: null, enters: [], text: 'unlock', answer: '', returns: null };
    const quiet = traces.map((trace) =>
      trace.map((s) => ({ ...s, ...bare, thread: `T${s.n.split('.')[0]}` })),
    );
    fc.assert(
      fc.property(quiet, (trace) => {
        const numbers =
          raceTable(trace)
            .join('\n')
            .match(/\d+\.\d+/g) ?? [];
        expect(numbers).toEqual(trace.map((s) => s.n));
      }),
      { seed: 72 },
    );
  });

  test('starts every text at its thread, at least 28 characters from the right', () => {
    const five = ['VMM 0', 'vCPU 0', 'DEV 0', 'host', 'IOMMU'];
    for (let k = 1; k <= five.length; k++) {
      const trace = five
        .slice(0, k)
        .map((thread, i) => step({ n: `${i + 1}.1`, thread, text: 'iotlb_sync()' }));
      const lines = raceTable(trace);
      const starts = trace.map((s) => lines.find((line) => line.includes(s.n))?.indexOf(s.n) ?? -1);
      const heads = trace.map((s) => (lines[0] ?? '').indexOf(s.thread));
      expect(starts).toEqual(heads);
      expect([...starts].sort((a, b) => a - b)).toEqual(starts);
      expect(72 - (starts[k - 1] ?? 72)).toBeGreaterThanOrEqual(28);
    }
  });
});

describe('rows', () => {
  const rows = (...trace: TraceStep[]): string[] => raceTable(trace).slice(2);
  const thread = 'VMM 0';

  test('a call above its steps, functions where the nesting deepens', () => {
    const call = 'fallocate(PUNCH_HOLE) index [0,1)';
    expect(
      rows(
        step({ n: '1.1', thread, call, enters: ['kvm_gmem_punch_hole'], depth: 1, text: 'first' }),
        step({ n: '1.2', thread, text: 'second', returns: '-EAGAIN' }),
      ),
    ).toEqual([
      '  fallocate(PUNCH_HOLE) index [0,1)',
      '        kvm_gmem_punch_hole()',
      '    1.1   first',
      '    1.2 second',
      '        ^^^^^^',
      '  = -EAGAIN',
    ]);
  });

  test('a call of one step that says the same has no line of its own', () => {
    const call = 'DMA write iova 0';
    expect(rows(step({ n: '1.1', thread, call, text: call, returns: '0' }))).toEqual([
      '  1.1 DMA write iova 0',
      '      ^^^^^^^^^^^^^^^^',
    ]);
  });

  test('locks where they change, and only there', () => {
    const lines = rows(
      step({ n: '1.1', thread, text: 'a', locks: ['mmu_lock'] }),
      step({ n: '1.2', thread, text: 'b', locks: ['mmu_lock'] }),
      step({ n: '1.3', thread, text: 'c', locks: [] }),
    );
    expect(lines).toEqual(['  1.1 a   [mmu_lock]', '  1.2 b', '  1.3 c   []', '      ^']);
  });

  test('an answer that the text has not', () => {
    const lines = rows(
      step({ n: '1.1', thread, text: 'get', answer: 'pfn 5' }),
      step({ n: '1.2', thread, text: 'get = pfn 5', answer: 'pfn 5' }),
    );
    expect(lines.slice(0, 2)).toEqual(['  1.1 get = pfn 5', '  1.2 get = pfn 5']);
  });

  test('lock steps that follow each other on one line, the guilty one never', () => {
    const lock = (n: string, text: string, locks: string[]): TraceStep =>
      step({ n, thread, step: 'unlock', text, locks });
    const lines = rows(
      step({ n: '1.1', thread, text: 'x', locks: ['a', 'b', 'c'] }),
      lock('1.2', 'unlock a', ['b', 'c']),
      lock('1.3', 'unlock b', ['c']),
      lock('1.4', 'unlock c', []),
    );
    expect(lines).toEqual([
      '  1.1 x   [a, b, c]',
      '  1.2 unlock a; 1.3 unlock b   [c]',
      '  1.4 unlock c   []',
      '      ^^^^^^^^',
    ]);
  });

  test('lock steps are not joined across a call, a function, another depth or a return', () => {
    const unlock: TraceStep = step({ n: '1.1', thread, step: 'unlock', text: 'unlock' });
    const end = step({ n: '1.3', thread, text: 'end' });
    const joined = (first: Partial<TraceStep>, second: Partial<TraceStep>): boolean =>
      rows({ ...unlock, ...first }, { ...unlock, n: '1.2', ...second }, end).some((line) =>
        line.includes('; 1.2'),
      );
    expect(joined({}, {})).toBe(true);
    expect(joined({}, { call: 'close(fd)' })).toBe(false);
    expect(joined({ depth: 1 }, { depth: 1, enters: ['iopt_unmap_iova'] })).toBe(false);
    expect(joined({ depth: 1 }, {})).toBe(false);
    expect(joined({ returns: '-EBUSY' }, {})).toBe(false);
    expect(joined({}, { returns: '-EBUSY' })).toBe(true);
    expect(joined({}, { step: 'iommu_map' })).toBe(false);
    expect(joined({}, { thread: 'VMM 1' })).toBe(false);
  });

  test('more threads than columns: each step names its own', () => {
    const trace = Array.from({ length: 12 }, (_, i) =>
      step({ n: `${i + 1}.1`, thread: `T${i}`, text: 'iotlb_sync()' }),
    );
    const lines = raceTable(trace);
    expect(lines[0]).toBe('  12 threads');
    for (const s of trace)
      expect(lines.some((line) => line.includes(`${s.n} `) && line.includes(`${s.thread}: `))).toBe(true);
  });

  test('no trace, no table', () => expect(raceTable([])).toEqual([]));
});

test('a third column keeps its names whole, and the others move for it', () => {
  const text = 'mutex_lock(&pages->mutex)';
  const trace = ['VMM 0', 'VMM 1', 'IOMMU'].map((thread, i) => ({
    ...FOUR_THREADS[0],
    thread,
    n: `${i + 1}.1`,
    call: i === 2 ? 'a call' : null,
    enters: [],
    depth: 3,
    step: 'lock',
    text,
    answer: '',
  }));
  const table = raceTable(trace);
  expect(table.filter((line) => line.includes(text))).toHaveLength(3);
  expect(table.every((line) => line.length <= 72)).toBe(true);
});
