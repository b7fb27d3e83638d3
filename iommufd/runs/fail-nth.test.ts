// iommufd_fail_nth.c: each point of failure of a step in turn; the step fails, or it does not and nothing is
// noted, and in the end nothing is left. Temporary memory of 32 bytes, and 16.

import { describe, expect, test } from 'vitest';
import { iommufd_access_rw } from '../model/access-rw.ts';
import {
  iommufd_access_change_ioas,
  iommufd_access_pin_pages,
  iommufd_access_unpin_pages,
} from '../model/access.ts';
import { iopt_copy } from '../model/area.ts';
import { iommu_domain_alloc } from '../model/iommu.ts';
import { PAGE_SIZE } from '../model/kernel.ts';
import { type LayoutPiece, pinsOf } from '../model/memory.ts';
import { LINUX_7_2_REPAIRED } from '../model/repaired.ts';
import { iopt_destroy_table, iopt_table_add_domain, iopt_table_remove_domain } from '../model/table.ts';
import { iopt_unmap_all } from '../model/unmap.ts';
import { outPages } from '../model/xarray.ts';
import { type Bed, RW, bedOf, driverOf, fileOf, map, mapFile } from './testbed.ts';

const BASE = 2 ** 24;
const PAGES = 16;
const LENGTH = PAGES * PAGE_SIZE;
const POINTS_MAX = 200;

/** Steps of one test; each returns an errno. */
type Steps = (bed: Bed) => readonly (() => number)[];

const attachTo =
  (bed: Bed, iopt = bed.iopt) =>
  (): number =>
    iopt_table_add_domain(bed.k, iopt, iommu_domain_alloc(bed.k));

const detachFrom =
  (bed: Bed, iopt = bed.iopt) =>
  (): number => {
    if (iopt.domains.length > 0) iopt_table_remove_domain(bed.k, iopt, iopt.domains[0]);
    return 0;
  };

function accessSteps(bed: Bed, domain: boolean): (() => number)[] {
  const driver = driverOf(bed);
  const range = { iova: BASE, length: LENGTH };
  const pin = (): number => {
    const rc = iommufd_access_pin_pages(bed.k, driver.access, range, outPages(PAGES), true);
    if (rc === 0) driver.taken.push(range);
    return rc;
  };
  const unpin = (): number => {
    if (driver.taken.length > 0)
      iommufd_access_unpin_pages(bed.k, driver.access, driver.taken.splice(0, 1)[0]);
    return 0;
  };
  const mapped = (): number => map(bed, 0, LENGTH, { iova: BASE }).rc;
  return domain ? [attachTo(bed), mapped, pin, detachFrom(bed), unpin] : [mapped, pin, unpin, pin];
}

function rwSteps(bed: Bed): (() => number)[] {
  const driver = driverOf(bed);
  const copy = (length: number, write: boolean, slow: boolean) => (): number =>
    iommufd_access_rw(bed.k, driver.access, { iova: BASE + 7, length }, new Uint8Array(length), {
      write,
      slow,
    });
  return [
    () => map(bed, 0, LENGTH, { iova: BASE }).rc,
    copy(1000, false, false),
    copy(1000, true, true),
    copy(5 * PAGE_SIZE, false, true),
    copy(10 * PAGE_SIZE, true, true),
  ];
}

const fileSteps =
  (layout: readonly LayoutPiece[]): Steps =>
  (bed) => {
    const file = fileOf('memfd', PAGES, layout);
    return [
      attachTo(bed),
      () => mapFile(bed, file, 0, 11 * PAGE_SIZE, { iova: BASE }).rc,
      detachFrom(bed),
      attachTo(bed),
      attachTo(bed),
    ];
  };

const TESTS: readonly (readonly [string, Steps])[] = [
  [
    'F1 basic',
    (bed) => [
      () => map(bed, 0, LENGTH, { iova: BASE }).rc,
      () => iopt_copy(bed.k, bed.iopt, BASE, bed.iopt2, { iova: BASE, length: LENGTH, prot: RW }).rc,
      () => iopt_unmap_all(bed.k, bed.iopt).rc,
    ],
  ],
  [
    'F2 map_domain',
    (bed) => [attachTo(bed), () => map(bed, 0, LENGTH, { iova: BASE }).rc, detachFrom(bed), attachTo(bed)],
  ],
  ['F3 map_file_domain, 4K folios', fileSteps([{ order: 0, gap: true }])],
  [
    'F3 map_file_domain, large folios',
    fileSteps([
      { order: 2, gap: true },
      { order: 0, gap: false },
    ]),
  ],
  [
    'F4 map_two_domains',
    (bed) => [
      attachTo(bed),
      attachTo(bed),
      () => map(bed, 0, LENGTH, { iova: BASE }).rc,
      detachFrom(bed),
      detachFrom(bed),
      attachTo(bed),
      attachTo(bed),
    ],
  ],
  ['F5 access_rw', rwSteps],
  ['F6 access_pin', (bed) => accessSteps(bed, false)],
  ['F7 access_pin_domain', (bed) => accessSteps(bed, true)],
];

function takeAway(bed: Bed): void {
  for (const iopt of [bed.iopt, bed.iopt2]) {
    for (const access of iopt.access_list.slice()) iommufd_access_change_ioas(bed.k, access, null);
    expect(iopt_unmap_all(bed.k, iopt).rc).toBe(0);
    while (iopt.domains.length > 0) iopt_table_remove_domain(bed.k, iopt, iopt.domains[0]);
    iopt_destroy_table(bed.k, iopt);
  }
}

/** One run with the n-th point of failure of one step failing; false where the step has fewer. */
function failOnce(steps: Steps, limit: number, step: number, point: number): boolean {
  const bed = bedOf(PAGES, 0, LINUX_7_2_REPAIRED);
  const { k } = bed;
  k.temp_memory_limit = limit;
  let failed = false;
  for (const [i, run] of steps(bed).entries()) {
    k.fail = i === step ? point : 0;
    k.failPoints = 0;
    k.failed = null;
    const rc = run();
    k.fail = 0;
    failed ||= k.failed !== null;
    if (rc !== 0) break;
  }
  takeAway(bed);
  expect(k.findings).toEqual([]);
  expect(k.memory.all.filter((folio) => pinsOf(folio) !== 0)).toEqual([]);
  expect([k.current.mm.pinned_vm, k.current.user.locked_vm, k.current.mm.users]).toEqual([0, 0, 1]);
  return failed;
}

describe.each([16, 32, 65536])('%d bytes of temporary memory', (limit) => {
  test.each(TESTS)('%s', (_name, steps) => {
    let points = 0;
    for (let step = 0; step < steps(bedOf(PAGES)).length; step++)
      for (let point = 1; point < POINTS_MAX && failOnce(steps, limit, step, point); point++) points++;
    expect(points).toBeGreaterThan(2);
  });
});
