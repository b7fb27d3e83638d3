// A radix table as iommupt keeps it (generic_pt/iommu_pt.h): leaves of every power of two, where one between
// two levels is a contiguous entry; tables that a larger leaf replaces or an unmap empties go to the gather.

import { iotlb_translated, iotlb_walked } from './iotlb.ts';
import { type Kernel, EADDRINUSE, EINVAL, ENOMEM, ENXIO, ERANGE, should_fail, warn_on } from './kernel.ts';
import type { iommu_domain, iommu_iotlb_gather } from './iommu.ts';
import { itemLg2, pt_compute_best_pgsize, pt_pgsz_count, pt_pgsz_lg2_to_level } from './page-size.ts';
import { type Leaf, type pt_table, TOP_LEVEL, granule, indexAt, newTable } from './pt-table.ts';

/** Tables below an item, and whether a leaf is among them. */
function collect(table: pt_table, out: pt_table[]): boolean {
  out.push(table);
  for (const item of table.items.values()) if (item.type === 'oa' || collect(item, out)) return true;
  return false;
}

/** Empty tables under a new large leaf are freed through the gather; anything mapped is -EADDRINUSE. */
export function clear_contig(
  k: Kernel,
  domain: iommu_domain,
  table: pt_table,
  at: { readonly va: number; readonly index: number; readonly step: number },
  gather: iommu_iotlb_gather,
): number {
  const lg2 = itemLg2(granule(domain), table.level);
  for (let i = at.index; i < at.index + at.step; i++) {
    const item = table.items.get(i);
    if (item === undefined) continue;
    const pending: pt_table[] = [];
    if (item.type === 'oa' || collect(item, pending)) return EADDRINUSE;
    table.items.delete(i);
    k.fn.gather_range_pending(k, domain, gather, at.va + (i - at.index) * 2 ** lg2, 2 ** lg2, pending);
  }
  return 0;
}

/** The table of a level that covers an address, made on the way down. */
function descend(k: Kernel, domain: iommu_domain, va: number, level: number): pt_table | number {
  let table = domain.top;
  while (table.level > level) {
    const index = indexAt(domain, table.level, va);
    const item = table.items.get(index);
    if (item?.type === 'oa') return EADDRINUSE;
    if (item === undefined) {
      if (should_fail(k, 'map')) return ENOMEM;
      const made = newTable(table.level - 1);
      table.items.set(index, made);
      iotlb_walked(domain, va, itemLg2(granule(domain), table.level), made);
      table = made;
    } else {
      iotlb_walked(domain, va, itemLg2(granule(domain), table.level), item);
      table = item;
    }
  }
  return table;
}

function installLeaf(k: Kernel, domain: iommu_domain, leaf: Leaf, gather: iommu_iotlb_gather): number {
  const level = pt_pgsz_lg2_to_level(granule(domain), leaf.lg2);
  const table = descend(k, domain, leaf.iova, level);
  if (typeof table === 'number') return table;
  const step = 2 ** (leaf.lg2 - itemLg2(granule(domain), level));
  const index = indexAt(domain, level, leaf.iova);
  const rc = clear_contig(k, domain, table, { va: leaf.iova, index, step }, gather);
  if (rc !== 0) return rc;
  for (let i = 0; i < step; i++) table.items.set(index + i, leaf);
  iotlb_translated(domain, leaf);
  return 0;
}

const MAX_OA = 2 ** 51;

/** pt_iommu_ops.map_range(). */
export function map_range(
  k: Kernel,
  domain: iommu_domain,
  iova: number,
  paddr: number,
  len: number,
  prot: number,
): { readonly rc: number; readonly mapped: number } {
  const gather = k.fn.iommu_iotlb_gather_init();
  if (paddr + len > MAX_OA) return { rc: ERANGE, mapped: 0 };
  if (iova + len > 2 ** itemLg2(granule(domain), TOP_LEVEL + 1)) return { rc: ERANGE, mapped: 0 };
  const last_va = iova + len - 1;
  let mapped = 0;
  let rc = 0;
  while (rc === 0 && mapped < len) {
    const va = iova + mapped;
    const lg2 = pt_compute_best_pgsize(domain.pgsizes, va, last_va, paddr + mapped);
    if (lg2 === null) {
      rc = mapped === 0 ? ENXIO : EINVAL;
      break;
    }
    const leaves = pt_pgsz_count(domain.pgsizes, va, last_va, paddr + mapped, lg2);
    for (let i = 0; i < leaves && rc === 0; i++) {
      const leaf: Leaf = { type: 'oa', iova: iova + mapped, oa: paddr + mapped, lg2, prot, dirty: false };
      rc = installLeaf(k, domain, leaf, gather);
      if (rc === 0) mapped += 2 ** lg2;
    }
  }
  /* Walk caches may still lead to tables that a large leaf has replaced. */
  k.fn.map_range_flush(k, domain, gather);
  warn_on(k, rc === 0 && mapped !== len, 'map_range', `mapped ${mapped} of ${len} bytes`);
  return { rc, mapped };
}

interface Unmap {
  unmapped: number;
  readonly pending: pt_table[];
}

/** __unmap_range() of one table: stops at the first empty item; a leaf goes as a whole. */
function unmapTable(
  k: Kernel,
  domain: iommu_domain,
  table: pt_table,
  range: { readonly va: number; readonly last: number },
  out: Unmap,
): number {
  const size = 2 ** itemLg2(granule(domain), table.level);
  let { va } = range;
  while (va <= range.last) {
    const index = indexAt(domain, table.level, va);
    const item = table.items.get(index);
    if (item === undefined) return EINVAL;
    if (item.type === 'oa') {
      if (va !== item.iova) return EINVAL;
      const items = 2 ** item.lg2 / size;
      for (let i = 0; i < items; i++) table.items.delete(index + i);
      out.unmapped += 2 ** item.lg2;
      va += 2 ** item.lg2;
    } else {
      const start = va - (va % size);
      const last = Math.min(range.last, start + size - 1);
      const rc = k.fn.unmap_child(k, domain, item, { va, last }, out, () => {
        table.items.delete(index);
      });
      if (rc !== 0) return rc;
      va = start + size;
    }
  }
  return 0;
}

/** The item of a table is cleared after its children have succeeded, and only if the range covers all of it. */
export function unmap_child(
  k: Kernel,
  domain: iommu_domain,
  child: pt_table,
  range: { readonly va: number; readonly last: number },
  out: Unmap,
  clear: () => void,
): number {
  const size = 2 ** itemLg2(granule(domain), child.level + 1);
  const fully_covered = range.va % size === 0 && range.last === range.va + size - 1;
  const rc = unmapTable(k, domain, child, range, out);
  if (rc === 0 && fully_covered) {
    collect(child, out.pending);
    clear();
  }
  return rc;
}

/** pt_iommu_ops.unmap_range(). */
export function unmap_range(
  k: Kernel,
  domain: iommu_domain,
  iova: number,
  len: number,
  gather: iommu_iotlb_gather,
): number {
  const out: Unmap = { unmapped: 0, pending: [] };
  unmapTable(k, domain, domain.top, { va: iova, last: iova + len - 1 }, out);
  k.fn.gather_range_pending(k, domain, gather, iova, out.unmapped, out.pending);
  return out.unmapped;
}
