// An IOMMU domain: its page table, its IOTLB, and iommu_map() / iommu_unmap() of iommu.c on them.

import { type Iotlb, type amd_iommu, amdIommuOf, iotlbOf } from './iotlb.ts';

import { type Kernel, PAGE_SIZE, note, should_fail, warn_on } from './kernel.ts';
import { everySize } from './page-size.ts';
import { type pt_table, TOP_LEVEL, newTable, pt_lookup } from './pt-table.ts';

export const IOMMU_READ = 1;
export const IOMMU_WRITE = 2;
export const IOMMU_CACHE = 4;
export const IOMMU_MMIO = 8;

export interface iommu_domain {
  readonly id: number;
  /** pgsize_bitmap, as exponents, ascending; the first is the granule of the table. */
  readonly pgsizes: readonly number[];
  readonly aperture_start: number;
  readonly aperture_end: number;
  /** PT_FEAT_FLUSH_RANGE_NO_GAPS. */
  readonly noGaps: boolean;
  /** dirty_ops, of which AMD has both functions: IOMMU_HWPT_ALLOC_DIRTY_TRACKING. */
  readonly dirty_ops: boolean;
  dirty_tracking: boolean;
  readonly top: pt_table;
  readonly iotlb: Iotlb;
  readonly iommu: amd_iommu;
}

/** struct iommu_iotlb_gather. */
export interface iommu_iotlb_gather {
  start: number;
  end: number;
  queued: boolean;
  freelist: pt_table[];
}

export interface DomainOptions {
  readonly pgsizes?: readonly number[];
  readonly aperture?: readonly [number, number];
  readonly noGaps?: boolean;
  readonly dirty_ops?: boolean;
}

/** Without options that of the selftest, but for a table of four levels from the start. */
export function iommu_domain_alloc(k: Kernel, options: DomainOptions = {}): iommu_domain {
  const pgsizes = options.pgsizes ?? everySize(11, 34);
  const domain: iommu_domain = {
    id: k.nextId++,
    pgsizes,
    aperture_start: options.aperture?.[0] ?? 2 ** 24,
    aperture_end: options.aperture?.[1] ?? 2 ** 31 - 1,
    noGaps: options.noGaps ?? false,
    dirty_ops: options.dirty_ops ?? false,
    dirty_tracking: false,
    top: newTable(TOP_LEVEL),
    iotlb: iotlbOf(),
    iommu: amdIommuOf(),
  };
  k.domains.push(domain);
  return domain;
}

export function iommu_iova_to_phys(domain: iommu_domain, iova: number): number {
  const leaf = pt_lookup(domain, iova);
  return leaf === null ? 0 : leaf.oa + (iova - leaf.iova);
}

function judgeInstalled(k: Kernel, domain: iommu_domain, iova: number, paddr: number, size: number): void {
  for (let pfn = Math.floor(paddr / PAGE_SIZE); pfn * PAGE_SIZE < paddr + size; pfn++) {
    const folio = k.memory.folios.get(pfn);
    if (folio?.freed === true)
      note(k, 'freed-page-installed', 'iommu_map', `iova ${iova} of domain ${domain.id} -> freed pfn ${pfn}`);
  }
}

/** iommu_map(): an errno leaves nothing of this call mapped. */
export function iommu_map(
  k: Kernel,
  domain: iommu_domain,
  iova: number,
  paddr: number,
  size: number,
  prot: number,
): number {
  const done = should_fail(k, 'map')
    ? { rc: -12, mapped: 0 }
    : k.fn.map_range(k, domain, iova, paddr, size, prot);
  judgeInstalled(k, domain, iova, paddr, done.mapped);
  if (done.rc !== 0) {
    k.fn.iommu_unmap(k, domain, iova, done.mapped);
    return done.rc;
  }
  return 0;
}

/** iommu_unmap(): bytes unmapped; on return no cached translation of them is left. */
export function iommu_unmap(k: Kernel, domain: iommu_domain, iova: number, size: number): number {
  const gather = k.fn.iommu_iotlb_gather_init();
  const unmapped = size === 0 ? 0 : k.fn.unmap_range(k, domain, iova, size, gather);
  k.fn.iommu_iotlb_sync(k, domain, gather);
  return unmapped;
}

export function iommu_unmap_nofail(k: Kernel, domain: iommu_domain, iova: number, size: number): void {
  const ret = k.fn.iommu_unmap(k, domain, iova, size);
  warn_on(k, ret !== size, 'iommu_unmap_nofail', `unmapped ${ret} of ${size} bytes at iova ${iova}`);
}
