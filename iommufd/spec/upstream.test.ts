// Linux 7.2: with the weaknesses that this level has found in it repaired, generated sequences show nothing; and
// those of them that need a case of their own: U2, U5, U6, U10, and the two halves of U1. rows.test.ts shows the
// others.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fileSequenceArbitrary, sequenceArbitrary } from '../arbitraries/sequence.ts';
import {
  iommufd_access_change_ioas,
  iommufd_access_pin_pages,
  iommufd_access_unpin_pages,
} from '../model/access.ts';
import * as E from '../model/kernel.ts';
import { KernelOops, PAGE_SIZE } from '../model/kernel.ts';
import { LINUX_7_2 } from '../model/linux-7.2.ts';
import { LINUX_7_2_REPAIRED } from '../model/repaired.ts';
import { pinsOf } from '../model/memory.ts';
import { iopt_unmap_all, iopt_unmap_iova } from '../model/unmap.ts';
import { outPages } from '../model/xarray.ts';
import { runSequence } from '../runs/run.ts';
import { type Bed, attach, bedOf, driverOf, fileOf, map, mapFile } from '../runs/testbed.ts';

const BASE = 2 ** 24;
const at = (page: number): number => page * PAGE_SIZE;
const pinned = (bed: Bed): number => bed.k.memory.all.reduce((sum, folio) => sum + pinsOf(folio), 0);

/** The first point of a kind fails. */
function failing(bed: Bed, kind: E.FailPoint, run: () => number): number {
  for (let point = 1; point < 100; point++) {
    bed.k.fail = point;
    bed.k.failPoints = 0;
    bed.k.failed = null;
    const rc = run();
    bed.k.fail = 0;
    const { failed } = bed.k as { failed: E.FailPoint | null };
    if (failed === kind) return rc;
    iopt_unmap_all(bed.k, bed.iopt);
  }
  throw new Error(`no point of ${kind}`);
}

test('U1 with folios of 8K: entries that were never written are followed', () => {
  const bed = bedOf();
  attach(bed);
  bed.k.temp_memory_limit = 32;
  const memfd = fileOf('memfd', 16, [{ order: 1, gap: true }]);
  expect(() => failing(bed, 'map', () => mapFile(bed, memfd, 0, at(5), { iova: BASE }).rc)).toThrow(
    KernelOops,
  );
  expect(bed.k.findings.some(({ breach }) => breach === 'uninitialised-read')).toBe(true);
});

test('U1 with folios of 4K: a later, shorter window unpins folios of the window before', () => {
  const bed = bedOf();
  attach(bed);
  bed.k.temp_memory_limit = 16;
  const memfd = fileOf('memfd', 16, [{ order: 0, gap: true }]);
  let underflow = false;
  for (let point = 1; point < 30 && !underflow; point++) {
    bed.k.fail = point;
    bed.k.failPoints = 0;
    mapFile(bed, memfd, 0, at(3), { iova: BASE });
    bed.k.fail = 0;
    underflow = bed.k.findings.some(({ breach }) => breach === 'refcount-underflow');
    iopt_unmap_all(bed.k, bed.iopt);
  }
  expect(underflow).toBe(true);
});

test('U1 with 64 KiB of temporary memory: 10923 pages of 4K, and a failure in the second batch', () => {
  const RUNS = 5461;
  const PAGES = 8192 + RUNS / 2 + 0.5;
  let maps = 0;
  const fn: typeof LINUX_7_2 = {
    ...LINUX_7_2,
    iommu_map: (...args) => (maps++ < RUNS ? LINUX_7_2.iommu_map(...args) : E.ENOMEM),
  };
  const bed = bedOf(8, 0, fn);
  attach(bed);
  const memfd = fileOf('memfd', PAGES, [{ order: 0, gap: true }]);
  expect(mapFile(bed, memfd, 0, at(PAGES), { iova: BASE }).rc).toBe(E.ENOMEM);
  expect([maps, PAGES]).toEqual([RUNS + 1, 10923]);
  const underflows = bed.k.findings.filter(({ breach }) => breach === 'refcount-underflow');
  expect(underflows.length).toBeGreaterThan(1000);
});

