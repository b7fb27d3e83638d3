// The rows of tools/testing/selftests/iommu that this level can run.

import { describe, expect, test } from 'vitest';
import { iommufd_access_rw } from '../model/access-rw.ts';
import { iommufd_access_change_ioas } from '../model/access.ts';
import { iopt_copy } from '../model/area.ts';
import { mmOf } from '../model/kernel-of.ts';
import * as E from '../model/kernel.ts';
import { PAGE_SIZE, ULONG_MAX } from '../model/kernel.ts';
import { iommufd_ioas_change_process } from '../model/process.ts';
import {
  iopt_destroy_table,
  iopt_reserve_iova,
  iopt_set_allow_iova,
  iopt_table_remove_domain,
} from '../model/table.ts';
import { iopt_unmap_all, iopt_unmap_iova } from '../model/unmap.ts';
import { FAULTS, faulty } from '../faults/faults.ts';
import {
  BUFFER,
  type Bed,
  MOCK_PAGE,
  RW,
  BASE,
  at,
  attach,
  bedOf,
  checkMap,
  driverOf,
  fileOf,
  map,
  mapFile,
  pagesOf,
  pin,
  pins,
  unpin,
} from '../runs/testbed.ts';

/** Nothing was noted, and in the end nothing is pinned. */
function clean(bed: Bed): void {
  for (const iopt of [bed.iopt, bed.iopt2]) {
    for (const access of iopt.access_list.slice()) iommufd_access_change_ioas(bed.k, access, null);
    expect(iopt_unmap_all(bed.k, iopt).rc).toBe(0);
    while (iopt.domains.length > 0) iopt_table_remove_domain(bed.k, iopt, iopt.domains[0]);
    iopt_destroy_table(bed.k, iopt);
  }
  expect(bed.k.findings).toEqual([]);
  for (let page = 0; page < bed.k.current.mm.vma.size; page++) expect(pins(bed, at(page))).toBe(0);
}

