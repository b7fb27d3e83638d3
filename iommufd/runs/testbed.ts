// What the fixtures of the selftest give: a buffer, an IOAS or two, mock domains, an access with its driver.

import {
  iommufd_access_change_ioas,
  iommufd_access_pin_pages,
  iommufd_access_unpin_pages,
} from '../model/access.ts';
import { iopt_map_file_pages, iopt_map_user_pages } from '../model/area.ts';
import type { Functions } from '../model/functions.ts';
import {
  IOMMU_CACHE,
  IOMMU_READ,
  IOMMU_WRITE,
  type iommu_domain,
  iommu_domain_alloc,
  iommu_iova_to_phys,
} from '../model/iommu.ts';
import { kernelOf } from '../model/kernel-of.ts';
import { type Kernel, PAGE_SIZE } from '../model/kernel.ts';
import { LINUX_7_2 } from '../model/linux-7.2.ts';
import { type File, type LayoutPiece, alloc_folio, pinsOf } from '../model/memory.ts';
import {
  type io_pagetable,
  type iommufd_access,
  type iopt_pages,
  iopt_init_table,
} from '../model/objects.ts';
import { outPages } from '../model/xarray.ts';
import { iopt_table_add_domain } from '../model/table.ts';

export const BUFFER = 0x40000000;
export const MOCK_PAGE = 2048;
export const RW = IOMMU_READ | IOMMU_WRITE | IOMMU_CACHE;

export interface Bed {
  readonly k: Kernel;
  readonly iopt: io_pagetable;
  readonly iopt2: io_pagetable;
}

/** `order`: of the folios that the buffer is made of. */
export function bedOf(pages = 8, order = 0, fn: Functions = LINUX_7_2): Bed {
  const k = kernelOf(fn);
  for (let i = 0; i < pages; i += 2 ** order) {
    const folio = alloc_folio(k, order, 'anon', true);
    folio.refs = 2 ** order;
    for (let j = 0; j < 2 ** order; j++)
      k.current.mm.vma.set(BUFFER / PAGE_SIZE + i + j, { pfn: folio.pfn + j, writable: true });
  }
  return { k, iopt: iopt_init_table(k), iopt2: iopt_init_table(k) };
}

export function attach(bed: Bed, iopt = bed.iopt): iommu_domain {
  const domain = iommu_domain_alloc(bed.k);
  const rc = iopt_table_add_domain(bed.k, iopt, domain);
  if (rc !== 0) throw new Error(`attach: ${rc}`);
  return domain;
}

interface Place {
  readonly iova?: number | null;
  readonly iopt?: io_pagetable;
  readonly prot?: number;
}

export const map = (
  bed: Bed,
  offset: number,
  length: number,
  place: Place = {},
): { rc: number; iova: number } =>
  iopt_map_user_pages(bed.k, place.iopt ?? bed.iopt, BUFFER + offset, {
    iova: place.iova ?? null,
    length,
    prot: place.prot ?? RW,
  });

export const mapFile = (
  bed: Bed,
  file: File | null,
  start: number,
  length: number,
  place: Place = {},
): { rc: number; iova: number } =>
  iopt_map_file_pages(bed.k, place.iopt ?? bed.iopt, file, start, {
    iova: place.iova ?? null,
    length,
    prot: place.prot ?? RW,
  });

export const fileOf = (kind: File['kind'], pages: number, layout: readonly LayoutPiece[] = []): File => ({
  kind,
  name: kind,
  pages,
  layout,
  cache: new Map(),
  shared: new Set(),
  refs: 1,
  mmio: 2 ** 20,
  revoked: false,
});

/** MD_CHECK_MAP: each mock page of the range is that of the buffer. */
export function checkMap(
  bed: Bed,
  domain: iommu_domain,
  iova: number,
  offset: number,
  length: number,
): boolean {
  for (let at = 0; at < length; at += MOCK_PAGE) {
    const address = BUFFER + offset + at;
    const page = bed.k.current.mm.vma.get(Math.floor(address / PAGE_SIZE));
    if (page === undefined) return false;
    if (iommu_iova_to_phys(domain, iova + at) !== page.pfn * PAGE_SIZE + (address % PAGE_SIZE)) return false;
  }
  return true;
}

/** MD_CHECK_REFS, for large folios as well: pins of the page of the buffer. */
export function pins(bed: Bed, offset: number): number {
  const page = bed.k.current.mm.vma.get(Math.floor((BUFFER + offset) / PAGE_SIZE));
  const folio = page === undefined ? undefined : bed.k.memory.folios.get(page.pfn);
  return folio === undefined ? -1 : pinsOf(folio);
}

export interface Driver {
  readonly access: iommufd_access;
  readonly taken: { readonly iova: number; readonly length: number }[];
  /** Calls of ops->unmap. */
  calls: number;
}

interface DriverKind {
  readonly deaf: boolean;
  readonly internal: boolean;
  /** 1 for an access that only copies. */
  readonly alignment: number;
}

/** A driver that unpins what it is told to; one that does not answer where `deaf`. */
export function driverOf(bed: Bed, iopt = bed.iopt, kind: Partial<DriverKind> = {}): Driver {
  const { deaf = false, internal = false, alignment = PAGE_SIZE } = kind;
  const driver: Driver = {
    access: {
      id: bed.k.nextId++,
      iova_alignment: alignment,
      internal,
      unmap: null,
      ioas: null,
      ioas_unpin: null,
    },
    taken: [],
    calls: 0,
  };
  driver.access.unmap = (iova, length) => {
    driver.calls++;
    if (deaf) return;
    for (const range of driver.taken.slice())
      if (range.iova < iova + length && range.iova + range.length > iova) {
        driver.taken.splice(driver.taken.indexOf(range), 1);
        iommufd_access_unpin_pages(bed.k, driver.access, range);
      }
  };
  const rc = iommufd_access_change_ioas(bed.k, driver.access, iopt);
  if (rc !== 0) throw new Error(`access: ${rc}`);
  return driver;
}

export const BASE = 2 ** 24;
export const at = (page: number): number => page * PAGE_SIZE;

export function pin(
  bed: Bed,
  driver: Driver,
  iova: number,
  pages: number,
): { rc: number; pfns: (number | undefined)[] } {
  const out = outPages(pages);
  const range = { iova, length: pages * PAGE_SIZE };
  const rc = iommufd_access_pin_pages(bed.k, driver.access, range, out, true);
  if (rc === 0) driver.taken.push(range);
  return { rc, pfns: [...out.data] };
}

export function unpin(bed: Bed, driver: Driver, n = 0): void {
  const [range] = driver.taken.splice(n, 1);
  iommufd_access_unpin_pages(bed.k, driver.access, range);
}

export const pagesOf = (bed: Bed): iopt_pages[] =>
  bed.iopt.area_itree.nodes.flatMap(({ of }) => (of.pages === null ? [] : [of.pages]));
