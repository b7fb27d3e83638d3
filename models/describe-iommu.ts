// Words for what the IOMMU and the devices hold: translations, device TLBs, DMA in flight.

import { showRange } from '../api/index.ts';
import type { Machine } from './machine.ts';
import type { MachineState } from './view.ts';

/** Something that a reader wants to know of a state: which slots it is made of, and how it reads. */
export interface Fact {
  readonly field: string;
  readonly slots: readonly number[];
  readonly value: (m: MachineState) => string;
}

export const range = (n: number): number[] => Array.from({ length: n }, (_, k) => k);

/** `[0,2)` of the bits set. */
export function showMask(mask: number, space: string): string {
  if (mask === 0) return 'none';
  const bits = range(32).filter((bit) => ((mask >> bit) & 1) === 1);
  const runs: { start: number; end: number }[] = [];
  for (const bit of bits) {
    const last = runs.at(-1);
    if (last !== undefined && last.end === bit) last.end++;
    else runs.push({ start: bit, end: bit + 1 });
  }
  return `${space} ${runs.map(showRange).join(', ')}`;
}

/** A table of translations with a leaf size and, on SNP, the kind at the time of the install. */
export function translations(machine: Machine, name: string, table: string): Fact[] {
  const { at, pages } = machine;
  const huge = at[`${table}_huge`];
  const kind = at[`${table}_private`];
  return range(pages).map((page) => ({
    field: `${name}[iova ${page}]`,
    slots: [at[table] + page, huge + page, ...(kind === undefined ? [] : [kind + page])],
    value: (m) => {
      const pfn = m[at[table] + page] - 1;
      if (pfn < 0) return 'none';
      const isPrivate = kind !== undefined && m[kind + page] === 1 ? ', private' : '';
      return `pfn ${pfn}, ${m[huge + page] === 1 ? '2M' : '4K'}${isPrivate}`;
    },
  }));
}

export function deviceTlbFacts({ at, pages, devices, threads, config }: Machine): Fact[] {
  if (config.ats !== true) return [];
  const entry = (k: number): Fact => ({
    field: `device TLB[iova ${k % pages}] of DEV ${Math.floor(k / pages)}`,
    slots: [at.device_tlb + k, at.device_tlb_huge + k],
    value: (m) =>
      m[at.device_tlb + k] === 0
        ? 'none'
        : `pfn ${m[at.device_tlb + k] - 1}, ${m[at.device_tlb_huge + k] === 1 ? '2M' : '4K'}`,
  });
  return [
    ...range(devices * pages).map(entry),
    ...threads.map(({ name }, t) => ({
      field: `device TLB invalidation queued by ${name}`,
      slots: [at.device_inv_queue + t],
      value: (m: MachineState) => showMask(m[at.device_inv_queue + t], 'iova'),
    })),
  ];
}

const PHYS = ['no dma-buf', 'a dma-buf, revoked', 'a dma-buf'];

export function dmabufFacts({ at, pages }: Machine): Fact[] {
  if (at.dmabuf_pages === undefined) return [];
  return [
    {
      field: 'priv->revoked',
      slots: [at.dmabuf_revoked],
      value: (m) => (m[at.dmabuf_revoked] === 1 ? 'true' : 'false'),
    },
    ...range(pages).map((iova) => ({
      field: `pages of area[iova ${iova}]`,
      slots: [at.dmabuf_pages + iova, at.dmabuf_tracked + iova],
      value: (m: MachineState) =>
        `${PHYS[m[at.dmabuf_pages + iova]] ?? 'unknown'}${m[at.dmabuf_tracked + iova] === 1 ? ', tracked' : ''}`,
    })),
  ];
}

export function dmaFacts(machine: Machine): Fact[] {
  const { at, devices } = machine;
  const parts = ['dma', 'dma_iova', 'dma_write', 'dma_private', 'dma_trusted', 'dma_huge', 'dma_checked'];
  return range(devices).map((device) => ({
    field: `DMA of DEV ${device}`,
    slots: [...parts, 'dma_clean'].map((part) => at[part] + device),
    value: (m) => {
      if (m[at.dma + device] === 0) return 'none';
      const kind = m[at.dma_private + device] === 1 ? 'private ' : '';
      const what = m[at.dma_write + device] === 1 ? 'write' : 'read';
      const checked = m[at.dma_checked + device] === 1 ? '' : ', to be checked again';
      return `${kind}${what} to iova ${m[at.dma_iova + device]} -> pfn ${m[at.dma + device] - 1}, in flight${checked}`;
    },
  }));
}
