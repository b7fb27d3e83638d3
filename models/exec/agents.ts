// Movers and agents: which steps commute with what others do, and what the hardware and the allocator do by themselves.

import type { Step } from '../../api/index.ts';
import type { Machine } from '../machine.ts';
import { streamsOf } from '../platforms/index.ts';
import type { View } from '../view.ts';
import type { State } from './context.ts';
import type { Iommu } from './iommu.ts';
import type { Memory } from './memory.ts';

/** Lipton's movers: what a step does to the freedom of the others. */
export type Mover = 'release' | 'acquire' | 'acquire or wait' | 'wait' | 'none';

export function moverOf(step: Step): Mover {
  switch (step.op) {
    case 'unlock':
    case 'folio_unlock':
    case 'srcu_read_unlock':
    /* queued at once or later: the agent takes it up when it likes */
    case 'iotlb_gather_sync':
    /* never changes */
    case 'gmem_huge_inode':
    /* waits for what nobody takes back */
    case 'iommu_completion_wait':
      return 'release';
    case 'srcu_read_lock':
    /*
     * under mmu_lock; what a vCPU does next to it either used its TLB, and may have done so before, or faults, and
     * may fault later
     */
    case 'tdp_mmu_zap_leafs':
      return 'acquire';
    case 'lock':
    /* takes mmu_lock, under which alone the count and the range are looked at */
    case 'kvm_mmu_invalidate_start':
      return 'acquire or wait';
    case 'kvm_gmem_get_folio':
    case 'filemap_lock_folio':
    case 'kvm_tdp_mmu_map':
    case 'kvm_mmu_invalidate_end':
    case 'wait_for_folio_refs':
    case 'folio_lock':
    case 'folio_try_get':
    case 'synchronize_srcu':
    case 'slot_state':
    case 'rmp_make_shared':
    case 'pin_folio':
    /* an IOTLB fill comes in just before these, see timelyOf(): they are never run on */
    case 'iommu_unmap_fast':
    case 'rmp_make_private':
    case 'snp_launch_update':
    case 'tdh_mem_page_add':
    case 'clear_highpage':
    case 'store_attributes':
    /* and an LRU batch is drained just before these */
    case 'folio_ref_count':
    case 'safe_refcount':
    case 'filemap_remove_folio':
      return 'wait';
    default:
      return 'none';
  }
}

/** The page with which the step may change what becomes of a translation, or -1. */
function changedBy(step: Step): number {
  switch (step.op) {
    case 'rmp_make_private':
    case 'snp_launch_update':
    case 'tdh_mem_page_add':
    case 'clear_highpage':
      return step.pfn;
    default:
      return -1;
  }
}

/**
 * Steps before which an IOTLB fill or the drain of an LRU batch is tried, see timelyOf(), also where a call begins
 * with them.
 */
export const mayForbid = (step: Step): boolean =>
  step.op === 'iommu_unmap_fast' ||
  changedBy(step) >= 0 ||
  step.op === 'store_attributes' ||
  step.op === 'safe_refcount' ||
  step.op === 'folio_ref_count' ||
  step.op === 'filemap_remove_folio';

/**
 * An IOTLB fill may wait until a pending step would forbid it, or the page behind it is no longer the
 * mapper's. The drain of an LRU batch may wait until references are counted.
 */
