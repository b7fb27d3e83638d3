// tidy: long because the rows of the selftests are one list
// The rows of tools/testing/selftests/iommu that this level can run.

import { describe, expect, test } from 'vitest';
import { iommufd_access_rw } from '../model/access-rw.ts';
import { iommufd_access_change_ioas } from '../model/access.ts';
import { iopt_copy } from '../model/area.ts';
import { dma_buf_invalidate_mappings } from '../model/dmabuf.ts';
import { iommu_domain_alloc, iommu_iova_to_phys } from '../model/iommu.ts';
import { mmOf } from '../model/kernel-of.ts';
import * as E from '../model/kernel.ts';
import { PAGE_SIZE, ULONG_MAX } from '../model/kernel.ts';
import { punch_hole } from '../model/memory.ts';
import { iommufd_ioas_change_process } from '../model/process.ts';
import {
  iopt_destroy_table,
  iopt_disable_large_pages,
  iopt_enable_large_pages,
  iopt_reserve_iova,
  iopt_set_allow_iova,
  iopt_table_add_domain,
  iopt_table_remove_domain,
} from '../model/table.ts';
import { iopt_cut_iova, iopt_unmap_all, iopt_unmap_iova } from '../model/unmap.ts';
import { VFIO_DMA_UNMAP_FLAG_ALL, iommufd_vfio_unmap_dma } from '../model/vfio-compat.ts';
import { planted } from '../faults/faults.ts';
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
    Object.assign(k, { fn: planted('K33b') });
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
    Object.assign(k, { fn: planted('K33') });
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

describe('processes', () => {
  test('S17 the process that mapped is gone', () => {
    const bed = bedOf();
    attach(bed);
    expect(map(bed, 0, at(2), { iova: BASE }).rc).toBe(0);
    const lazy = bedOf();
    expect(map(lazy, 0, at(2), { iova: BASE }).rc).toBe(0);
    for (const each of [bed, lazy]) {
      each.k.current.mm.users = 0;
      each.k.current = { ...each.k.current, mm: mmOf('child') };
    }
    expect(iopt_table_add_domain(bed.k, bed.iopt, iommu_domain_alloc(bed.k))).toBe(0);
    expect(iopt_table_add_domain(lazy.k, lazy.iopt, iommu_domain_alloc(lazy.k))).toBe(E.EFAULT);
    expect([...bed.k.findings, ...lazy.k.findings]).toEqual([]);
  });

  test('S18 pages of another process are pinned', () => {
    const bed = bedOf();
    expect(map(bed, 0, at(2), { iova: BASE }).rc).toBe(0);
    const parent = bed.k.current;
    bed.k.current = { ...parent, mm: mmOf('child') };
    const domain = attach(bed);
    const { pfn } = parent.mm.vma.get(BUFFER / PAGE_SIZE) ?? { pfn: 0 };
    expect(iommu_iova_to_phys(domain, BASE)).toBe(pfn * PAGE_SIZE);
    expect(parent.mm.users).toBe(1);
  });
});

describe('alignment', () => {
  test('S19 large pages off, and areas that do not fit', () => {
    const bed = bedOf();
    const { k, iopt } = bed;
    expect(iopt_disable_large_pages(k, iopt)).toBe(0);
    expect(map(bed, 0, MOCK_PAGE).rc).toBe(E.EINVAL);
    iopt_enable_large_pages(k, iopt);
    expect(map(bed, 0, MOCK_PAGE, { iova: 2 ** 25 }).rc).toBe(0);
    expect(iopt_disable_large_pages(k, iopt)).toBe(E.EADDRINUSE);
    expect(() => driverOf(bed)).toThrow(`access: ${E.EADDRINUSE}`);
    attach(bed);
    expect(iopt_disable_large_pages(k, iopt)).toBe(E.EINVAL);
    clean(bed);
  });

  test('S20 every length up to two pages', () => {
    for (const withDomain of [false, true])
      for (let length = 1; length <= at(2); length += 61) {
        const bed = bedOf();
        if (withDomain) attach(bed);
        const fits = !withDomain || length % MOCK_PAGE === 0;
        expect([length, map(bed, 0, length).rc]).toEqual([length, fits ? 0 : E.EINVAL]);
      }
  });

  test.each(['S25 every start and end', 'S26 the same with a second domain'])('%s', (id) => {
    for (let start = 0; start < at(4); start += MOCK_PAGE)
      for (let end = start + MOCK_PAGE; end <= at(4); end += MOCK_PAGE) {
        const bed = bedOf(4, 0);
        const domain = attach(bed);
        const { rc, iova } = map(bed, start, end - start);
        expect(rc).toBe(0);
        const second = id.startsWith('S26') ? attach(bed) : domain;
        expect(checkMap(bed, second, iova, start, end - start)).toBe(true);
        if (second !== domain) iopt_table_remove_domain(bed.k, bed.iopt, second);
        for (let page = 0; page < 4; page++)
          expect(pins(bed, at(page))).toBe(at(page + 1) > start && at(page) < end ? 1 : 0);
        clean(bed);
      }
  });

  test('S27 access without a domain, copied to an IOAS with one, replaced', () => {
    const bed = bedOf();
    const { k, iopt, iopt2 } = bed;
    const driver = driverOf(bed);
    const domain = attach(bed, iopt2);
    expect(map(bed, 0, at(8), { iova: BASE }).rc).toBe(0);
    expect(pin(bed, driver, BASE, 8).rc).toBe(0);
    expect(iopt_copy(k, iopt, BASE, iopt2, { iova: BASE, length: at(8), prot: RW }).rc).toBe(0);
    expect(checkMap(bed, domain, BASE, 0, at(8))).toBe(true);
    expect(pins(bed, 0)).toBe(1);
    expect(iommufd_access_change_ioas(k, driver.access, iopt2)).toBe(0);
    expect(driver.taken).toEqual([]);
    expect(iopt_unmap_all(k, iopt).rc).toBe(0);
    expect(checkMap(bed, domain, BASE, 0, at(8))).toBe(true);
    clean(bed);
  });
});