describe('areas', () => {
  test('S03 change_process moves the charge of file mappings', () => {
    for (const mode of ['USER', 'MM'] as const) {
      const bed = bedOf();
      const { k } = bed;
      bed.iopt.account_mode = mode;
      attach(bed);
      expect(mapFile(bed, fileOf('memfd', 8), 0, at(4)).rc).toBe(0);
      const parent = k.current;
      k.current = { mm: mmOf('child'), user: { locked_vm: 0 }, rlimit: 1024, cap_ipc_lock: false };
      expect(iommufd_ioas_change_process(k, [bed.iopt])).toBe(0);
      expect([parent.mm.pinned_vm, k.current.mm.pinned_vm]).toEqual([0, 4]);
      expect([parent.mm.locked_vm, k.current.mm.locked_vm]).toEqual(mode === 'MM' ? [0, 4] : [0, 0]);
      expect([parent.user.locked_vm, k.current.user.locked_vm]).toEqual(mode === 'USER' ? [0, 4] : [0, 0]);
      clean(bed);
    }
    const bed = bedOf();
    expect(map(bed, 0, at(1)).rc).toBe(0);
    expect(iommufd_ioas_change_process(bed.k, [bed.iopt])).toBe(E.EINVAL);
  });

  test('S05 areas go with their IOAS', () => {
    const bed = bedOf();
    for (let i = 0; i < 5; i++) expect(map(bed, 0, at(1), { iova: BASE + at(i) }).rc).toBe(0);
    clean(bed);
  });

  test('S06 unmap, overlap, halves, all', () => {
    const bed = bedOf();
    const { k, iopt } = bed;
    expect(iopt_unmap_iova(k, iopt, BASE, at(1))).toEqual({ rc: 0, unmapped: 0 });
    expect(map(bed, 0, at(4), { iova: BASE }).rc).toBe(0);
    expect(iopt_unmap_iova(k, iopt, BASE, at(2)).rc).toBe(E.ENOENT);
    expect(iopt_unmap_iova(k, iopt, BASE + at(2), at(2)).rc).toBe(E.ENOENT);
    for (const [first, pages] of [
      [0, 4],
      [0, 1],
      [3, 1],
      [1, 2],
      [-1, 6],
    ])
      expect(map(bed, 0, at(pages), { iova: BASE + at(first) }).rc).toBe(E.EEXIST);
    expect(iopt_unmap_all(k, iopt)).toEqual({ rc: 0, unmapped: at(4) });
    expect(iopt_unmap_all(k, iopt)).toEqual({ rc: 0, unmapped: 0 });
    clean(bed);
  });

  test('S07 only whole areas are unmapped', () => {
    const bed = bedOf();
    const { k, iopt } = bed;
    for (const page of [0, 8, 16, 24]) expect(map(bed, 0, at(8), { iova: BASE + at(page) }).rc).toBe(0);
    expect(iopt_unmap_iova(k, iopt, BASE + at(1), at(31)).rc).toBe(E.ENOENT);
    expect(iopt_unmap_iova(k, iopt, BASE + at(8), at(23)).rc).toBe(E.ENOENT);
    expect(iopt_unmap_iova(k, iopt, BASE - at(1), at(40)).rc).toBe(0);
    clean(bed);
  });

  test('S08 an automatic IOVA is aligned, not reserved, and allowed', () => {
    const bed = bedOf();
    const { k, iopt } = bed;
    expect(iopt_reserve_iova(k, iopt, 0, BASE - 1, 'test')).toBe(0);
    for (const pages of [1, 2, 4, 8]) {
      const { rc, iova } = map(bed, 0, at(pages));
      expect([rc, iova % at(pages)]).toEqual([0, 0]);
      expect(iova).toBeGreaterThanOrEqual(BASE);
    }
    expect(map(bed, MOCK_PAGE, MOCK_PAGE).iova % PAGE_SIZE).toBe(MOCK_PAGE);
    expect(iopt_set_allow_iova(iopt, [[2 ** 30, 2 ** 30 + at(4) - 1]])).toBe(0);
    expect(map(bed, 0, at(2)).iova).toBe(2 ** 30);
    expect(map(bed, 0, at(8)).rc).toBe(E.ENOSPC);
    const fault = FAULTS.find(({ id }) => id === 'K33b');
    if (fault !== undefined) Object.assign(k, { fn: faulty(fault) });
    expect(map(bed, 0, at(1)).iova).toBeLessThan(2 ** 30);
  });

  test('S09 no room is -ENOSPC', () => {
    const bed = bedOf();
    expect(iopt_reserve_iova(bed.k, bed.iopt, 0, ULONG_MAX - at(3), 'test')).toBe(0);
    expect(map(bed, 0, at(4)).rc).toBe(E.ENOSPC);
  });

  test('S10 allowed and reserved ranges exclude each other; a fixed IOVA is not asked', () => {
    const bed = bedOf();
    const { k, iopt } = bed;
    expect(iopt_set_allow_iova(iopt, [[BASE, BASE + at(8) - 1]])).toBe(0);
    expect(iopt_reserve_iova(k, iopt, BASE, BASE + 1, 'test')).toBe(E.EADDRINUSE);
    expect(map(bed, 0, at(1), { iova: 2 ** 30 }).rc).toBe(0);
    expect(iopt_reserve_iova(k, iopt, 2 ** 40, 2 ** 40 + 1, 'test')).toBe(0);
    expect(iopt_set_allow_iova(iopt, [[2 ** 40, 2 ** 41]])).toBe(E.EADDRINUSE);
    expect(iopt_set_allow_iova(iopt, [[1, 1]])).toBe(E.EINVAL);
    const fault = FAULTS.find(({ id }) => id === 'K33');
    if (fault !== undefined) Object.assign(k, { fn: faulty(fault) });
    expect(map(bed, 0, at(1), { iova: 2 ** 31 }).rc).not.toBe(0);
  });

  test('S11 copy of any part', () => {
    const bed = bedOf();
    const { k, iopt, iopt2 } = bed;
    const domain = attach(bed, iopt2);
    expect(map(bed, 0, at(8), { iova: BASE }).rc).toBe(0);
    const copied = iopt_copy(k, iopt, BASE + at(2), iopt2, { iova: BASE, length: at(3), prot: RW });
    expect(copied.rc).toBe(0);
    expect(checkMap(bed, domain, BASE, at(2), at(3))).toBe(true);
    expect(iopt_copy(k, iopt, BASE + at(6), iopt, { iova: null, length: at(3), prot: RW }).rc).toBe(E.ENOENT);
    for (let from = 0; from + PAGE_SIZE <= at(3); from += 511)
      expect(
        iopt_copy(k, iopt, BASE + from, iopt2, { iova: 2 ** 25 + from * 16, length: PAGE_SIZE, prot: RW }).rc,
      ).toBe(from % MOCK_PAGE === 0 && (from * 16) % MOCK_PAGE === 0 ? 0 : E.EINVAL);
    clean(bed);
  });
});

