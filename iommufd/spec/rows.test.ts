// Every row of docs/iommufd.md against the code: traces replay, are minimal, and are of whom they are blamed on.

import { readFileSync, readdirSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { sequenceArbitrary } from '../arbitraries/sequence.ts';
import { iopt_map_file_pages } from '../model/area.ts';
import type { Functions } from '../model/functions.ts';
import { IOMMU_READ, iommu_domain_alloc } from '../model/iommu.ts';
import { ENOMEM, KernelOops, PAGE_SIZE } from '../model/kernel.ts';
import { LINUX_7_2_REPAIRED, REPAIRS, repairedBut } from '../model/repaired.ts';
import { RFC_GMEM } from '../model/rfc-gmem.ts';
import { iopt_table_add_domain } from '../model/table.ts';
import { iopt_unmap_all, iopt_unmap_iova } from '../model/unmap.ts';
import { FLUSH_QUEUE } from '../model/flush-queue.ts';
import { BROKEN } from '../../policies/broken/index.ts';
import { POLICIES } from '../../policies/index.ts';
import { type Trace, hunters } from '../runs/campaign.ts';
import { CONFORMANCE } from './conformance.ts';
import { runDirty } from '../runs/dirty-run.ts';
import { FAULTS, faulty } from '../faults/faults.ts';
import { invariantOf } from './invariants.ts';
import { FLUSH_QUEUE_FAULTS, runFlushQueue } from '../runs/flush-queue-run.ts';
import { runDomain } from '../runs/iotlb-run.ts';
import { runIova } from '../runs/iova-run.ts';
import { ROWS, blamePolicy, classify, variantOf } from './rows.ts';
import { runSequence } from '../runs/run.ts';
import { type TraceFile, withTables } from '../documents/tables.ts';
import { WARNS } from './warns.ts';
import { WEAKNESSES } from './weaknesses.ts';
import { IOVA_BASE, worldOf } from '../runs/world.ts';

const read = (path: string): string => readFileSync(new URL(path, import.meta.url), 'utf8');
const file = JSON.parse(read('../faults/traces.json')) as TraceFile;
const page = read('../../docs/iommufd.md');
const traceOf = (id: string): Trace | undefined => file.traces.find((trace) => trace.id === id);

const plantedIn = (id: string): Functions => {
  const fault = FAULTS.find((each) => each.id === id);
  return fault === undefined ? repairedBut(id) : faulty(fault);
};

/** Whether a sequence shows what the trace is for. */
function shows(trace: Trace, data: NonNullable<Trace['data']>): boolean {
  const row = ROWS.find((each) => each.id === trace.id);
  if (row?.shows !== undefined) {
    const { shows: wanted } = row;
    return runSequence(data, variantOf(row)).violations.some(
      (each) => wanted(each) && blamePolicy(data, each),
    );
  }
  return runSequence(data, plantedIn(trace.id)).violations.length > 0;
}

describe('rows of the RFC of 25 Feb 2026', () => {
  const found = ROWS.filter((row) => row.verdict === 'found');
  test('each has a trace or a reason', () => {
    expect(found.filter((row) => traceOf(row.id) === undefined).map((row) => row.id)).toEqual([]);
    expect(ROWS.filter((row) => row.verdict !== 'found' && row.because === undefined)).toEqual([]);
  });

  test.each(found.map((row) => row.id))(
    '%s: the trace shows it, is classified, and Linux 7.2 does not',
    (id) => {
      const row = ROWS.find((each) => each.id === id);
      const data = traceOf(id)?.data;
      if (row === undefined || data === undefined) throw new Error(`no trace of ${id}`);
      const { violations } = runSequence(data, variantOf(row));
      const its = violations.filter((violation) => classify(violation).includes(id));
      expect(its.length).toBeGreaterThan(0);
      expect(its.every((violation) => blamePolicy(data, violation))).toBe(true);
    },
  );
});

test('each operation of each trace is needed', () => {
  for (const trace of file.traces) {
    const { data, dirty, iova } = trace;
    if (iova !== undefined) {
      const fn = plantedIn(trace.id);
      for (let i = 0; iova.ops.length > 1 && i < iova.ops.length; i++)
        expect(
          runIova({ ...iova, ops: iova.ops.filter((_, j) => j !== i) }, fn).violations,
          trace.id,
        ).toEqual([]);
    }
    if (dirty !== undefined) {
      const fn = plantedIn(trace.id);
      for (let i = 0; dirty.ops.length > 1 && i < dirty.ops.length; i++)
        expect(runDirty({ ...dirty, ops: dirty.ops.filter((_, j) => j !== i) }, fn), trace.id).toEqual([]);
    }
    if (data === undefined) continue;
    expect(shows(trace, data), trace.id).toBe(true);
    for (let i = 0; data.ops.length > 1 && i < data.ops.length; i++)
      expect(
        shows(trace, { ...data, ops: data.ops.filter((_, j) => j !== i) }),
        `${trace.id} without ${i}`,
      ).toBe(false);
  }
});

describe('the campaign finds them again', () => {
  const again = hunters(file.seed);
  const QUICK = 40;
  const quick = file.traces.filter(({ runs }) => runs <= QUICK).map(({ id, runs }) => [id, runs] as const);
  test.each(quick)('%s in %d runs', (id) => {
    expect(again.get(id)?.()).toEqual(traceOf(id));
  });
});

describe('weaknesses of Linux 7.2', () => {
  const found = WEAKNESSES.filter((weakness) => weakness.verdict === 'found').map(({ id }) => id);
  test('each that is found has a repair, and a trace', () => {
    expect(Object.keys(REPAIRS).sort()).toEqual([...found].sort());
    expect(found.filter((id) => traceOf(id) === undefined)).toEqual([]);
  });
  test.each(found)('%s: gone with its repair', (id) => {
    const { data, dirty } = traceOf(id) ?? {};
    const wrong = (fn: Functions): readonly object[] =>
      data !== undefined ? runSequence(data, fn).violations : dirty !== undefined ? runDirty(dirty, fn) : [];
    expect(wrong(repairedBut(id)).length).toBeGreaterThan(0);
    expect(wrong(LINUX_7_2_REPAIRED)).toEqual([]);
  });
});

describe('planted faults', () => {
  test.each(FAULTS.map((fault) => fault.id))('%s', (id) => {
    const fault = FAULTS.find((each) => each.id === id);
    const trace = traceOf(id);
    if (fault === undefined) throw new Error(id);
    if (trace === undefined) {
      expect(['equivalent', 'concurrent']).toContain(fault.by);
      expect(fault.because ?? '').toMatch(/\w+ \w+/);
    } else if (trace.domain !== undefined) {
      const noGaps = trace.noGaps === true;
      expect(runDomain(trace.domain, faulty(fault), noGaps).findings.length).toBeGreaterThan(0);
      expect(runDomain(trace.domain, LINUX_7_2_REPAIRED, noGaps).findings).toEqual([]);
    } else if (trace.dirty !== undefined) {
      expect(runDirty(trace.dirty, faulty(fault)).map(({ breach }) => invariantOf(breach))).toContain(
        trace.invariant,
      );
      expect(runDirty(trace.dirty, LINUX_7_2_REPAIRED)).toEqual([]);
    } else if (trace.iova !== undefined) {
      expect(runIova(trace.iova, faulty(fault)).violations.map(({ invariant }) => invariant)).toContain(
        trace.invariant,
      );
      expect(runIova(trace.iova, LINUX_7_2_REPAIRED).violations).toEqual([]);
    } else if (trace.queue !== undefined) {
      expect(runFlushQueue(trace.queue, FLUSH_QUEUE_FAULTS[id]).wrong).not.toBeNull();
      expect(runFlushQueue(trace.queue, FLUSH_QUEUE).wrong).toBeNull();
    } else if (trace.data !== undefined) {
      expect(runSequence(trace.data, LINUX_7_2_REPAIRED).violations).toEqual([]);
    }
  });
});

test('K25b: equivalent, as far as sequences see', () => {
  const fault = FAULTS.find(({ id }) => id === 'K25b');
  if (fault === undefined) throw new Error('K25b');
  fc.assert(
    fc.property(sequenceArbitrary(), (data) => {
      const other = runSequence(data, faulty(fault));
      expect(other).toEqual(runSequence(data, LINUX_7_2_REPAIRED));
    }),
    { seed: file.seed, numRuns: 200 },
  );
});

const PLAIN = [{ order: 0, gap: false }];
const WORLD = {
  user: PLAIN,
  memfd: [{ order: 0, gap: true }],
  gmem: PLAIN,
  limit: 65536,
  rlimit: 1024,
  ipcLock: false,
  mm: false,
  attached: 0,
};

describe('rows that are shown', () => {
  const mapped = (source: 'memfd' | 'gmem', fn: Functions): ReturnType<typeof worldOf> => {
    const world = worldOf(WORLD, fn);
    const { k, iopts, files } = world;
    attachTo(world);
    const request = { iova: IOVA_BASE, length: 4 * PAGE_SIZE, prot: IOMMU_READ };
    expect(iopt_map_file_pages(k, iopts[0], files[source], 0, request).rc).toBe(0);
    return world;
  };

  test('R28, K38: an unmap after a zap from outside stops, warns, and follows pfn 0', () => {
    const { k, iopts } = mapped('memfd', LINUX_7_2_REPAIRED);
    k.fn.iommu_unmap(k, k.domains[0], IOVA_BASE + PAGE_SIZE, PAGE_SIZE);
    expect(() => iopt_unmap_iova(k, iopts[0], IOVA_BASE, 4 * PAGE_SIZE)).toThrow(KernelOops);
    expect(k.findings.map(({ breach, detail }) => `${breach}: ${detail}`)).toContainEqual(
      'wild-pointer: pfn 0 is no page of memory',
    );
  });

  test('R14: RLIMIT_MEMLOCK stops a map for which nothing would be pinned', () => {
    const world = worldOf({ ...WORLD, rlimit: 3 }, RFC_GMEM);
    attachTo(world);
    const request = { iova: IOVA_BASE, length: 4 * PAGE_SIZE, prot: IOMMU_READ };
    expect(iopt_map_file_pages(world.k, world.iopts[0], world.files.gmem, 0, request).rc).toBe(ENOMEM);
  });

  test('R30: the file outlives what user space closes, until UNMAP', () => {
    const { k, iopts, files } = mapped('gmem', RFC_GMEM);
    files.gmem.refs--;
    expect(files.gmem.refs).toBe(1);
    iopt_unmap_all(k, iopts[0]);
    expect(files.gmem.refs).toBe(0);
  });
});

function attachTo(world: ReturnType<typeof worldOf>): void {
  const { k, iopts } = world;
  expect(iopt_table_add_domain(k, iopts[0], iommu_domain_alloc(k))).toBe(0);
}

test('docs/iommufd.md says what the code says (npm run iommufd writes it)', () => {
  const page = read('../../docs/iommufd.md');
  expect(page).toBe(withTables(page, file));
});

test('every assertion that is listed is in the models', () => {
  const dir = new URL('../model/', import.meta.url);
  const text = readdirSync(dir)
    .map((name) => readFileSync(new URL(name, dir), 'utf8'))
    .join('');
  expect(WARNS.filter(({ at }) => !text.includes(`'${at}'`)).map(({ at }) => at)).toEqual([]);
});

test('what fires in a trace is listed', () => {
  for (const trace of file.traces) {
    if (trace.data === undefined) continue;
    const row = ROWS.find(({ id }) => id === trace.id);
    const fn = row !== undefined ? variantOf(row) : plantedIn(trace.id);
    for (const { breach, at } of runSequence(trace.data, fn).violations)
      if (breach === 'warn') expect(WARNS.map((each) => each.at)).toContain(at);
  }
});

test('every covered row of the selftests has a test that begins with its id', () => {
  const names = ['spec/conformance', 'runs/dirty', 'runs/fail-nth'];
  const files = names.map((name) => `../${name}.test.ts`);
  const text = files.map(read).join('');
  for (const { id, covered } of CONFORMANCE) expect([id, text.includes(`'${id} `)]).toEqual([id, covered]);
});

test('what is said of the concurrent machine names policies that are there', () => {
  const names = new Set([...POLICIES, ...BROKEN].map(({ name }) => name));
  const said = [...ROWS, ...FAULTS].flatMap(({ because = '' }) =>
    [...because.matchAll(/(?:check|--policy) ([a-z]+(?:-[a-z]+)+)/g)].map(([, name]) => name),
  );
  expect(said.length).toBeGreaterThan(4);
  expect(said.filter((name) => !names.has(name))).toEqual([]);
  const planted = BROKEN.filter(({ planted: fault }) =>
    fault?.settings?.cast?.some((cast) => /^(domains|access|dmabuf)$/.test(cast)),
  );
  expect(planted.map(({ name }) => name).filter((name) => !page.includes(name))).toEqual([]);
});
