// The IOTLB, its invalidation, and the oracle. The hardware is the worst there can be: it caches every leaf and
// every walk the moment they are there, and takes a command from the queue only when somebody waits for it.

import type { iommu_domain, iommu_iotlb_gather } from './iommu.ts';
import { type Kernel, ULONG_MAX, note } from './kernel.ts';
import { type Leaf, type pt_table, leavesOf, tablesOf } from './pt-table.ts';

interface CachedLeaf {
  readonly iova: number;
  readonly oa: number;
  readonly size: number;
  readonly leaf: Leaf;
  /** The next write sets the D bit of the leaf; not where it was set, or nothing was tracked, when it was read. */
  marks: boolean;
}

/** A cached item of a table that leads to the next. */
interface CachedWalk {
  readonly va: number;
  readonly size: number;
  readonly table: pt_table;
}

export interface Iotlb {
  leaves: CachedLeaf[];
  walks: CachedWalk[];
}

export const iotlbOf = (): Iotlb => ({ leaves: [], walks: [] });

// MODEL: each domain has an IOMMU of its own, with one command queue, and no device TLB.

export type iommu_cmd =
  | { readonly kind: 'pages'; readonly address: number; readonly size: number; readonly pde: boolean }
  | { readonly kind: 'wait'; readonly data: number };

export interface amd_iommu {
  queue: { readonly domain: iommu_domain; readonly cmd: iommu_cmd }[];
  /** Last sequence number given out, and the last that the hardware has written back. */
  cmd_sem_val: number;
  cmd_sem: number;
  need_sync: boolean;
}

export const amdIommuOf = (): amd_iommu => ({ queue: [], cmd_sem_val: 0, cmd_sem: 0, need_sync: false });

export function iotlb_translated(domain: iommu_domain, leaf: Leaf): void {
  const marks = domain.dirty_tracking && !leaf.dirty;
  domain.iotlb.leaves.push({ iova: leaf.iova, oa: leaf.oa, size: 2 ** leaf.lg2, leaf, marks });
}

export function iotlb_walked(domain: iommu_domain, va: number, lg2: number, table: pt_table): void {
  const { walks } = domain.iotlb;
  if (!walks.some((walk) => walk.table === table))
    walks.push({ va: va - (va % 2 ** lg2), size: 2 ** lg2, table });
}

export const iommu_iotlb_gather_init = (): iommu_iotlb_gather => ({
  start: ULONG_MAX,
  end: 0,
  queued: false,
  freelist: [],
});

export const iommu_iotlb_gather_is_disjoint = (
  gather: iommu_iotlb_gather,
  iova: number,
  size: number,
): boolean => gather.end !== 0 && (iova + size - 1 + 1 < gather.start || iova > gather.end + 1);

export function iommu_iotlb_gather_add_range(gather: iommu_iotlb_gather, iova: number, size: number): void {
  gather.start = Math.min(gather.start, iova);
  gather.end = Math.max(gather.end, iova + size - 1);
}

/** The early sync frees the old freelist: what the new range covers is put on it only afterwards. */
export function gather_range_pending(
  k: Kernel,
  domain: iommu_domain,
  gather: iommu_iotlb_gather,
  iova: number,
  len: number,
  pending: pt_table[],
): void {
  if (!gather.queued) {
    if (domain.noGaps && iommu_iotlb_gather_is_disjoint(gather, iova, len))
      k.fn.iommu_iotlb_sync(k, domain, gather);
    iommu_iotlb_gather_add_range(gather, iova, len);
  }
  gather.freelist.push(...pending);
}

/** At the end of map_range(). */
export function map_range_flush(k: Kernel, domain: iommu_domain, gather: iommu_iotlb_gather): void {
  if (gather.freelist.length > 0) k.fn.iommu_iotlb_sync(k, domain, gather);
}

/** iommu_iotlb_sync(): the driver is called for a range that is not empty; then the gather is made anew. */
export function iommu_iotlb_sync(k: Kernel, domain: iommu_domain, gather: iommu_iotlb_gather): void {
  if (gather.start < gather.end) k.fn.amd_iommu_iotlb_sync(k, domain, gather);
  Object.assign(gather, { ...iommu_iotlb_gather_init(), queued: gather.queued });
}