describe('dma-buf and files', () => {
  test('S21 ranges of a dma-buf', () => {
    const bed = bedOf();
    const dmabuf = fileOf('dmabuf', 4);
    expect(mapFile(bed, dmabuf, 0, 0).rc).toBe(E.EINVAL);
    expect(mapFile(bed, dmabuf, at(4), at(1)).rc).toBe(E.EINVAL);
    expect(mapFile(bed, dmabuf, 0, at(5)).rc).toBe(E.EINVAL);
    expect(mapFile(bed, dmabuf, at(1), at(3)).rc).toBe(0);
    clean(bed);
    expect(dmabuf.refs).toBe(1);
  });

  test('S22 after revoke', () => {
    const bed = bedOf();
    const { k } = bed;
    const domain = attach(bed);
    const dmabuf = fileOf('dmabuf', 4);
    const { iova } = mapFile(bed, dmabuf, 0, at(4));
    expect(iommu_iova_to_phys(domain, iova)).not.toBe(0);
    dma_buf_invalidate_mappings(k, dmabuf, pagesOf(bed));
    expect(iommu_iova_to_phys(domain, iova)).toBe(0);
    attach(bed);
    expect(mapFile(bed, dmabuf, 0, at(4)).rc).toBe(E.ENODEV);
    dmabuf.revoked = false;
    expect(iommu_iova_to_phys(domain, iova)).toBe(0);
    expect(iopt_unmap_iova(k, bed.iopt, iova, at(4)).rc).toBe(0);
    const again = mapFile(bed, dmabuf, 0, at(4));
    expect(again.rc).toBe(0);
    expect(iommu_iova_to_phys(domain, again.iova)).not.toBe(0);
    clean(bed);
  });

  test('S23 a bad page half-way, and the end of a file', () => {
    const bed = bedOf(2);
    attach(bed);
    expect(map(bed, 0, at(1)).rc).toBe(0);
    expect(map(bed, 0, at(4)).rc).toBe(E.EFAULT);
    expect(map(bed, at(2), at(1)).rc).toBe(E.EFAULT);
    const memfd = fileOf('memfd', 2);
    expect(mapFile(bed, memfd, 0, at(2)).rc).toBe(0);
    expect(mapFile(bed, memfd, 0, at(3)).rc).toBe(E.EINVAL);
    punch_hole(bed.k, memfd, 0, 1);
    memfd.pages = 1;
    expect(mapFile(bed, memfd, 0, at(2)).rc).toBe(E.EINVAL);
    expect(mapFile(bed, fileOf('gmem', 2), 0, at(1)).rc).toBe(E.EINVAL);
    expect(mapFile(bed, fileOf('other', 2), 0, at(1), { iopt: bed.iopt2 }).rc).toBe(0);
    clean(bed);
  });

  test('S30 a larger map is cut into pieces by type 1, and not by type 1 v2', () => {
    const bed = bedOf(16);
    const { k, iopt } = bed;
    const unmap = (iova: number, size: number, flags = 0): { rc: number; unmapped: number } =>
      iommufd_vfio_unmap_dma(k, iopt, { flags, iova, size });
    expect(iopt_disable_large_pages(k, iopt)).toBe(0);
    const domain = attach(bed);
    expect(unmap(BASE, PAGE_SIZE)).toEqual({ rc: 0, unmapped: 0 });
    expect(unmap(BASE, 0, VFIO_DMA_UNMAP_FLAG_ALL).rc).toBe(E.EINVAL);
    expect(unmap(0, 0, 1).rc).toBe(E.EINVAL);
    expect(map(bed, 0, at(16), { iova: BASE }).rc).toBe(0);
    for (const page of [5, 0, 15, 8, 3, 12, 7, 1, 14, 2, 10, 4, 13, 6, 11, 9]) {
      const iova = BASE + at(page);
      expect(unmap(iova, PAGE_SIZE)).toEqual({ rc: 0, unmapped: PAGE_SIZE });
      expect(pins(bed, at(page))).toBe(0);
      expect(iommu_iova_to_phys(domain, iova)).toBe(0);
    }
    expect(unmap(0, 0, VFIO_DMA_UNMAP_FLAG_ALL)).toEqual({ rc: 0, unmapped: 0 });
    const large = bedOf(4);
    attach(large);
    expect(map(large, 0, at(4), { iova: BASE }).rc).toBe(0);
    expect(iopt_cut_iova(large.k, large.iopt, [BASE + at(1) - 1])).toBe(E.EINVAL);
    expect(iommufd_vfio_unmap_dma(large.k, large.iopt, { flags: 0, iova: BASE, size: at(1) }).rc).toBe(
      E.ENOENT,
    );
    clean(bed);
    clean(large);
    Object.assign(k, { fn: planted('K04') });
    expect(unmap(BASE, PAGE_SIZE).rc).not.toBe(0);
  });
});