describe('U2: folio_add_pins() that fails', () => {
  test('leaves the pins of memfd_pin_folios() where an access pins', () => {
    const bed = bedOf();
    bed.k.addPinsFails = true;
    const driver = driverOf(bed);
    const memfd = fileOf('memfd', 4, [{ order: 1, gap: false }]);
    const rc = failing(bed, 'add_pins', () => {
      const { rc: mapped } = mapFile(bed, memfd, 0, at(4), { iova: BASE });
      if (mapped !== 0) return mapped;
      return iommufd_access_pin_pages(bed.k, driver.access, { iova: BASE, length: at(4) }, outPages(4), true);
    });
    expect(rc).toBe(E.ENOMEM);
    expect(pinned(bed)).toBeGreaterThan(0);
  });

  test('leaves what batch_from_folios() has moved into the batch, and npinned counts it as gone', () => {
    const bed = bedOf(8, 0, LINUX_7_2_REPAIRED);
    bed.k.addPinsFails = true;
    attach(bed);
    const memfd = fileOf('memfd', 4, [
      { order: 0, gap: false },
      { order: 0, gap: true },
      { order: 1, gap: true },
    ]);
    expect(failing(bed, 'add_pins', () => mapFile(bed, memfd, 0, at(4), { iova: BASE }).rc)).toBe(E.ENOMEM);
    expect(pinned(bed)).toBeGreaterThan(0);
  });
});

test('U5: an access without ops->unmap beside one that pins', () => {
  const bed = bedOf();
  const driver = driverOf(bed);
  const other = driverOf(bed, bed.iopt, { alignment: 1 });
  other.access.unmap = null;
  expect(map(bed, 0, at(1), { iova: BASE }).rc).toBe(0);
  const range = { iova: BASE, length: at(1) };
  expect(iommufd_access_pin_pages(bed.k, driver.access, range, outPages(1), true)).toBe(0);
  driver.taken.push(range);
  expect(() => iopt_unmap_iova(bed.k, bed.iopt, BASE, at(1))).toThrow('has no ops->unmap');
});

test('U6: an area stays barred where the unmap fails later', () => {
  const bed = bedOf();
  const driver = driverOf(bed, bed.iopt, { deaf: true });
  expect(map(bed, 0, at(1), { iova: BASE }).rc).toBe(0);
  const range = { iova: BASE, length: at(1) };
  const pinIt = (): number => iommufd_access_pin_pages(bed.k, driver.access, range, outPages(1), true);
  expect(pinIt()).toBe(0);
  expect(iopt_unmap_iova(bed.k, bed.iopt, BASE, at(1)).rc).toBe(E.EDEADLOCK);
  iommufd_access_unpin_pages(bed.k, driver.access, range);
  expect(pinIt()).toBe(E.EINVAL);
  expect(bed.iopt.area_itree.nodes.length).toBe(1);
});

test('U10: with MAX_NPFNS of 5 a map of folios is cut elsewhere than its unmap', () => {
  const bed = bedOf(8, 0, LINUX_7_2);
  bed.k.max_npfns = 5;
  attach(bed);
  const memfd = fileOf('memfd', 32, [{ order: 2, gap: false }]);
  expect(mapFile(bed, memfd, 0, at(32), { iova: BASE }).rc).toBe(0);
  /* One run a batch. */
  bed.k.temp_memory_limit = 16;
  expect(() => iopt_unmap_iova(bed.k, bed.iopt, BASE, at(32))).toThrow(KernelOops);
  expect(bed.k.findings.some(({ at: where }) => where === 'iommu_unmap_nofail')).toBe(true);
});

test('100 fruitless notifications are -EDEADLOCK', () => {
  const bed = bedOf();
  const driver = driverOf(bed, bed.iopt, { deaf: true });
  expect(map(bed, 0, at(1), { iova: BASE }).rc).toBe(0);
  expect(
    iommufd_access_pin_pages(bed.k, driver.access, { iova: BASE, length: at(1) }, outPages(1), true),
  ).toBe(0);
  expect(iopt_unmap_all(bed.k, bed.iopt).rc).toBe(E.EDEADLOCK);
  expect(driver.calls).toBe(101);
  expect(iommufd_access_change_ioas(bed.k, driver.access, bed.iopt)).toBe(0);
});

describe('Linux 7.2', () => {
  test('holds every invariant on generated sequences, but for the weaknesses repaired', () => {
    fc.assert(
      fc.property(sequenceArbitrary(), (data) => {
        expect(runSequence(data, LINUX_7_2_REPAIRED).violations).toEqual([]);
      }),
      { seed: 20260225, numRuns: 600 },
    );
  });

  test('holds every invariant on files', () => {
    fc.assert(
      fc.property(fileSequenceArbitrary(), (data) => {
        expect(runSequence(data, LINUX_7_2_REPAIRED).violations).toEqual([]);
      }),
      { seed: 20260225, numRuns: 200 },
    );
  });
});
