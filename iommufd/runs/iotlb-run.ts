// Operations on one domain, against a list of what must be mapped, and the oracle of iommufd/model/iotlb.ts.

import type { DomainOp } from '../arbitraries/iotlb.ts';
import type { Functions } from '../model/functions.ts';
import { IOMMU_READ, iommu_domain_alloc } from '../model/iommu.ts';
import { iotlb_check, otherCpuQueuesWait } from '../model/iotlb.ts';
import { kernelOf } from '../model/kernel-of.ts';
import { type Finding, type Kernel, PAGE_SIZE, note } from '../model/kernel.ts';
import { reachable } from '../model/memory.ts';
import { everySize } from '../model/page-size.ts';
import { type pt_table, leavesOf, tablesOf } from '../model/pt-table.ts';

/** First page of the IOVA space and of memory that the operations use. */
const BASE = 2 ** 30;
const OUT_OF_THE_WAY = 2 ** 32;

interface Span {
  readonly iova: number;
  readonly pa: number;
  readonly size: number;
}

/** A second table, as a list of leaves: what iommu_unmap() must remove, and how much it returns. */
function expectedUnmap(leaves: Span[], iova: number, length: number): { left: Span[]; gone: Span[] } {
  const gone = new Set<Span>();
  const at = new Map(leaves.map((leaf) => [leaf.iova, leaf]));
  for (let va = iova; va < iova + length;) {
    const leaf = at.get(va);
    if (leaf === undefined) break;
    gone.add(leaf);
    va += leaf.size;
  }
  return { left: leaves.filter((leaf) => !gone.has(leaf)), gone: [...gone] };
}

export interface DomainOutcome {
  readonly findings: readonly Finding[];
}

export function runDomain(ops: readonly DomainOp[], fn: Functions, noGaps: boolean): DomainOutcome {
  const k = kernelOf(fn);
  const domain = iommu_domain_alloc(k, { pgsizes: everySize(12, 38), aperture: [0, 2 ** 40], noGaps });
  const seen = new Set<pt_table>();
  let leaves: Span[] = [];
  for (const op of ops) {
    const iova = BASE + op.iova * PAGE_SIZE;
    const size = op.length * PAGE_SIZE;
    let gone: Span[] = [];
    if (op.op === 'map') {
      k.fail = op.fail;
      k.failPoints = 0;
      const before = leaves;
      const rc = k.fn.iommu_map(k, domain, iova, BASE + op.pfn * PAGE_SIZE, size, IOMMU_READ);
      k.fail = 0;
      leaves = leavesOf(domain).map((leaf) => ({ iova: leaf.iova, pa: leaf.oa, size: 2 ** leaf.lg2 }));
      judgeMap(k, before, leaves, { iova, pa: BASE + op.pfn * PAGE_SIZE, size: rc === 0 ? size : 0 });
    } else if (op.op === 'touch') {
      if (k.fn.iommu_map(k, domain, iova, BASE + OUT_OF_THE_WAY, size, IOMMU_READ) === 0)
        k.fn.iommu_unmap(k, domain, iova, size);
    } else {
      const want = expectedUnmap(leaves, iova, size);
      ({ left: leaves, gone } = want);
      k.preempt = op.otherCpu
        ? () => {
            otherCpuQueuesWait(domain);
          }
        : null;
      k.fn.iommu_unmap(k, domain, iova, size);
      k.preempt = null;
    }
    judgeDomain(k, leaves, gone, seen);
  }
  return { findings: k.findings };
}

/** What a map adds is what was asked for; what was there stays. */
function judgeMap(k: Kernel, before: readonly Span[], after: readonly Span[], asked: Span): void {
  const bytes = (spans: readonly Span[]): number => spans.reduce((sum, span) => sum + span.size, 0);
  if (bytes(after) !== bytes(before) + asked.size)
    note(k, 'warn', 'iommu_map', `${bytes(after)} bytes are mapped, ${bytes(before) + asked.size} should be`);
  for (const span of after)
    if (
      span.iova >= asked.iova &&
      span.iova < asked.iova + asked.size &&
      span.pa - asked.pa !== span.iova - asked.iova
    )
      note(k, 'warn', 'iommu_map', `iova ${span.iova} -> ${span.pa}`);
}

function judgeDomain(k: Kernel, leaves: readonly Span[], gone: readonly Span[], seen: Set<pt_table>): void {
  const [domain] = k.domains;
  const now = leavesOf(domain);
  const wanted = [...leaves].sort((a, b) => a.iova - b.iova);
  const same = now.length === leaves.length && now.every((leaf, i) => leaf.iova === wanted[i].iova);
  if (!same) note(k, 'warn', 'iommu_unmap', `${now.length} leaves in the table, ${leaves.length} should be`);
  /* The caller frees the pages as soon as it is back. */
  const ends = gone.length === 0 ? [] : [gone[0], gone[gone.length - 1]];
  for (const { pa, size } of ends)
    for (const address of [pa, pa + size - PAGE_SIZE]) {
      if (leaves.some((leaf) => address >= leaf.pa && address < leaf.pa + leaf.size)) continue;
      const by = reachable(k, address / PAGE_SIZE);
      if (by !== null) note(k, 'page-freed-while-mapped', 'iommu_unmap', `pfn ${address / PAGE_SIZE}: ${by}`);
    }
  iotlb_check(k, domain, 'iommu_unmap');
  const there = new Set(tablesOf(domain));
  for (const walk of domain.iotlb.walks) seen.add(walk.table);
  for (const table of there) seen.add(table);
  for (const table of seen)
    if (!table.freed && !there.has(table))
      note(k, 'table-leaked', 'iommu_unmap', `a table of level ${table.level} is neither linked nor freed`);
}
