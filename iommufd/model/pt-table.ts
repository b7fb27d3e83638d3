// The nodes of a radix table, and what is read from them.

import type { iommu_domain } from './iommu.ts';
import { PT_ITEMS_LG2, itemLg2 } from './page-size.ts';

// MODEL: every table has four levels from the start; increase_top() is left out.
export const TOP_LEVEL = 3;

export interface Leaf {
  readonly type: 'oa';
  readonly iova: number;
  readonly oa: number;
  readonly lg2: number;
  readonly prot: number;
  /** The D bit; of a contiguous entry, that of any of its items. */
  dirty: boolean;
}

export interface pt_table {
  readonly type: 'table';
  readonly level: number;
  /** A contiguous entry stands at each of its items. */
  readonly items: Map<number, Leaf | pt_table>;
  freed: boolean;
}

export const newTable = (level: number): pt_table => ({
  type: 'table',
  level,
  items: new Map(),
  freed: false,
});

export const granule = (domain: iommu_domain): number => domain.pgsizes[0];
export const ITEMS = 2 ** PT_ITEMS_LG2;

export const indexAt = (domain: iommu_domain, level: number, va: number): number =>
  Math.floor(va / 2 ** itemLg2(granule(domain), level)) % ITEMS;

/** The leaf that translates an address. */
export function pt_lookup(domain: iommu_domain, iova: number): Leaf | null {
  let table = domain.top;
  for (;;) {
    const item = table.items.get(indexAt(domain, table.level, iova));
    if (item === undefined) return null;
    if (item.type === 'oa') return item;
    table = item;
  }
}

function walk(table: pt_table, tables: pt_table[], leaves: Leaf[]): void {
  for (const [index, item] of table.items) {
    if (item.type === 'table') {
      tables.push(item);
      walk(item, tables, leaves);
    } else if (table.items.get(index - 1) !== item) {
      /* The first item of a contiguous entry stands for it. */
      leaves.push(item);
    }
  }
}

/** Every table in reach of the top, but the top. */
export function tablesOf(domain: iommu_domain): pt_table[] {
  const tables: pt_table[] = [];
  walk(domain.top, tables, []);
  return tables;
}

/** Every leaf once, by iova. */
export function leavesOf(domain: iommu_domain): Leaf[] {
  const leaves: Leaf[] = [];
  walk(domain.top, [], leaves);
  return leaves.sort((a, b) => a.iova - b.iova);
}