export function timelyOf(
  machine: Machine,
  view: View,
  steps: readonly Step[],
  agents: readonly Agent[],
): (m: State, agent: number, pending: Int32Array) => boolean {
  const { iopte, page_cache, inv_queue, private: attribute } = machine.at;
  const threads = machine.threads.length;
  const forbids = (m: State, iova: number, op: number): boolean => {
    const step = steps[op];
    if (step.op === 'iommu_unmap_fast') return true;
    if (changedBy(step) >= 0) return changedBy(step) === m[iopte + iova] - 1;
    if (step.op === 'store_attributes') return iova >= step.start && iova < step.end;
    return step.op === 'dma_translate' && step.iova === iova;
  };
  /** Somebody is about to count the references of the page, or it has left the page cache. */
  const isDrainTimely = (m: State, pfn: number, pending: Int32Array): boolean => {
    const index = view.indexOf(m, pfn);
    if (index < 0) return true;
    for (let thread = 0; thread < pending.length; thread++) {
      if (pending[thread] < 0) continue;
      const step = steps[pending[thread]];
      if (step.op === 'safe_refcount' && index >= step.start && index < step.end) return true;
      if ((step.op === 'folio_ref_count' || step.op === 'filemap_remove_folio') && step.index === index)
        return true;
    }
    return false;
  };
  return (m, agent, pending) => {
    const { fills: iova, drains } = agents[agent];
    if (drains !== undefined) return isDrainTimely(m, drains, pending);
    if (iova === undefined || m[iopte + iova] === 0) return true;
    /* an invalidation is queued that would drop the entry: seen by the agent that executes it */
    for (let t = 0; t < threads; t++) if (((m[inv_queue + t] >> iova) & 1) === 1) return true;
    const pfn = m[iopte + iova] - 1;
    if (
      view.isFree(m, pfn) ||
      m[page_cache + iova] !== pfn + 1 ||
      view.isGuestOwned(m, pfn) ||
      m[attribute + iova] === 1
    )
      return true;
    for (let thread = 0; thread < pending.length; thread++)
      if (pending[thread] >= 0 && forbids(m, iova, pending[thread])) return true;
    return false;
  };
}

export interface Agent {
  readonly name: string;
  readonly act: (m: State) => boolean;
  /** It fills the IOTLB at this iova. */
  readonly fills?: number;
  /** It drains the LRU batch that holds this page. */
  readonly drains?: number;
  /** Somebody may wait for it. */
  readonly helps?: boolean;
  /** It acts on what this thread has written down; those of its kind are listed by thread. */
  readonly serves?: number;
}

/** The devices ask for translations, and drop what they are told to drop. */
function deviceTlbAgents(
  { threads, pages, devices, config }: Machine,
  iommu: Iommu,
  stream: { readonly trusted: boolean; readonly private: boolean } | undefined,
): readonly Agent[] {
  const asks = stream !== undefined && !(config.platform === 'tdx' && stream.private);
  return [
    ...threads.map((thread, t) => ({
      name: `IOMMU: device TLB invalidation queued by ${thread.name}`,
      helps: true,
      serves: t,
      act: (m: State) => iommu.invalidateDevices(m, t),
    })),
    ...Array.from({ length: asks ? devices * pages : 0 }, (_, k) => {
      const device = Math.floor(k / pages);
      const iova = k % pages;
      return {
        name: `DEV ${device}: device TLB fill iova ${iova}`,
        act: (m: State) =>
          iommu.ask(m, device, iova, stream?.trusted === true ? 1 : 0, stream?.private === true ? 1 : 0),
      };
    }),
  ];
}

export function agentsOf(machine: Machine, iommu: Iommu, memory: Memory): readonly Agent[] {
  const { threads, pages, config, at } = machine;
  const stream = streamsOf(config)[0];
  const prefetched = config.platform === 'tdx' && stream?.private === true ? undefined : stream;
  return [
    ...threads.map((thread, t) => ({
      name: `IOMMU: invalidation queued by ${thread.name}`,
      helps: true,
      serves: t,
      act: (m: State) => iommu.invalidate(m, t),
    })),
    ...(config.ats === true ? deviceTlbAgents(machine, iommu, stream) : []),
    ...Array.from({ length: prefetched === undefined ? 0 : pages }, (_, iova) => ({
      name: `IOMMU: IOTLB fill iova ${iova}`,
      fills: iova,
      act: (m: State) =>
        iommu.prefetch(m, iova, prefetched?.trusted === true ? 1 : 0, prefetched?.private === true ? 1 : 0),
    })),
    { name: 'host: allocator reuses a free page', act: memory.reuse },
    ...Array.from({ length: config.base === 'v8' ? 2 * pages : 0 }, (_, pfn) => ({
      name: `host: the LRU batch that holds pfn ${pfn} is drained`,
      drains: pfn,
      act: (m: State) => memory.drain(m, pfn),
    })),
    ...(config.fail === null
      ? []
      : [
          {
            name: `host: next ${config.fail} fails`,
            act: (m: State) => {
              if (m[at.fail_next] === 1 || m[at.fail_used] === 1) return false;
              m[at.fail_next] = 1;
              return true;
            },
          },
        ]),
  ];
}