describe('accesses', () => {
  test('S13 an access of one page of a huge page, and the domain goes', () => {
    for (let page = 0; page < 16; page++) {
      const bed = bedOf(16, 4);
      const domain = attach(bed);
      const driver = driverOf(bed);
      expect(map(bed, 0, at(16), { iova: BASE }).rc).toBe(0);
      expect(pin(bed, driver, BASE + at(page), 1).rc).toBe(0);
      iopt_table_remove_domain(bed.k, bed.iopt, domain);
      expect(pins(bed, 0)).toBe(1);
      unpin(bed, driver);
      clean(bed);
    }
  });

  test('S14 users of one interval, and a domain that comes and goes', () => {
    for (let pages = 1; pages <= 8; pages++) {
      const bed = bedOf();
      const driver = driverOf(bed);
      expect(map(bed, 0, at(8), { iova: BASE }).rc).toBe(0);
      const { pfns } = pin(bed, driver, BASE, pages);
      expect(pin(bed, driver, BASE, pages).pfns).toEqual(pfns);
      expect(pagesOf(bed)[0].access_itree.nodes[0].of.users).toBe(2);
      const domain = attach(bed);
      expect(checkMap(bed, domain, BASE, 0, at(8))).toBe(true);
      iopt_table_remove_domain(bed.k, bed.iopt, domain);
      unpin(bed, driver);
      expect(pins(bed, 0)).toBe(1);
      unpin(bed, driver);
      expect(pins(bed, 0)).toBe(0);
      clean(bed);
    }
  });

  test('S15 unmap asks the driver', () => {
    const bed = bedOf();
    const driver = driverOf(bed);
    expect(map(bed, 0, at(4), { iova: BASE }).rc).toBe(0);
    expect(pin(bed, driver, BASE, 4).rc).toBe(0);
    expect(iopt_unmap_iova(bed.k, bed.iopt, BASE, at(4)).rc).toBe(0);
    expect([driver.calls, driver.taken.length]).toEqual([1, 0]);
    clean(bed);
  });

  test('S16 copies are exact, over page borders, fast and slow', () => {
    const bed = bedOf();
    const driver = driverOf(bed, bed.iopt, { alignment: 1 });
    expect(map(bed, MOCK_PAGE, at(7), { iova: 2 ** 25 + MOCK_PAGE }).rc).toBe(0);
    const data = Uint8Array.from({ length: 9000 }, (_, i) => i % 253);
    for (const slow of [false, true]) {
      const range = { iova: 2 ** 25 + at(1) - 100, length: data.length };
      const back = new Uint8Array(data.length);
      expect(iommufd_access_rw(bed.k, driver.access, range, data, { write: true, slow })).toBe(0);
      expect(iommufd_access_rw(bed.k, driver.access, range, back, { write: false, slow: !slow })).toBe(0);
      expect(back).toEqual(data);
      const first = bed.k.memory.bytes.get(bed.k.current.mm.vma.get(BUFFER / PAGE_SIZE)?.pfn ?? 0);
      expect(first?.slice(PAGE_SIZE - 100)).toEqual(data.slice(0, 100));
    }
    clean(bed);
  });
});