/** amd_iommu_iotlb_sync(): flush, wait, and only then free the tables. */
export function amd_iommu_iotlb_sync(k: Kernel, domain: iommu_domain, gather: iommu_iotlb_gather): void {
  k.fn.amd_iommu_domain_flush_pages(k, domain, gather.start, gather.end, gather.freelist.length > 0);
  iommu_put_pages_list(k, gather.freelist);
}

export function iommu_put_pages_list(k: Kernel, freelist: readonly pt_table[]): void {
  for (const table of freelist) {
    if (table.freed) note(k, 'table-double-free', 'iommu_put_pages_list', `a table of level ${table.level}`);
    table.freed = true;
    for (const domain of k.domains)
      if (domain.iotlb.walks.some((walk) => walk.table === table))
        note(
          k,
          'table-freed-while-cached',
          'iommu_put_pages_list',
          `a table of level ${table.level} that the walk cache of domain ${domain.id} leads to`,
        );
  }
}

/** build_inv_address(): the smallest aligned power of two around both ends. */
export function build_inv_address(start: number, last: number): { address: number; size: number } {
  let size = 4096;
  while (Math.floor(start / size) !== Math.floor(last / size)) size *= 2;
  return { address: start - (start % size), size };
}

/** Invalidate, then wait for the completion of it. */
export function amd_iommu_domain_flush_pages(
  k: Kernel,
  domain: iommu_domain,
  start: number,
  last: number,
  pde: boolean,
): void {
  const { address, size } = build_inv_address(start, last);
  iommu_queue_command(domain, { kind: 'pages', address, size, pde });
  k.preempt?.('iommu_completion_wait');
  k.fn.iommu_completion_wait(k, domain);
}

export function iommu_queue_command(domain: iommu_domain, cmd: iommu_cmd): void {
  domain.iommu.queue.push({ domain, cmd });
  domain.iommu.need_sync = cmd.kind !== 'wait';
}

/** A wait that another CPU has queued covers this flush, but is not over for that: wait for the last number. */
export function iommu_completion_wait(_k: Kernel, domain: iommu_domain): void {
  if (domain.iommu.need_sync) otherCpuQueuesWait(domain);
  wait_on_sem(domain, domain.iommu.cmd_sem_val);
}

/** Another CPU takes the lock first, and queues the wait that covers what is in the queue. */
export function otherCpuQueuesWait(domain: iommu_domain): void {
  domain.iommu.cmd_sem_val++;
  iommu_queue_command(domain, { kind: 'wait', data: domain.iommu.cmd_sem_val });
}

/** The hardware works through its queue, in order, until the number is written back. */
export function wait_on_sem(domain: iommu_domain, data: number): void {
  const { iommu } = domain;
  while (iommu.cmd_sem < data) {
    const next = iommu.queue.shift();
    if (next === undefined) return;
    if (next.cmd.kind === 'wait') iommu.cmd_sem = next.cmd.data;
    else invalidate(next.domain, next.cmd);
  }
}

/* An entry larger than the command is not dropped. */
function invalidate(domain: iommu_domain, cmd: iommu_cmd & { kind: 'pages' }): void {
  const end = cmd.address + cmd.size;
  const { iotlb } = domain;
  const meets = (from: number, size: number): boolean => from < end && from + size > cmd.address;
  iotlb.leaves = iotlb.leaves.filter((entry) => entry.size > cmd.size || !meets(entry.iova, entry.size));
  if (cmd.pde) iotlb.walks = iotlb.walks.filter((walk) => !meets(walk.va, walk.size));
  /* The hardware walks again at once. */
  const cached = new Set(iotlb.leaves.map((entry) => entry.leaf));
  for (const leaf of leavesOf(domain)) if (!cached.has(leaf)) iotlb_translated(domain, leaf);
}

/** The oracle: with nothing under way, what is cached is what the table says. */
export function iotlb_check(k: Kernel, domain: iommu_domain, at: string): void {
  if (domain.iotlb.leaves.length === 0 && domain.iotlb.walks.length === 0) return;
  const leaves = new Set(leavesOf(domain));
  for (const entry of domain.iotlb.leaves)
    if (!leaves.has(entry.leaf))
      note(k, 'stale-iotlb-entry', at, `iova ${entry.iova} of domain ${domain.id}, ${entry.size} bytes`);
  const tables = new Set(tablesOf(domain));
  for (const walk of domain.iotlb.walks)
    if (!tables.has(walk.table))
      note(k, 'stale-iotlb-entry', at, `walk cache of domain ${domain.id} at iova ${walk.va}`);
}
