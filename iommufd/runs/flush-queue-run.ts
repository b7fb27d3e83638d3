// Steps of two CPUs and the IOMMU on a flush queue: no IOVA is used again while a translation of it is left.

import type { FlushQueueOp } from '../arbitraries/iotlb.ts';
import {
  FLUSH_QUEUE,
  type FlushQueueFunctions,
  drain,
  fq_ring_free_locked,
  iommu_dma_init_fq,
  spin_lock,
  timeouts,
  unmapInTurn,
  walk,
} from '../model/flush-queue.ts';

const RING = 4;

export const FLUSH_QUEUE_FAULTS: Readonly<Record<string, FlushQueueFunctions>> = {
  K30: { ...FLUSH_QUEUE, is_flushed: (cookie, entry) => entry.counter <= cookie.fq_flush_finish_cnt },
  K30b: {
    ...FLUSH_QUEUE,
    *when_full(cookie) {
      fq_ring_free_locked(cookie, { ...FLUSH_QUEUE, is_flushed: () => true });
    },
  },
  K30c: { ...FLUSH_QUEUE, *smp_mb() {} },
};

/** As on x86, where taking the lock is a locked instruction. */
export const lockDrains = (fn: FlushQueueFunctions): FlushQueueFunctions => ({
  ...fn,
  spin_lock: (cookie) => {
    drain(cookie);
    spin_lock(cookie);
  },
});

export interface FlushQueueOutcome {
  /** An IOVA that is used again while the IOTLB has it, or may get it; null for none. */
  readonly wrong: string | null;
  /** What was done, in order. */
  readonly steps: readonly string[];
  /** A flush was over, and the IOMMU read a PTE again whose clear was on its way. */
  readonly readAgain: boolean;
  readonly reused: number;
  /** All that what follows depends on: the shared state, and where either CPU is. */
  readonly state: string;
}

export function runFlushQueue(ops: readonly FlushQueueOp[], fn: FlushQueueFunctions): FlushQueueOutcome {
  const cookie = iommu_dma_init_fq(RING);
  const cpus = { CPU0: unmapInTurn(cookie, fn), CPU1: timeouts(cookie, fn) };
  const places = { CPU0: '', CPU1: '' };
  const steps: string[] = [];
  let readAgain = false;
  let wrong: string | null = null;
  for (const op of ops) {
    if (op === 'CPU0' || op === 'CPU1') {
      places[op] = cpus[op].next().value ?? '';
      steps.push(`${op}: ${places[op]}`);
    } else if (op === 'drain') {
      drain(cookie);
      steps.push("CPU0's stores reach memory");
    } else {
      readAgain ||= [...cookie.storeBuffer].some((iova) => !cookie.iotlb.has(iova));
      walk(cookie);
      steps.push('IOMMU walks');
    }
    const early = cookie.reused.find((iova) => cookie.iotlb.has(iova) || cookie.ptes.has(iova));
    if (early !== undefined) wrong = `iova ${early} is used again before it was flushed`;
    if (wrong !== null) break;
  }
  const { fq, ptes, iotlb, storeBuffer, reused } = cookie;
  const sets = [ptes, iotlb, storeBuffer].map((set) => [...set].sort((a, b) => a - b));
  const state = JSON.stringify([{ ...cookie, fq, ptes: 0, iotlb: 0, storeBuffer: 0 }, sets, places]);
  return { wrong, steps, readAgain, reused: reused.length, state };
}

const OPS: readonly FlushQueueOp[] = ['CPU0', 'CPU1', 'drain', 'walk'];

/** Every order of the steps, as long as no more than so many IOVAs are unmapped and flushes begun. */
export function exploreFlushQueue(
  fn: FlushQueueFunctions,
  bounds: { readonly iovas: number; readonly flushes: number },
): { readonly states: number; readonly wrong: readonly FlushQueueOp[] | null } {
  const inside = ({ steps }: FlushQueueOutcome): boolean =>
    steps.filter((step) => step.includes('clear the PTE')).length <= bounds.iovas &&
    steps.filter((step) => step.includes('start_cnt is')).length <= bounds.flushes;
  const seen = new Set<string>();
  let paths: (readonly FlushQueueOp[])[] = [[]];
  while (paths.length > 0) {
    const next: (readonly FlushQueueOp[])[] = [];
    for (const path of paths)
      for (const op of OPS) {
        const longer = [...path, op];
        const outcome = runFlushQueue(longer, fn);
        if (outcome.wrong !== null) return { states: seen.size, wrong: longer };
        if (seen.has(outcome.state) || !inside(outcome)) continue;
        seen.add(outcome.state);
        next.push(longer);
      }
    paths = next;
  }
  return { states: seen.size, wrong: null };
}
